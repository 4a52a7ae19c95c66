"""Intervals of AUROCs that also hold where a finding is rare: of a label, of the macro average, of two models' difference.

A bootstrap cannot do this. A replicate may lose a label's few positives, and what is left is conditional on having them; a single
positive is always drawn at the same place. So no replicates are drawn here.

One label. With m positive and n negative patients and z the normal quantile, the interval holds every A with

    |A' - A| <= z sqrt(c V(A)),    V(A) = (A (1 - A) + (s - 1) u + (l - 1) v)/(m n)

for an observed A' (a score interval, as in Newcombe 2006, doi 10.1002/sim.2324). V is Hanley and McNeil's variance at the hypothesis
(1982): u <= v are A (1 - A)^2/(2 - A) and A^2 (1 - A)/(1 + A), s <= l are m and n. It changes neither when the two classes change
places nor when the scores are negated. Patients are counted and not images, since images of a patient go together. What the model
behind V gets wrong is measured where there are enough cases. It is c = (observed variance/V(A'))^w with w = f/(f + SHRINKAGE) and f the
smaller of m and n. The observed variance sums each patient's share of DeLong's placement values (Obuchowski 1997).

Macro of L labels. Labels' errors are added by the method of variance estimates recovery (Zou & Donner 2008). The upper limit is the
estimate plus sqrt(a' R a)/L, with the labels' upper arms a and the correlations R of their observed errors. An arm counts as no shorter
than the mean of the label's two, since a label's arm is cut off at 0 or 1 and the mean's need not be.

Difference of two models. Let h be the mean of a label's two arms, positive for the first model and negative for the second. The
squared arm of the difference is h' R h and a rest. For each label and model the rest is (1 - r) times what the square of the arm in
question has above h^2. So what two models share of their errors cancels, whichever way it points. r is the correlation of the two
errors on that label. It is w times the observed one, and 1 - w times that of the two scores within classes (Hanley & McNeil 1983).

The table says how often a 95 % interval held the truth, in percent of 1,200 simulated samples (600 from the fifth row on) of normal
scores. Mostly they have 200 patients and 14 labels with prevalences like those of CheXpert's validation set, three of them with about
one positive. An asterisk marks a label of one positive patient, which has no interval of its own but widens the macro's.

    setting                                           macro   labels with 1*   2-4   5-14   15-29   30 and more of the rarer class
    AUROC .8 everywhere                                95.8             94.1  97.2   97.0    96.5   95.4
    AUROC .60 to .95                                   96.1             95.4  97.1   96.8    96.5   95.5
    the nine common labels alone                       95.8                                  97.0   95.5
    labels and scores that go together in a patient    95.7             95.0  97.5   97.3    95.3   95.7
    three images a patient                             96.3             96.3  97.0   96.9    97.7   95.6
    60 patients                                        95.7             94.2  97.4   96.9    95.8   94.4
    600 patients, nine labels at 15 %, AUROC .97       96.3                                         95.9
    AUROC .95 everywhere                               99.7             98.0  97.8   97.2    97.8   96.1
    AUROC .5 everywhere                                93.0            100.0  93.0   94.1    94.3   94.6
    scores of positives 1.7 times as wide              93.7             89.9  94.8   90.8    95.9   94.4
    scores of positives .6 times as wide               99.2             99.2  99.3   99.2    98.6   96.0

Other samples gave 91.6 for the macro where positives' scores are 1.7 times as wide, and 91.7 at AUROC .5 (750 each).

Differences of two models whose scores correlate by .7 (400 samples) gave for the macro 95.5 where they are equal (p < .05 in 4.5). It
was 94.0 with a gap of .15, 97.2 with three images a patient, and 99.2 with AUROCs of .97 and .93. At a correlation of .3 it was 94.8
(p < .05 in 5.2), and at .95 it was 95.5.
`python -m experiments.benchmark --parts=coverage` repeats all this. Percentiles of a bootstrap that leaves out replicates without both
values held the macro of the first setting in 74 %, labels with 2 to 4 positives in 64 % and with one in 12 %.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

SHRINKAGE = 20  # patients of the rarer class at which the observed variance and the model's weigh alike
ENOUGH = 2  # positive patients, and negative ones, that a label's own interval needs
STEPS = 25  # of bisection, each of which halves the error: limits are right to 3e-8, z to 3e-7


class Areas(NamedTuple):
    """AUROCs [C] of C pairs of a model and a label, patients of each class [C], and the covariance of the errors [C, C]."""

    auroc: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    covariance: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """[C]: how much what is observed counts beside Hanley and McNeil's model, 0 to 1."""
        fewer = np.minimum(self.positives, self.negatives)
        return fewer / (fewer + SHRINKAGE)


