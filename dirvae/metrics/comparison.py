"""Two arms of a study, each trained from several seeds: differences with seeds as the outermost level, and verdicts.

A metric of an arm varies with the seed of training and with the images that happen to be in the test set. Both are resampled
(Saravanan, Berman & Sober 2020, arXiv 2007.07797; `dirvae.metrics.bootstrap`): seeds separately for each arm, patients once for
all runs, which score the same images. Two seeds decide nothing all the same.

A comparison that shows no difference says something only beside the difference that it could have shown: `detectable`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from dirvae.metrics import bootstrap


class Difference(NamedTuple):
    """Mean over seeds of arm a less that of arm b; `replicates` [R] are its resampled values."""

    difference: float
    interval: tuple[float, float]  # percentiles, 95 %
    p: float  # two-sided: twice the smaller share of replicates beyond 0
    replicates: np.ndarray


def hierarchical_difference(
    a: Float[np.ndarray, "S R1"], b: Float[np.ndarray, "S2 R2"], seed: int = 0, level: float = 0.95
) -> Difference:
    """The difference of two arms, from each run's metric on the sample itself (column 0) and on R resamples of its patients (the others).

    Column r of every run must come from the same resample.

    Raises:
      ValueError: where the arms have not the same resamples, or none, or hold values that are not finite.
    """
    if a.shape[1] != b.shape[1] or a.shape[1] < 2:
        raise ValueError(f"the arms need the same resamples, at least one, not {a.shape[1] - 1} and {b.shape[1] - 1}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a metric is not finite on some resample of some run, so that no interval can be given")
    rng = np.random.default_rng(seed)
    gaps = bootstrap.seeds_and_patients(a[:, 1:], rng) - bootstrap.seeds_and_patients(b[:, 1:], rng)
    return Difference(float(a[:, 0].mean() - b[:, 0].mean()), _interval(gaps, level), bootstrap.two_sided(gaps), gaps)


def change(ours: Difference, theirs: Difference, level: float = 0.95) -> Difference:
    """Returns how far one difference is from another whose replicates drew the same patients, and the same places among its seeds.

    Two calls of `hierarchical_difference` with one `seed` on as many runs draw so. Where row s of all four arms is the same
    training seed, what that seed and those patients do to both differences cancels.

    Raises:
      ValueError: where the replicates are not equally many.
    """
    if len(ours.replicates) != len(theirs.replicates):
        raise ValueError(f"{len(ours.replicates)} and {len(theirs.replicates)} replicates cannot be paired")
    gaps = ours.replicates - theirs.replicates
    return Difference(ours.difference - theirs.difference, _interval(gaps, level), bootstrap.two_sided(gaps), gaps)


def hierarchical_mean(values: Float[np.ndarray, "S R1"], seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Interval of one arm's mean over seeds, seeds and patients resampled; with a single run patients alone are."""
    return _interval(bootstrap.seeds_and_patients(values[:, 1:], np.random.default_rng(seed)), level)


def _interval(replicates: np.ndarray, level: float) -> tuple[float, float]:
    low, high = bootstrap.percentiles(replicates, bootstrap.tails(level))
    return float(low), float(high)


def equivalence(difference: Difference, margin: float) -> tuple[float, float]:
    """(p of "not worse by `margin`", p of two one-sided tests of |difference| < margin), from a difference's replicates.

    Schuirmann 1987; each p is the share of replicates on the wrong side of its bound.
    """
    count = len(difference.replicates) + 1
    below = float((np.sum(difference.replicates <= -margin) + 1) / count)
    above = float((np.sum(difference.replicates >= margin) + 1) / count)
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


def resolution(difference: Difference, power: float = 0.8, level: float = 0.05) -> float:
    """`detectable`, with the spread of a difference's replicates as its standard error."""
    return detectable(float(np.std(difference.replicates)), power, level)
