"""Is each finding in one latent, and each latent about one finding? AUG, SAP, DCI and UDR.

Axes: N examples, D latents (or blocks of them), L labels. With many latents the best of pure noise looks good, so AUG and
SAP pick their latents on train and score them on test. MIG and other scores of information: `dirvae.metrics.information`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import entr

from dirvae.metrics.probes import LabelledCodes

TREES, LEAVES = 50, 8  # of each boosted classifier: enough for a perfect latent, too few to grow into noise


class Gap(NamedTuple):
    """The gap of each label [L]: the latent that won on train, and its score on test less that of train's runner-up."""

    winner: np.ndarray
    value: np.ndarray


def order(strength: Float[np.ndarray, "D L"]) -> Int[np.ndarray, " D"]:
    """Latents grouped by the label that each tells best, strongest first within a group."""
    return np.lexsort((-strength.max(axis=1), strength.argmax(axis=1)))


def top_two(score: Float[np.ndarray, "D L"]) -> tuple[Int[np.ndarray, " L"], Int[np.ndarray, " L"]]:
    """Winner and runner-up among at least two latents, for each label; the earlier one at a tie."""
    best, second = np.argsort(-score, axis=0, kind="stable")[:2]
    return best, second


def gap(train: Float[np.ndarray, "D L"], test: Float[np.ndarray, "D L"]) -> Gap:
    """Winner and runner-up among at least two latents by the score on train, and their difference on test."""
    best, second = top_two(train)
    labels = np.arange(train.shape[1])
    return Gap(best, test[best, labels] - test[second, labels])


class _Ranked(NamedTuple):
    """A latent's distinct values, ascending [G], and how many positives and negatives of each label have them [G, L]."""

    value: np.ndarray
    positive: np.ndarray
    negative: np.ndarray


def _ranked(split: LabelledCodes) -> Iterator[_Ranked]:
    """One sorting of each latent serves all labels, masked or not."""
    counted = np.concatenate([split.weight * split.target, split.weight * (1 - split.target)], axis=1)
    for column in split.code.T:
        order = np.argsort(column, kind="stable")
        first = np.flatnonzero(np.r_[True, np.diff(column[order]) > 0])
        sums = np.add.reduceat(counted[order].astype(np.float64), first, axis=0)
        yield _Ranked(column[order][first].astype(np.float64), *np.split(sums, 2, axis=1))


def auc_matrix(split: LabelledCodes) -> Float[np.ndarray, "D L"]:
    """AUROC of every latent, as it stands, for every label: ties count half, unknown labels do not; NaN without both values.

    AUC = P(z+ > z-) + P(z+ = z-)/2, summed over distinct values: what midranks give, but for every mask at once.
    """
    wins = []
    for _, positive, negative in _ranked(split):
        below = np.cumsum(negative, axis=0) - negative
        wins.append(np.sum(positive * (below + 0.5 * negative), axis=0))
    totals = [(split.weight * value).sum(axis=0, dtype=np.float64) for value in (split.target, 1 - split.target)]
    pairs = np.broadcast_to(totals[0] * totals[1], np.shape(wins))
    return np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def strength(split: LabelledCodes) -> Float[np.ndarray, "D L"]:
    """A = |2 AUC - 1| of every latent for every label: how well it alone ranks the label, in either direction."""
    return np.abs(2.0 * auc_matrix(split) - 1.0)


def aug(train: LabelledCodes, test: LabelledCodes) -> Gap:
    """AUROC gap: of A = |2 AUC - 1|, the winner's less the runner-up's. 1: one latent ranks the label perfectly, no other
    at all. The same for every monotone transform of a latent."""
    return gap(strength(train), strength(test))


def sap(train: LabelledCodes, test: LabelledCodes) -> Gap:
    """Separated attribute predictability (Kumar et al. 2018): gap of the latents' accuracies as linear classifiers.

    A linear classifier of one latent is a threshold and a direction. Here it is the best one on train, exactly.
    Accuracy is balanced, (sensitivity + specificity)/2, so that noise has 1/2 and a perfect code 1/2 more at any prevalence.
    The original fits a support vector machine with balanced classes and counts plain accuracy.
    """
    cuts = [_best_cut(ranked) for ranked in _ranked(train)]
    counted = [split.weight * value for split, value in ((test, test.target), (test, 1 - test.target))]
    positive, negative = (values / values.sum(axis=0, dtype=np.float64) for values in counted)
    trained, tested = [], []
    for column, (threshold, youden) in zip(test.code.T, cuts, strict=True):
        above = column[:, None] >= threshold
        trained.append(0.5 + 0.5 * np.abs(youden))
        tested.append(0.5 + 0.5 * np.sign(youden) * np.sum(above * (positive - negative), axis=0))
    return gap(np.stack(trained), np.stack(tested))


