"""Intervals and tests of a classifier's scores: patient bootstrap (`dirvae.metrics.bootstrap`), alone and paired, and DeLong's test."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import bootstrap, classification


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
    for weights in bootstrap.patient_weights(patient, replicates, seed):
        for name, metric in classification.METRICS.items():
            parts[name].append(classification.per_label(metric, target, mask, probability, weights))
    result = {}
    for name, chunks in parts.items():
        values = np.concatenate(chunks)
        defined = np.isfinite(
            classification.per_label(classification.METRICS[name], target, mask, probability, np.ones((1, len(target))))
        )[0]
        bounds = bootstrap.percentiles(np.column_stack([_macro(values, defined), values]), bootstrap.tails(level))
        result[name] = dict(zip(("macro", *labels), bounds.T.tolist(), strict=True))
    return result


def mean_interval(
    values: np.ndarray, patient: np.ndarray, replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> list[float]:
    """[low, high] of the mean of a per-image quantity [N]."""
    return bootstrap.percentiles(bootstrap.means(values, patient, replicates, seed), bootstrap.tails(level)).tolist()


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
    replicated = np.concatenate([gaps(weights) for weights in bootstrap.patient_weights(patient, replicates, seed)])
    observed = np.append(_macro(values, defined), values)
    replicated = np.column_stack([_macro(replicated, defined), replicated])
    bounds = bootstrap.percentiles(replicated, bootstrap.tails(level))
    return [
        Paired(float(value), (float(low), float(high)), bootstrap.two_sided(column))
        for value, low, high, column in zip(observed, *bounds, replicated.T, strict=True)
    ]


def paired_mean_difference(
    a: np.ndarray, b: np.ndarray, patient: np.ndarray, replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> Paired:
    """Mean of a less that of b, per-image quantities [N] of the same images."""
    gap = a - b
    replicated = bootstrap.means(gap, patient, replicates, seed)
    low, high = bootstrap.percentiles(replicated, bootstrap.tails(level))
    return Paired(float(gap.mean()), (float(low), float(high)), bootstrap.two_sided(replicated))


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
