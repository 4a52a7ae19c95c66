"""Two arms of a study, each trained from several seeds: differences with seeds as the outermost level, and verdicts.

A metric of an arm varies with the seed of training and with the images that happen to be in the test set. Both are resampled
(Saravanan, Berman & Sober 2020, arXiv 2007.07797): of S seeds S are drawn with replacement, separately for each arm; patients
are drawn once for all runs, which score the same images. A mean of S draws with replacement varies by (S - 1)/S of what means
of S seeds vary, so the seeds' part is widened by sqrt(S/(S - 1)). Even so, two seeds decide nothing.

A comparison that shows no difference says something only beside the difference that it could have shown: `detectable` of what
was measured, `planned_error` of what is planned.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri


class Difference(NamedTuple):
    """Mean over seeds of arm a less that of arm b; `replicates` [R] are its resampled values."""

    difference: float
    interval: tuple[float, float]  # percentiles, 95 %
    p: float  # two-sided: twice the smaller share of replicates beyond 0
    replicates: np.ndarray


def hierarchical_difference(
    a: Float[np.ndarray, "S R1"], b: Float[np.ndarray, "S2 R2"], seed: int = 0, level: float = 0.95
) -> Difference:
    """From each run's metric on the sample itself (column 0) and on R resamples of its patients (the others).

    Column r of every run must come from the same resample.

    Raises:
      ValueError: where the arms have not the same resamples, or none, or hold values that are not finite.
    """
    if a.shape[1] != b.shape[1] or a.shape[1] < 2:
        raise ValueError(f"the arms need the same resamples, at least one, not {a.shape[1] - 1} and {b.shape[1] - 1}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a metric is not finite on some resample of some run, so that no interval can be given")
    rng = np.random.default_rng(seed)
    gaps = _seeds_drawn(a[:, 1:], rng) - _seeds_drawn(b[:, 1:], rng)
    return Difference(float(a[:, 0].mean() - b[:, 0].mean()), _percentiles(gaps, level), _two_sided(gaps), gaps)


def change(ours: Difference, theirs: Difference, level: float = 0.95) -> Difference:
    """How far one difference is from another whose replicates drew the same patients, and the same places among its seeds.

    So do two calls of `hierarchical_difference` with one `seed` on as many runs: where row s of all four arms is the same
    training seed, what that seed and those patients do to both differences cancels.

    Raises:
      ValueError: where the replicates are not equally many.
    """
    if len(ours.replicates) != len(theirs.replicates):
        raise ValueError(f"{len(ours.replicates)} and {len(theirs.replicates)} replicates cannot be paired")
    gaps = ours.replicates - theirs.replicates
    return Difference(ours.difference - theirs.difference, _percentiles(gaps, level), _two_sided(gaps), gaps)


def hierarchical_mean(values: Float[np.ndarray, "S R1"], seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Interval of one arm's mean over seeds, resampled likewise; of a single run, it is that of the patients alone."""
    return _percentiles(_seeds_drawn(values[:, 1:], np.random.default_rng(seed)), level)


def _percentiles(replicates: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.percentile(replicates, (50 * (1 - level), 50 * (1 + level)))
    return float(low), float(high)


def _seeds_drawn(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[R]: in each column the mean over as many rows as there are, drawn with replacement, widened about the column's mean."""
    seeds, replicates = values.shape
    drawn = np.take_along_axis(values, rng.integers(seeds, size=(seeds, replicates)), axis=0).mean(axis=0)
    centre, wider = values.mean(axis=0), np.sqrt(seeds / max(1, seeds - 1))
    return centre + wider * (drawn - centre)


def _two_sided(gaps: np.ndarray) -> float:
    """The sample itself counts as one replicate, so that p is never 0."""
    beyond = min(np.sum(gaps <= 0), np.sum(gaps >= 0))
    return float(min(1.0, 2.0 * (beyond + 1) / (len(gaps) + 1)))


def equivalence(found: Difference, margin: float) -> tuple[float, float]:
    """(p of "not worse by `margin`", p of two one-sided tests of |difference| < margin), from a difference's replicates.

    Schuirmann 1987; each p is the share of replicates on the wrong side of its bound.
    """
    count = len(found.replicates) + 1
    below = float((np.sum(found.replicates <= -margin) + 1) / count)
    above = float((np.sum(found.replicates >= margin) + 1) / count)
    return below, max(below, above)


def holm(p: Mapping[Any, float]) -> dict[Any, float]:
    """Step-down adjusted p-values of one family of tests (Holm 1979)."""
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p}


def detectable(error: float, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest true difference that a two-sided test at `level` finds with probability `power`: 2.80 standard errors.

    (z_{1 - level/2} + z_power) * error, for a normal estimate; the far tail is left out, which is below 1e-6 here.
    """
    return float((ndtri(1.0 - level / 2.0) + ndtri(power)) * error)


def resolution(found: Difference, power: float = 0.8, level: float = 0.05) -> float:
    """`detectable`, with the spread of a difference's replicates as its standard error."""
    return detectable(float(np.std(found.replicates)), power, level)


def planned_error(images: int, prevalence: float, auroc: float, correlation: float) -> float:
    """Standard error of the difference of two AUROCs on the same independent images, before there are any.

    With m positives and n negatives each AUROC A varies by (Hanley & McNeil 1982, exponential scores)
    [A(1 - A) + (m - 1)(Q1 - A^2) + (n - 1)(Q2 - A^2)]/(m n), Q1 = A/(2 - A), Q2 = 2 A^2/(1 + A), which is what DeLong's variance
    expects of such scores; the difference by 2 (1 - correlation) of it.

    Raises:
      ValueError: where there would be no positive or no negative.
    """
    m, n = images * prevalence, images * (1.0 - prevalence)
    if min(m, n) < 1:
        raise ValueError(f"{images} images at a prevalence of {prevalence:g} have no positive or no negative")
    q1, q2 = auroc / (2.0 - auroc), 2.0 * auroc**2 / (1.0 + auroc)
    variance = (auroc * (1.0 - auroc) + (m - 1.0) * (q1 - auroc**2) + (n - 1.0) * (q2 - auroc**2)) / (m * n)
    return float(np.sqrt(2.0 * (1.0 - correlation) * variance))
