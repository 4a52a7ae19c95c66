"""Multi-label classification: scores a label and their macro average, with masks and with sampling weights.

Every function takes weights, so that a bootstrap replicate is the same arrays with each patient's multiplicity as weight
(`dirvae.metrics.bootstrap`). A label without both values has no AUROC or AUPRC: NaN, left out of the macro and counted.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(y [n], p [n], weights [R, n]) -> [R]: one value a row of weights."""

BINS = 10


def _ranked(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative weight of each distinct score, ascending: two arrays [R, distinct]."""
    order = np.argsort(p, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(p[order]) > 0])
    ordered = weights[:, order]
    positive = np.add.reduceat(ordered * y[order], first, axis=1)
    return positive, np.add.reduceat(ordered, first, axis=1) - positive


def auroc(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P(score of a positive > score of a negative), ties counted half (Mann-Whitney)."""
    positive, negative = _ranked(y, p, weights)
    below = np.cumsum(negative, axis=1) - negative
    wins = np.sum(positive * (below + 0.5 * negative), axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def auprc(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision: sum over distinct thresholds of precision times the recall gained there."""
    positive, negative = (part[:, ::-1] for part in _ranked(y, p, weights))
    true, called = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
    precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
    total, totals = positive.sum(axis=1), negative.sum(axis=1)
    gained = np.sum(precision * positive, axis=1)
    return np.divide(gained, total, out=np.full(len(total), np.nan), where=(total > 0) & (totals > 0))


def brier(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean squared error of the probability."""
    total = weights.sum(axis=1)
    return np.divide(weights @ (p - y) ** 2, total, out=np.full(len(total), np.nan), where=total > 0)


def _calibration(bins: np.ndarray, y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    member = np.eye(bins.max() + 1)[bins]
    gap = np.abs(weights @ (member * (p - y)[:, None])).sum(axis=1)
    total = weights.sum(axis=1)
    return np.divide(gap, total, out=np.full(len(total), np.nan), where=total > 0)


def ece(y: np.ndarray, p: np.ndarray, weights: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Expected calibration error over bins (lo, hi] of equal width: sum over bins of |sum (p - y)|/n."""
    return _calibration(np.clip(np.ceil(p * bins).astype(int) - 1, 0, bins - 1), y, p, weights)


def ece_mass(y: np.ndarray, p: np.ndarray, weights: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Expected calibration error over bins that hold equally many examples of the sample, but for ties, which share one.

    The bins are the sample's, also under a replicate's weights.
    """
    below = np.searchsorted(np.sort(p), p)
    return _calibration(below * bins // len(p), y, p, weights)


METRICS: dict[str, Metric] = {"auroc": auroc, "auprc": auprc, "brier": brier, "ece": ece, "ece_mass": ece_mass}


def per_label(
    metric: Metric, target: np.ndarray, mask: np.ndarray, probability: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """[R, L]: the metric of each label [N, L] under each row of weights [R, N]; masked labels are left out."""
    columns = []
    for column in range(target.shape[1]):
        kept = mask[:, column] > 0
        if not kept.any():
            columns.append(np.full(len(weights), np.nan))
            continue
        y, p = target[kept, column].astype(np.float64), probability[kept, column].astype(np.float64)
        columns.append(metric(y, p, weights[:, kept]))
    return np.stack(columns, axis=1)


def macro(values: np.ndarray) -> np.ndarray:
    """Mean over the labels [..., L] that have a value; NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def check(target: np.ndarray, probability: np.ndarray, labels: Sequence[str]) -> None:
    """Raises ValueError for predictions that are not probabilities, naming the label."""
    if target.shape != probability.shape or target.shape[1] != len(labels):
        raise ValueError(
            f"targets {target.shape}, probabilities {probability.shape} and {len(labels)} labels do not fit"
        )
    for column, label in enumerate(labels):
        p = probability[:, column]
        if not np.all((p >= 0) & (p <= 1)):
            raise ValueError(f"{int((~((p >= 0) & (p <= 1))).sum())} predictions of {label} are not within [0, 1]")


def panel(target: np.ndarray, mask: np.ndarray, probability: np.ndarray, labels: Sequence[str]) -> dict:
    """{"auroc": {"macro": x, label: x}, ...} for every metric, and of each label how many are known, positives and prevalence.

    "undefined" lists the labels without an AUROC.

    Raises:
      ValueError: for predictions that are NaN or outside [0, 1].
    """
    check(target, probability, labels)
    ones = np.ones((1, len(target)))
    scores: dict = {}
    for name, metric in METRICS.items():
        values = per_label(metric, target, mask, probability, ones)[0]
        scores[name] = {"macro": float(macro(values)), **dict(zip(labels, values.tolist(), strict=True))}
    positives, known = (target * mask).sum(axis=0), mask.sum(axis=0)
    scores["labelled"] = dict(zip(labels, (mask > 0).sum(axis=0).tolist(), strict=True))
    scores["positives"] = dict(zip(labels, positives.astype(int).tolist(), strict=True))
    scores["prevalence"] = dict(zip(labels, (positives / np.maximum(known, 1)).tolist(), strict=True))
    scores["undefined"] = [label for label in labels if not np.isfinite(scores["auroc"][label])]
    return scores


def youden_thresholds(target: np.ndarray, mask: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """[L]: the probability that maximises sensitivity + specificity - 1; 1/2 where a label lacks one of both values."""
    thresholds = np.full(target.shape[1], 0.5)
    for column in range(target.shape[1]):
        kept = mask[:, column] > 0
        y, p = target[kept, column], probability[kept, column]
        if len(np.unique(y)) < 2:
            continue
        positive, negative = (part[0] for part in _ranked(y, p, np.ones((1, len(y)))))
        called = np.cumsum(positive[::-1])[::-1] / positive.sum() - np.cumsum(negative[::-1])[::-1] / negative.sum()
        thresholds[column] = np.unique(p)[np.argmax(called)]
    return thresholds


def operating_points(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(1 - specificity, sensitivity) at every distinct threshold, from (0, 0) to (1, 1); ties move together."""
    order = np.argsort(-p, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(p[order])), len(p) - 1]
    positives = np.r_[0, np.cumsum(y[order])[last]] / y.sum()
    negatives = np.r_[0, np.cumsum(1 - y[order])[last]] / (1 - y).sum()
    return negatives, positives


def observed_shares(y: np.ndarray, p: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """(mean probability, share of positives) of bins that hold equally many examples, ascending."""
    members = [b for b in np.array_split(np.argsort(p, kind="stable"), bins) if len(b)]
    return np.array([p[b].mean() for b in members]), np.array([y[b].mean() for b in members])


class Curves(NamedTuple):
    """Curves show how a classifier does on one label: `roc` as `operating_points`, `reliability` as `observed_shares`, and means."""

    roc: tuple[np.ndarray, np.ndarray]
    reliability: tuple[np.ndarray, np.ndarray]
    means: tuple[float, float]  # probability, share of positives


def curves(target: np.ndarray, mask: np.ndarray, probability: np.ndarray) -> list[Curves | None]:
    """The curves of each label [N, L], of its unmasked examples; None where these lack one of both values."""
    result: list[Curves | None] = []
    for column in range(target.shape[1]):
        kept = mask[:, column] > 0
        y, p = target[kept, column], probability[kept, column]
        both = len(np.unique(y)) == 2
        result.append(Curves(operating_points(y, p), observed_shares(y, p), (p.mean(), y.mean())) if both else None)
    return result
