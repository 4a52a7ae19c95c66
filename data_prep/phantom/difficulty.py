"""How hard the phantom is for a linear model, how often confounders occur, and how fast it is drawn.

    python -m data_prep.phantom.difficulty

prints markdown: AUROC of principal components with logistic regression a finding, on true labels of the clean test split;
P(confounder) of every split of `shortcut`; images drawn a second on one core.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data_prep.phantom import Phantom, PhantomConfig, quantise, render
from data_prep.phantom.factors import CONFOUNDERS
from data_prep.phantom.population import VISIBLE, Population, sample, true_labels
from dirvae.labels import FINDINGS, POSITIVE


def split(config: PhantomConfig, name: str, size: int) -> tuple[Population, np.ndarray]:
    """Everyone in a split, and their images as uint8 [n, S, S]."""
    made = Phantom(config, size)
    parts = [sample(config, name, number, count) for number, count in enumerate(made._sizes(made.counts()[name]))]
    people = Population(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return people, quantise(render(people.factors, people.seeds, size))


def linear_auroc(config: PhantomConfig, size: int, components: int = 80) -> dict[str, float]:
    """Test AUROC of each finding: PCA of the pixels and one logistic regression, trained on observed labels."""
    (train, images), (test, others) = split(config, "train", size), split(config, "test", size)
    pca = PCA(components, whiten=True, random_state=0).fit(images.reshape(len(images), -1) / 255.0)
    x, z = (
        pca.transform(images.reshape(len(images), -1) / 255.0),
        pca.transform(others.reshape(len(others), -1) / 255.0),
    )
    truth, found = true_labels(test.factors), {}
    for finding in VISIBLE:
        column = FINDINGS.index(finding)
        model = LogisticRegression(max_iter=500).fit(x, train.labels[:, column] == POSITIVE)
        found[finding] = float(roc_auc_score(truth[:, column] == POSITIVE, model.predict_proba(z)[:, 1]))
    return found


def images_per_second(size: int, count: int = 512) -> float:
    """On one core, of processor time."""
    people = sample(PhantomConfig(), "train", 0, count)
    render(people.factors[:32], people.seeds[:32], size)
    began = time.process_time()
    render(people.factors, people.seeds, size)
    return count / (time.process_time() - began)


def main(arguments: list[str] | None = None) -> None:
    flags = argparse.ArgumentParser(
        prog="python -m data_prep.phantom.difficulty",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("--size", type=int, default=64, help="pixels")
    chosen = flags.parse_args(arguments)
    scores = linear_auroc(PhantomConfig(test=2000), chosen.size)
    print("| finding | PCA + logistic regression, AUROC |\n|---|---|")
    for finding, score in scores.items():
        print(f"| {finding} | {score:.3f} |")
    print(f"| **macro** | **{np.mean(list(scores.values())):.3f}** |\n")
    shortcut = PhantomConfig("shortcut", 2000, 500, 1000, rho=0.9)
    rates = Phantom(shortcut, chosen.size).facts()["probability"]
    print("| split of `shortcut` (token, rho .9) | " + " | ".join(CONFOUNDERS) + " |")
    print("|---" * (len(CONFOUNDERS) + 1) + "|")
    for name, row in rates.items():
        print(f"| {name} | " + " | ".join(f"{row[c]:.2f}" for c in CONFOUNDERS) + " |")
    print(f"\n{images_per_second(chosen.size):,.0f} images of {chosen.size} x {chosen.size} a second on one core")


if __name__ == "__main__":
    main()