def placements(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of `others` below each of `values`, ties counted half."""
    ordered = np.sort(others)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return ranks / (2 * len(others))


def _errors(y: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    """A label's AUROC and the part of its error that each image brings, which sum to 0."""
    positive = y == 1
    above, below = placements(p[positive], p[~positive]), 1 - placements(p[~positive], p[positive])
    area, errors = above.mean(), np.empty(len(y))
    errors[positive], errors[~positive] = (above - area) / len(above), (below - area) / len(below)
    return float(area), errors


def areas(
    target: Float[np.ndarray, "N L"],
    mask: Float[np.ndarray, "N L"],
    scores: Float[np.ndarray, "N L"],
    patient: np.ndarray,
) -> Areas:
    """The AUROCs of labels that have both values, each over the images in which it is known."""
    _, member = np.unique(patient, return_inverse=True)
    count, labels = int(member.max()) + 1, target.shape[1]
    values, errors, classes = np.empty(labels), np.zeros((count, labels)), np.zeros((2, labels))
    for label in range(labels):
        kept = np.flatnonzero(mask[:, label] > 0)
        y = target[kept, label]
        values[label], parts = _errors(y, scores[kept, label].astype(np.float64))
        errors[:, label] = np.bincount(member[kept], parts, count)
        classes[:, label] = [len(np.unique(member[kept[y == value]])) for value in (1, 0)]
    return Areas(values, *classes, errors.T @ errors * count / max(1, count - 1))


def both_values(target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """[L]: whether a label has positives and negatives among the images in which it is known."""
    return ((mask > 0) & (target == 1)).any(axis=0) & ((mask > 0) & (target != 1)).any(axis=0)


def hanley_mcneil(
    auroc: np.ndarray | float, positives: np.ndarray | float, negatives: np.ndarray | float
) -> np.ndarray | float:
    """V(A) of the module's docstring."""
    one, other = auroc * (1 - auroc) ** 2 / (2 - auroc), auroc**2 * (1 - auroc) / (1 + auroc)
    fewer, more = np.minimum(positives, negatives), np.maximum(positives, negatives)
    spread = (fewer - 1) * np.minimum(one, other) + (more - 1) * np.maximum(one, other)
    return (auroc * (1 - auroc) + spread) / (positives * negatives)


def arms(areas: Areas, z: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Distances [..., C] from the estimates to the lower and the upper limits of the labels' score intervals, for z [..., 1]."""
    observed, modelled = np.diag(areas.covariance), hanley_mcneil(*areas[:3])
    measured = (observed > 0) & (modelled > 0)
    ratio = np.divide(observed, modelled, out=np.ones_like(observed), where=measured)
    correction = ratio**areas.weight

    def limit(edge: float) -> np.ndarray:
        shape = np.broadcast_shapes(np.shape(z), areas.auroc.shape)
        outside, inside = np.full(shape, edge), np.broadcast_to(areas.auroc, shape)
        for _ in range(STEPS):
            middle = (outside + inside) / 2
            variance = correction * hanley_mcneil(middle, areas.positives, areas.negatives)
            beyond = (areas.auroc - middle) ** 2 > z**2 * variance
            outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
        return outside

    return areas.auroc - limit(0.0), limit(1.0) - areas.auroc


def correlations(covariance: np.ndarray) -> np.ndarray:
    """Correlations [C, C] of the errors; 0 where an error has no observed variance."""
    deviation = np.sqrt(np.diag(covariance))
    scale = np.outer(deviation, deviation)
    result = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    np.fill_diagonal(result, 1.0)
    return result


def joint_arm(lengths: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """sqrt(a' R a) of arms [..., C]."""
    return np.asarray(np.sqrt(np.maximum(squared_arm(lengths, correlation), 0.0)))


def squared_arm(lengths: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """a' R a of arms [..., C]."""
    return np.asarray(np.einsum("...i,ij,...j->...", lengths, correlation, lengths))


class Intervals(NamedTuple):
    """[2]: of the macro; [L, 2]: of each label, NaN where it has too few patients of a class."""

    macro: np.ndarray
    labels: np.ndarray


def quantile(level: float) -> float:
    """z of a two-sided interval, 1.96 for .95."""
    return float(ndtri(0.5 + level / 2))


def reported(areas: Areas) -> np.ndarray:
    """[C]: whether there are enough patients of both classes for an interval of the label's own."""
    return np.minimum(areas.positives, areas.negatives) >= ENOUGH


def intervals(areas: Areas, level: float = 0.95) -> Intervals:
    """Intervals of one model's labels and of their macro average."""
    lower, upper = arms(areas, quantile(level))
    own = np.stack([areas.auroc - lower, areas.auroc + upper], axis=1)
    correlation, count = correlations(areas.covariance), len(lower)
    longer = (1 - areas.weight) * np.abs(upper - lower) / 2
    below, above = (
        joint_arm(arm + np.where(arm < other, longer, 0.0), correlation) / count
        for arm, other in ((lower, upper), (upper, lower))
    )
    macro = areas.auroc.mean() + np.array([-below, above])
    return Intervals(np.clip(macro, 0.0, 1.0), np.where(reported(areas)[:, None], own, np.nan))


Limits = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""z [n, 1] -> distances [n] from n estimates to their lower and upper limits."""


class Differences(NamedTuple):
    """First model less second: macro at 0, then each label [1 + L]; intervals [1 + L, 2] and two-sided p [1 + L]."""

    difference: np.ndarray
    interval: np.ndarray
    p: np.ndarray


def differences(
    target: np.ndarray, mask: np.ndarray, a: np.ndarray, b: np.ndarray, patient: np.ndarray, level: float = 0.95
) -> Differences:
    """Differences of AUROCs of labels that have both values; p is 1 - level of the widest interval that leaves out 0.

    No p is below 2e-19, that of z = 9.
    """
    labels = target.shape[1]
    both = areas(
        *(np.concatenate([part, part], axis=1) for part in (target, mask)), np.concatenate([a, b], axis=1), patient
    )
    of_scores = np.array([within_classes(*(part[mask[:, k] > 0, k] for part in (target, a, b))) for k in range(labels)])
    correlation = _paired_correlations(both, of_scores)
    differing = np.tile(~_alike(both, of_scores), 2)
    pairs = np.concatenate([np.eye(labels), -np.eye(labels)], axis=1)
    sums = np.concatenate([pairs.mean(axis=0, keepdims=True), pairs])  # [1 + L, 2 L]
    difference = sums @ both.auroc

    alike = np.concatenate([correlation.diagonal(labels)] * 2)  # [2 L], of the two models' errors on each label

    def limits(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lower, upper = arms(both, z)
        shared = squared_arm(sums * differing * (lower + upper) / 2, correlation)
        distances = []
        for first, second in ((lower, upper), (upper, lower)):
            excess = np.where(sums > 0, first, second) ** 2 - ((lower + upper) / 2) ** 2
            squared = shared + (sums**2 * differing * (1 - alike) * excess).sum(axis=1)
            distances.append(np.sqrt(np.maximum(squared, 0.0)))
        return distances[0], distances[1]

    below, above = limits(np.full((labels + 1, 1), quantile(level)))
    interval = np.stack([difference - below, difference + above], axis=1)
    p = _two_sided(difference, limits)
    rare = np.append(False, ~reported(both)[:labels])
    return Differences(difference, np.where(rare[:, None], np.nan, interval), np.where(rare, np.nan, p))


def _paired_correlations(both: Areas, of_scores: Float[np.ndarray, " L"]) -> Float[np.ndarray, "C C"]:
    """Correlations of the errors of two models' labels, that of a label's two errors drawn towards that of the scores."""
    labels, correlation = len(of_scores), correlations(both.covariance)
    first, second = np.arange(labels), labels + np.arange(labels)
    weight = both.weight[:labels]
    shared = weight * correlation[first, second] + (1 - weight) * of_scores
    correlation[first, second] = correlation[second, first] = shared
    return correlation


def _alike(both: Areas, of_scores: Float[np.ndarray, " L"]) -> np.ndarray:
    """[L]: whether two models rank a label's images alike, so that there is nothing to estimate."""
    variances, labels = np.diag(both.covariance), len(of_scores)
    gap = variances[:labels] + variances[labels:] - 2 * np.diag(both.covariance[:labels, labels:])
    equal = np.isclose(both.auroc[:labels], both.auroc[labels:], rtol=0, atol=1e-12)
    return equal & (gap <= 1e-9 * variances[:labels]) & (of_scores > 1 - 1e-9)


def within_classes(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of the ranks of two scores within positives and within negatives, both classes' pairs taken together."""
    members = [kept for kept in (y == 1, y != 1) if kept.sum() > 1]
    ranks = [np.concatenate([placements(s[kept], s[kept]) - 0.5 for kept in members] or [[]]) for s in (a, b)]
    scale = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1] / scale) if scale > 0 else 0.0


def _two_sided(difference: np.ndarray, limits: Limits) -> np.ndarray:
    """p [n]: the level at which 0 comes into the interval, found by bisection over z."""
    low, high = np.zeros(len(difference)), np.full(len(difference), 9.0)
    for _ in range(STEPS):
        z = (low + high) / 2
        below, above = limits(z[:, None])
        out = np.where(difference > 0, difference > below, -difference > above)
        low, high = np.where(out, z, low), np.where(out, high, z)
    return np.where(difference == 0, 1.0, 2 * ndtr(-low))
