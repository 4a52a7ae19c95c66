"""Information of latents about binary labels: MIG, modularity and InfoMEC, read off one table of mutual information.

Axes: N examples, D latents, L labels (two of each at least). Targets are 0 or 1; weights are 0 where a label is not known.
Information is in nats and plug-in: it is overestimated by about (bins - 1)/(2 N), which is much for a rare label in a small
sample. Scores should be read against those of permuted codes (`dirvae.metrics.latent_panel`).
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy.special import entr

from dirvae.metrics.probes import LabelledCodes, known, log_odds

BINS = 20
ROUNDING = 1e-12  # nats below which information is rounding error


def discretise(code: Float[np.ndarray, "N D"], bins: int = BINS) -> Int[np.ndarray, "N D"]:
    """Bins of equal mass, floor(bins (midrank - 1/2)/N): equal values share a bin, a constant latent has one.

    Bins have equal mass and not equal width, so they are the same for z, log z and any increasing transform. Log ratios of sparse
    simplex points, whose tails reach far, do not end up in two or three bins. Rare labels pay the price: a continuous code cannot
    tell apart what shares a bin. Even a perfect one shows, of a label with prevalence p < 1/bins, at most
    1 - entropy(bins p)/(bins entropy(p)) of the entropy (.75 at 3 %).
    """
    from scipy import stats  # here, since importing it takes as long as importing JAX

    midrank = stats.rankdata(code, axis=0)
    return np.floor(bins * (midrank - 0.5) / len(code)).astype(np.int64)


def label_entropy(target: Num[np.ndarray, "N L"], weight: Num[np.ndarray, "N L"]) -> Float[np.ndarray, " L"]:
    """H(y) = -p log p - (1 - p) log(1 - p) of each label's prevalence p among the examples in which it is known."""
    total = weight.sum(axis=0, dtype=np.float64)
    prevalence = (weight * target).sum(axis=0, dtype=np.float64) / np.where(total > 0, total, 1.0)
    return entr(prevalence) + entr(1.0 - prevalence)


def mutual_information(
    bins: Int[np.ndarray, "N D"], target: Num[np.ndarray, "N L"], weight: Num[np.ndarray, "N L"]
) -> Float[np.ndarray, "D L"]:
    """I(z_j; y_k) = H(z_j) + H(y_k) - H(z_j, y_k), each label over the examples in which it is known.

    The table of counts of a latent is [bins, positive or negative, L]: one count of (bin, column) pairs serves all labels.
    """
    depth, columns = int(bins.max()) + 1, 2 * target.shape[1]
    values = np.concatenate([weight * target, weight * (1 - target)], axis=1).astype(np.float64).ravel()
    cells = ((columns * latent[:, None] + np.arange(columns)).ravel() for latent in bins.T)
    counts = np.stack([np.bincount(cell, values, depth * columns) for cell in cells])
    counts = counts.reshape(bins.shape[1], depth, 2, -1)
    total = counts.sum(axis=(1, 2), keepdims=True)
    joint = counts / np.where(total > 0, total, 1.0)
    of_latent, of_label = joint.sum(axis=2), joint.sum(axis=1)
    information = entr(of_latent).sum(axis=1) + entr(of_label).sum(axis=1) - entr(joint).sum(axis=(1, 2))
    return np.maximum(information, 0.0)


def mig(information: Float[np.ndarray, "D L"], entropy: Float[np.ndarray, " L"]) -> Float[np.ndarray, " L"]:
    """Mutual information gap (Chen et al. 2018): (I_(1) - I_(2))/H(y) of each label; NaN for one that has no entropy.

    1: one latent knows the label and no other knows anything of it. 0: the two that know most know as much.
    """
    ascending = np.sort(information, axis=0)
    gap = ascending[-1] - ascending[-2]
    return np.divide(gap, entropy, out=np.full_like(gap, np.nan), where=entropy > 0)


def modularity(information: Float[np.ndarray, "D L"]) -> float:
    """Ridgeway & Mozer 2018: mean over latents of 1 - sum_{k != best} I_k^2/(I_best^2 (L - 1)); a latent that knows nothing counts 0.

    A code of noise scores about one half, since noise too favours some label. Idle latents lower it, so that codes of different sizes
    compare by their normalised scores alone.
    """
    squared = np.square(np.where(information > ROUNDING, information, 0.0))
    best = squared.max(axis=1)
    others = squared.sum(axis=1) - best
    spread = np.divide(others, best * (squared.shape[1] - 1), out=np.ones_like(best), where=best > 0)
    return float(np.mean(1.0 - spread))


def active_latents(code: Float[np.ndarray, "N D"]) -> Bool[np.ndarray, " D"]:
    """Latents whose range exceeds a twentieth of the widest latent's (Hsu et al. 2023)."""
    ranges = np.ptp(code, axis=0)
    return ranges > ranges.max() / 20


def infom(normalised: Float[np.ndarray, "D L"], active: Bool[np.ndarray, " D"]) -> float:
    """InfoModularity (Hsu et al. 2023): is a latent about one label only?

    Mean over active latents of max_k I_jk / sum_k I_jk, brought from [1/L, 1] to [0, 1]; `normalised` is I(z_j; y_k)/H(y_k).
    The paper estimates I by nearest neighbours, this package by bins.
    """
    return _concentration(normalised[active])


def infoc(normalised: Float[np.ndarray, "D L"], active: Bool[np.ndarray, " D"]) -> float:
    """InfoCompactness (Hsu et al. 2023): is a label in one latent only?

    Mean over labels of max_j I_jk / sum_j I_jk over the active latents, brought from [1/active, 1] to [0, 1].
    """
    return _concentration(normalised[active].T)


def infoe(train: LabelledCodes, test: LabelledCodes) -> Float[np.ndarray, " L"]:
    """InfoExplicitness (Hsu et al. 2023): 1 - H(y | z)/H(y) in entropies that a linear predictor can attain.

    Cross-entropy of a logistic regression on all latents over that of a logistic regression on nothing, which predicts
    the prevalence. Fitted on train and scored on test, where the paper scores the fit itself; so below 0 means overfitted.
    Classes weigh as they occur (their published code balances them in the fit, but not in the score).
    """
    return np.array([_explicitness(train, test, label) for label in range(train.target.shape[1])])


def _explicitness(train: LabelledCodes, test: LabelledCodes, label: int) -> float:
    (code, y), (test_code, test_y) = known(train, label), known(test, label)
    odds = log_odds(code, y, test_code)
    prior = np.log(y.mean(dtype=np.float64) / (1.0 - y.mean(dtype=np.float64)))
    losses = [np.mean(np.logaddexp(0.0, logit) - test_y * logit) for logit in (odds, np.full_like(odds, prior))]
    return float(1.0 - losses[0] / losses[1])


def _concentration(rows: Float[np.ndarray, "n m"]) -> float:
    """Mean over rows of (max/sum - 1/m)/(1 - 1/m): 1 where all is in one column, 0 where it is spread evenly or is nothing.

    A single column holds all there is: 1.
    """
    total = rows.sum(axis=1)
    if not total.size or not (total > ROUNDING).any():
        return 0.0
    if rows.shape[1] == 1:
        return 1.0
    even = 1.0 / rows.shape[1]
    share = np.divide(rows.max(axis=1), total, out=np.full_like(total, even), where=total > ROUNDING)
    return float((share.mean() - even) / (1.0 - even))
