"""Intervals and tests of a classifier's scores, alone and paired, and DeLong's test.

AUROC has intervals of its own (`dirvae.metrics.auroc_intervals`). Other scores have those of a patient bootstrap
(`dirvae.metrics.bootstrap`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import auroc_intervals, bootstrap, classification

ENOUGH = 20
"""Patients of each class that AUPRC's intervals need, and patients in all that those of Brier score and ECE need.

Below, replicates may lose a class or all of a label's images, and percentile intervals are too short. In simulations of AUPRC with 200
and 1,000 patients they held the truth in 56 to 58 % of samples with about 1 positive, 83 to 86 % with 5, 90 to 91 % with 10, and 91 to
95 % from 20 on.
"""


class Intervals(NamedTuple):
    """{metric: {"macro": [low, high], label: [low, high]}}, NaN where there is none, and why: {metric: {"macro" or label: reason}}."""

    bounds: dict[str, dict[str, list[float]]]
    missing: dict[str, dict[str, str]]


def intervals(
    target: np.ndarray,
    mask: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    labels: Sequence[str],
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Intervals:
    """Intervals of every score of `classification.METRICS`; a macro is always over the labels that the sample defines.

    Those of AUROC need no replicates (`dirvae.metrics.auroc_intervals`). The others are percentiles of the same patient resamples, of
    labels that no replicate can be expected to lose (`ENOUGH`). A macro has one where each of its labels has enough patients.
    """
    counts = patients(target, mask, patient)
    missing = {name: _too_few(name, counts, labels) for name in classification.METRICS}
    bounds = {"auroc": _auroc(target, mask, probability, patient, level)}
    bounds |= _resampled(target, mask, probability, patient, missing, labels, replicates, seed, level)
    return Intervals(
        {name: dict(zip(("macro", *labels), bounds[name].tolist(), strict=True)) for name in classification.METRICS},
        missing,
    )


class Patients(NamedTuple):
    """These counts say how many patients have an image in which a label is positive, negative or known: each [L]."""

    positive: np.ndarray
    negative: np.ndarray
    known: np.ndarray


def patients(target: np.ndarray, mask: np.ndarray, patient: np.ndarray) -> Patients:
    """Counts of patients behind each label."""
    kinds = ((mask > 0) & (target == 1), (mask > 0) & (target != 1), mask > 0)
    return Patients(*(np.array([len(np.unique(patient[column])) for column in kind.T], int) for kind in kinds))


def _too_few(metric: str, counts: Patients, labels: Sequence[str]) -> dict[str, str]:
    """{label or "macro": reason} of what has a score and no interval of it."""
    classes, reasons = np.minimum(counts.positive, counts.negative), {}
    ranks = metric in RANKS
    defined = classes > 0 if ranks else counts.known > 0
    enough = {"auroc": auroc_intervals.ENOUGH}.get(metric, ENOUGH)
    few = defined & ((classes if ranks else counts.known) < enough)
    for column in np.flatnonzero(few):
        held = f"{counts.positive[column]} positive and {counts.negative[column]} negative patients"
        reasons[labels[column]] = (
            f"{held}, of {enough} needed of each" if ranks else f"{counts.known[column]} patients, of {enough} needed"
        )
    if reasons and metric != "auroc":
        reasons["macro"] = f"{', '.join(reasons)}: too few patients"
    return reasons


RANKS = ("auroc", "auprc")  # scores that need both classes


def _auroc(
    target: np.ndarray, mask: np.ndarray, probability: np.ndarray, patient: np.ndarray, level: float
) -> np.ndarray:
    """[1 + L, 2]: the macro first."""
    bounds, defined = np.full((1 + target.shape[1], 2), np.nan), auroc_intervals.both_values(target, mask)
    if defined.any():
        areas = auroc_intervals.areas(target[:, defined], mask[:, defined], probability[:, defined], patient)
        bounds[0], bounds[1:][defined] = auroc_intervals.intervals(areas, level)
    return bounds


def _resampled(
    target: np.ndarray,
    mask: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    missing: Mapping[str, Mapping[str, str]],
    labels: Sequence[str],
    replicates: int,
    seed: int,
    level: float,
) -> dict[str, np.ndarray]:
    """{metric: [1 + L, 2]} of all but AUROC, the macro first."""
    metrics = {name: metric for name, metric in classification.METRICS.items() if name != "auroc"}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for weights in bootstrap.patient_weights(patient, replicates, seed):
        for name, metric in metrics.items():
            parts[name].append(classification.per_label(metric, target, mask, probability, weights))
    bounds = {}
    for name, metric in metrics.items():
        values = classification.per_label(metric, target, mask, probability, np.ones((1, len(target))))[0]
        replicated = _with_macro(np.concatenate(parts[name]), np.isfinite(values))
        bounds[name] = bootstrap.percentiles(replicated, bootstrap.tails(level)).T
        bounds[name][[label in missing[name] for label in ("macro", *labels)]] = np.nan
    return bounds


def _with_macro(values: np.ndarray, defined: np.ndarray) -> np.ndarray:
    """[R, 1 + L]: the mean over the labels [R, L] that the sample defines [L], then each label."""
    macro = values[:, defined].mean(axis=1) if defined.any() else np.full(len(values), np.nan)
    return np.column_stack([macro, values])


def mean_interval(
    values: np.ndarray, patient: np.ndarray, replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> list[float]:
    """[low, high] of the mean of a per-image quantity [N]."""
    return bootstrap.percentiles(bootstrap.means(values, patient, replicates, seed), bootstrap.tails(level)).tolist()


class Paired(NamedTuple):
    """a - b on the same images; `p` is two-sided. Interval and p are NaN where there are too few patients."""

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

    AUROC's intervals and p are those of `dirvae.metrics.auroc_intervals`. The others are from the same resamples of patients, p being
    twice the smaller share of replicates beyond 0, where `intervals` has them.
    """
    if metric == "auroc":
        return _auroc_differences(target, mask, a, b, patient, level)
    score, names = classification.METRICS[metric], tuple(map(str, range(target.shape[1])))
    missing = _too_few(metric, patients(target, mask, patient), names)

    def gaps(weights: np.ndarray) -> np.ndarray:
        first, second = (classification.per_label(score, target, mask, p, weights) for p in (a, b))
        return first - second

    values = gaps(np.ones((1, len(target))))
    defined = np.isfinite(values[0])
    replicated = np.concatenate([gaps(weights) for weights in bootstrap.patient_weights(patient, replicates, seed)])
    observed, replicated = _with_macro(values, defined)[0], _with_macro(replicated, defined)
    replicated[:, [name in missing for name in ("macro", *names)]] = np.nan
    bounds = bootstrap.percentiles(replicated, bootstrap.tails(level))
    return [
        Paired(float(value), (float(low), float(high)), bootstrap.two_sided(column))
        for value, low, high, column in zip(observed, *bounds, replicated.T, strict=True)
    ]


