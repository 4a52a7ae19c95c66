"""Measures how hard the phantom is for a linear model, and how fast it is drawn.

    python -m data_prep.phantom.difficulty

Prints tables (markdown): for each finding, the test AUROC of principal components with logistic regression; P(confounder) in every split
of `shortcut`; and how many images one core draws in a second.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data_prep.phantom import CONFOUNDERS, Phantom, PhantomConfig, named, quantise, render
from data_prep.phantom.reports import SHOWN
from dirvae.config import command_line
from dirvae.config.command_line import Parser, one_of, whole
from dirvae.labels import FINDINGS, POSITIVE, apply_policies


def linear_auroc(config: PhantomConfig, components: int = 80) -> dict[str, float]:
    """Test AUROC of each finding: PCA of the pixels and a logistic regression, fitted to the observed training labels.

    Labels are read with the default policies: uncertain ones are left out, not mentioned is negative.
    """
    made = Phantom(config)
    train, test = made.whole("train"), made.whole("test")
    pixels, others = (
        quantise(render(people.factors, people.seeds, config.image_size)).reshape(len(people.seeds), -1)
        / np.float32(255.0)
        for people in (train, test)
    )
    pca = PCA(components, whiten=True, svd_solver="randomized", random_state=0).fit(pixels)
    codes, other_codes = pca.transform(pixels), pca.transform(others)
    targets, scores = apply_policies(train.labels), {}
    for finding in SHOWN:
        at = FINDINGS.index(finding)
        known = targets.weight[:, at] > 0
        model = LogisticRegression(max_iter=500).fit(codes[known], targets.target[known, at])
        scores[finding] = float(roc_auc_score(test.labels[:, at] == POSITIVE, model.decision_function(other_codes)))
    return scores


def images_per_second(size: int, count: int = 512) -> float:
    """Images drawn a second of processor time on one core."""
    people = Phantom(PhantomConfig(train=count)).whole("train")
    render(people.factors[:32], people.seeds[:32], size)
    began = time.process_time()
    render(people.factors, people.seeds, size)
    return count / (time.process_time() - began)


def scores_table(scores: dict[str, float], prevalence: dict[str, float]) -> str:
    lines = ["| finding | prevalence | PCA + logistic regression, AUROC |", "|---|---|---|"]
    lines += [f"| {finding} | {prevalence[finding]:.2f} | {score:.3f} |" for finding, score in scores.items()]
    return "\n".join([*lines, f"| **macro** | | **{np.mean(list(scores.values())):.3f}** |"])


def shares_table(config: PhantomConfig) -> str:
    """P(confounder | finding), P(confounder | no finding) of every split, for the confounder that the config ties."""
    shares = Phantom(config).facts()["probability"]
    lines = [f"| split | P({config.confounder}) | given {config.finding} | given none |", "|---|---|---|---|"]
    for split, found in shares.items():
        lines.append(
            f"| {split} | "
            + " | ".join(f"{found[config.confounder][key]:.2f}" for key in ("all", "positive", "negative"))
            + " |"
        )
    return "\n".join(lines)


def parser() -> Parser:
    flags = Parser("data_prep.phantom.difficulty", __doc__ or "")
    flags.add_argument("--image_size", type=whole(32, 256), default=64, help="pixels, height and width")
    flags.add_argument("--confounder", default="token", help="confounder of `shortcut`", **one_of(CONFOUNDERS))
    flags.add_argument("--rho", type=float, default=0.9, help="strength of `shortcut`, from -1 to 1")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Prints the three tables."""
    size = flags.image_size
    clean = named("clean", test=2000, image_size=size)
    shortcut = named("shortcut", confounder=flags.confounder, rho=flags.rho, image_size=size)
    scores = linear_auroc(clean)
    shares = Phantom(clean).facts()["probability"]["test"]
    print(scores_table(scores, {finding: shares[finding]["all"] for finding in scores}), end="\n\n")
    print(f"`shortcut` with rho = {flags.rho:g}:\n\n{shares_table(shortcut)}\n")
    print(f"{images_per_second(size):,.0f} images of {size} x {size} a second on one core")


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
