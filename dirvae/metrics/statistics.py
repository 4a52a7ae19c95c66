"""Intervals and tests: patient-cluster bootstrap, alone and paired, and DeLong's test.

Images of a patient are not independent, so whole patients are resampled. A replicate is expressed as weights (how often
each patient was drawn), so that scores of all replicates come from one sorting of each label.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import classification

CHUNK = 250  # replicates scored at once, which bounds memory to CHUNK x N numbers


def patient_weights(patient: np.ndarray, replicates: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Chunks [<= CHUNK, N] of multiplicities: as many patients as there are, drawn with replacement."""
    _, member = np.unique(patient, return_inverse=True)
    count = int(member.max()) + 1
    rng = np.random.default_rng(seed)
    for first in range(0, replicates, CHUNK):
        rows = min(CHUNK, replicates - first)
        drawn = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        multiplicity = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield multiplicity[:, member].astype(np.float64)


def _percentiles(values: np.ndarray, level: float) -> np.ndarray:
    """[2, ...]: percentile interval over the first axis, ignoring undefined replicates; NaN where all are."""
    known = np.isfinite(values).any(axis=0)
    tails = (100 * (1 - level) / 2, 100 * (1 + level) / 2)
    bounds = np.nanpercentile(np.where(known, values, 0.0), tails, axis=0)
    return np.where(known, bounds, np.nan)


def _macro(values: np.ndarray, defined: np.ndarray) -> np.ndarray:
    """[R]: the mean over the labels [R, L] that the sample defines [L]; NaN where a replicate lacks one of them."""
    return values[:, defined].mean(axis=1) if defined.any() else np.full(len(values), np.nan)


def bootstrap_intervals(
    target: np.ndarray,
    mask: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    labels: Sequence[str],
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, list[float]]]:
    """{metric: {"macro": [low, high], label: [low, high]}}, percentile intervals from the same resamples.

    A replicate in which a label loses one of its two values is left out of that label's interval and of the macro's,
    which is always over the labels that the sample defines.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in classification.METRICS}
    for weights in patient_weights(patient, replicates, seed):
        for name, metric in classification.METRICS.items():
            parts[name].append(classification.per_label(metric, target, mask, probability, weights))
    result = {}
    for name, chunks in parts.items():
        values = np.concatenate(chunks)
        defined = np.isfinite(
            classification.per_label(classification.METRICS[name], target, mask, probability, np.ones((1, len(target))))
        )[0]
        bounds = _percentiles(np.column_stack([_macro(values, defined), values]), level)
        result[name] = dict(zip(("macro", *labels), bounds.T.tolist(), strict=True))
    return result


def mean_interval(
    values: np.ndarray, patient: np.ndarray, replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> list[float]:
    """[low, high] of the mean of a per-image quantity [N]."""
    means = [weights @ values / weights.sum(axis=1) for weights in patient_weights(patient, replicates, seed)]
    return _percentiles(np.concatenate(means), level).tolist()


class Paired(NamedTuple):
    """a - b under the same resamples; `p` is two-sided, twice the smaller share of replicates beyond 0."""

    difference: float
    interval: tuple[float, float]
    p: float


def paired_difference(
    target: np.ndarray,
    mask: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    patient: np.ndarray,
    metric: str = "auroc",
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Paired]:
    """Macro first, then each label: model a's score less model b's on the same images [N, L].

    Replicates are left out as in `bootstrap_intervals`.
    """
    score = classification.METRICS[metric]

    def gaps(weights: np.ndarray) -> np.ndarray:
        first, second = (classification.per_label(score, target, mask, p, weights) for p in (a, b))
        return first - second

    values = gaps(np.ones((1, len(target))))
    defined = np.isfinite(values[0])
    replicated = np.concatenate([gaps(weights) for weights in patient_weights(patient, replicates, seed)])
    observed = np.append(_macro(values, defined), values)
    replicated = np.column_stack([_macro(replicated, defined), replicated])
    bounds = _percentiles(replicated, level)
    return [
        Paired(float(value), (float(low), float(high)), _two_sided(column))
        for value, low, high, column in zip(observed, *bounds, replicated.T, strict=True)
    ]


def _two_sided(replicated: np.ndarray) -> float:
    """2 min(P(<= 0), P(>= 0)), with the observed sample counted as one replicate."""
    known = replicated[np.isfinite(replicated)]
    if not known.size:
        return float("nan")
    beyond = min(np.sum(known <= 0), np.sum(known >= 0))
    return float(min(1.0, 2.0 * (beyond + 1) / (known.size + 1)))


def paired_mean_difference(
    a: np.ndarray, b: np.ndarray, patient: np.ndarray, replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> Paired:
    """The same for a per-image quantity [N]."""
    gap = a - b
    means = [weights @ gap / weights.sum(axis=1) for weights in patient_weights(patient, replicates, seed)]
    replicated = np.concatenate(means)
    low, high = _percentiles(replicated, level)
    return Paired(float(gap.mean()), (float(low), float(high)), _two_sided(replicated))


class DeLong(NamedTuple):
    """AUROCs of the models [M], their covariance [M, M], and for two models z and two-sided p of their difference."""

    auroc: np.ndarray
    covariance: np.ndarray
    z: float
    p: float


def delong(y: np.ndarray, scores: np.ndarray) -> DeLong:
    """DeLong et al. 1988 by midranks (Sun & Xu 2014), for scores [M, n] of M models on the same n images.

    It assumes independent images. Identical scores give p = 1.

    Raises:
      ValueError: where there are fewer than two positives or two negatives, so that no variance is defined.
    """
    positive, negative = scores[:, y == 1], scores[:, y == 0]
    m, n = positive.shape[1], negative.shape[1]
    if min(m, n) < 2:
        raise ValueError(f"DeLong's test needs two positives and two negatives at least, not {m} and {n}")
    from scipy import stats  # here, since importing it takes as long as importing JAX

    within_positive, within_negative = stats.rankdata(positive, axis=1), stats.rankdata(negative, axis=1)
    together = stats.rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    v10 = (together[:, :m] - within_positive) / n
    v01 = 1.0 - (together[:, m:] - within_negative) / m
    covariance = np.atleast_2d(np.cov(v10)) / m + np.atleast_2d(np.cov(v01)) / n
    area = v10.mean(axis=1)
    if len(area) != 2:
        return DeLong(area, covariance, float("nan"), float("nan"))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    gap = area[0] - area[1]
    z = 0.0 if gap == 0 else float(gap / np.sqrt(variance)) if variance > 0 else float(np.sign(gap) * np.inf)
    return DeLong(area, covariance, z, float(2 * stats.norm.sf(abs(z))))