def _best_cut(ranked: _Ranked) -> tuple[np.ndarray, np.ndarray]:
    """Threshold, midway between two values, and Youden's J = P(z+ >= t) - P(z- >= t) of largest size, for each label [L]."""
    above, false = (counts[::-1].cumsum(axis=0)[::-1] / counts.sum(axis=0) for counts in ranked[1:])
    best = np.argmax(np.abs(above - false), axis=0)
    labels = np.arange(above.shape[1])
    threshold = 0.5 * (ranked.value[best] + ranked.value[np.maximum(best - 1, 0)])
    return threshold, (above - false)[best, labels]


class Dci(NamedTuple):
    """Disentanglement (a latent serves one label) and completeness (a label is served by one latent), 0 to 1."""

    disentanglement: float
    completeness: float


def dci(importance: Float[np.ndarray, "D L"]) -> Dci:
    """Eastwood & Williams 2018, from importances R >= 0 of D latents for L labels (two of each at least).

    D = sum_j rho_j (1 - H_L(R_j./sum_k R_jk)), H_L the entropy to base L, rho_j the share of latent j in sum R.
    C is the same of the transposed matrix, to base D. Both are 0 where nothing is important.
    """
    return Dci(_concentration(importance), _concentration(importance.T))


def _concentration(rows: np.ndarray) -> float:
    mass = rows.sum(axis=1)
    if not mass.any():
        return 0.0
    shares = rows[mass > 0] / mass[mass > 0, None]
    certainty = 1.0 - entr(shares).sum(axis=1) / np.log(rows.shape[1])
    return float(np.average(certainty, weights=mass[mass > 0]))


def gain_importances(split: LabelledCodes, num_threads: int = 1, seed: int = 0) -> Float[np.ndarray, "D L"]:
    """Share of each latent in the loss that boosted trees save in telling a label: each column sums to 1, or 0 unsplit.

    Each label has one binary classifier, and any number of threads gives the same numbers. One thread is the default because
    LightGBM's threads spin while they wait: on cores that others use too, two took a hundred times longer. Weights of linear
    probes with an L1 penalty, which are used elsewhere, are not taken: by those a random code has D = .54.
    """
    import lightgbm  # here, since only this needs it

    parameters = {"objective": "binary", "num_leaves": LEAVES, "seed": seed, "num_threads": num_threads}
    parameters |= {"deterministic": True, "force_row_wise": True, "verbosity": -1}
    columns = []
    for label in range(split.target.shape[1]):
        rows = split.weight[:, label] > 0
        data = lightgbm.Dataset(split.code[rows], split.target[rows, label])
        columns.append(lightgbm.train(parameters, data, TREES).feature_importance("gain"))
    gains = np.stack(columns, axis=1).astype(np.float64)
    total = gains.sum(axis=0)
    return gains / np.where(total > 0, total, 1.0)


def udr(
    first: Float[np.ndarray, "N D1"],
    second: Float[np.ndarray, "N D2"],
    informative: tuple[Bool[np.ndarray, " D1"], Bool[np.ndarray, " D2"]] | None = None,
) -> float:
    """Unsupervised disentanglement ranking of two seeds' codes of the same examples (Duan et al. 2020), with Spearman's R.

    It is [sum_b r_b^2/sum_a R_ab + sum_a r_a^2/sum_b R_ab]/(D1 + D2), with r the largest of |R| in a column or row. It is 1 where
    the latents are uncorrelated among themselves and the same in both codes, up to order, sign and monotone transform. It takes
    the `informative` latents, by default those that vary (the paper: a KL above .01 nats), and is 0 where a code has none.
    """
    from scipy import stats  # here, since importing it takes as long as importing JAX

    codes = (first, second)
    kept = informative or tuple(np.ptp(code, axis=0) > 0 for code in codes)
    ranks = [stats.rankdata(code[:, mask], axis=0) for code, mask in zip(codes, kept, strict=True)]
    if not all(rank.size for rank in ranks):
        return 0.0
    a, b = ((rank - rank.mean(axis=0)) / rank.std(axis=0) for rank in ranks)
    correlation = np.abs(a.T @ b) / len(a)
    strengths = [table.max(axis=0) ** 2 / table.sum(axis=0) for table in (correlation, correlation.T)]
    return float(np.concatenate(strengths).mean())