def _auroc_differences(
    target: np.ndarray, mask: np.ndarray, a: np.ndarray, b: np.ndarray, patient: np.ndarray, level: float
) -> list[Paired]:
    """Macro first, then each label; NaN for labels without both values."""
    rows, defined = np.full((1 + target.shape[1], 4), np.nan), auroc_intervals.both_values(target, mask)
    if defined.any():
        kept = (part[:, defined] for part in (target, mask, a, b))
        gaps = auroc_intervals.differences(*kept, patient, level)
        rows[np.append(True, defined)] = np.column_stack(gaps)
    return [Paired(float(gap), (float(low), float(high)), float(p)) for gap, low, high, p in rows]


def paired_mean_difference(
    a: np.ndarray, b: np.ndarray, patient: np.ndarray, replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> Paired:
    """Mean of a less that of b, per-image quantities [N] of the same images."""
    gap = a - b
    replicated = bootstrap.means(gap, patient, replicates, seed)
    low, high = bootstrap.percentiles(replicated, bootstrap.tails(level))
    return Paired(float(gap.mean()), (float(low), float(high)), bootstrap.two_sided(replicated))


TESTABLE = 4  # images of each class: with fewer, not even an exact test of all assignments reaches p = .05


class DeLong(NamedTuple):
    """AUROCs of the models [M], their covariance [M, M], and for two models z and two-sided p of their difference."""

    auroc: np.ndarray
    covariance: np.ndarray
    z: float
    p: float


def delong(y: np.ndarray, scores: np.ndarray) -> DeLong:
    """DeLong et al. 1988 by midranks (Sun & Xu 2014), for scores [M, n] of M models on the same n images.

    It assumes independent images. Identical scores give p = 1. There is no z and no p (NaN) where the areas differ and the estimated
    variance of their difference is 0, or where either class has fewer than `TESTABLE` images.

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
    if gap == 0:
        return DeLong(area, covariance, 0.0, 1.0)
    z = float(gap / np.sqrt(variance)) if variance > 0 and min(m, n) >= TESTABLE else float("nan")
    return DeLong(area, covariance, z, float(2 * stats.norm.sf(abs(z))))
