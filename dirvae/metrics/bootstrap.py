"""The one bootstrap of the library: whole patients are resampled, seeds of training too where a study has several.

Images of a patient are not independent, so a replicate draws as many patients as there are, with replacement, each with all
its images. It is expressed as weights (how often each image's patient was drawn), so that one sorting of the scores serves all
replicates. Intervals are percentiles of the replicates. The observed sample counts as one replicate in a p value, which is
therefore never below 2/(R + 1) for R replicates (`floor`).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

CHUNK = 250  # replicates scored at once, which bounds memory to CHUNK x N numbers
CENTRAL = (2.5, 97.5)  # percentiles that hold 95 % of the replicates between them


def patient_weights(patient: np.ndarray, replicates: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Chunks [<= CHUNK, N] of multiplicities: as many patients as there are, drawn with replacement."""
    _, member = np.unique(patient, return_inverse=True)
    count = int(member.max()) + 1
    rng = np.random.default_rng(seed)
    for first in range(0, replicates, CHUNK):
        rows = min(CHUNK, replicates - first)
        draws = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        multiplicity = np.bincount(draws.ravel(), minlength=rows * count).reshape(rows, count)
        yield multiplicity[:, member].astype(np.float64)


def with_sample(patient: np.ndarray, replicates: int, seed: int = 0) -> Float[np.ndarray, "R1 N"]:
    """Weights of the sample itself (row 0, all ones), then those of each replicate."""
    return np.concatenate([np.ones((1, len(patient))), *patient_weights(patient, replicates, seed)])


def means(values: Float[np.ndarray, " N"], patient: np.ndarray, replicates: int, seed: int = 0) -> np.ndarray:
    """Mean of a per-image quantity in each replicate [R]."""
    parts = [weights @ values / weights.sum(axis=1) for weights in patient_weights(patient, replicates, seed)]
    return np.concatenate(parts)


def seeds_and_patients(values: Float[np.ndarray, "S R"], rng: np.random.Generator) -> Float[np.ndarray, " R"]:
    """Mean over seeds in each replicate, seeds drawn anew in each: of S rows, S are drawn with replacement.

    The mean of S draws with replacement has (S - 1)/S of the variance of a mean of S seeds. So its distance from the column's
    mean is widened by sqrt(S/(S - 1)).
    """
    seeds, replicates = values.shape
    draws = np.take_along_axis(values, rng.integers(seeds, size=(seeds, replicates)), axis=0).mean(axis=0)
    centre, wider = values.mean(axis=0), np.sqrt(seeds / max(1, seeds - 1))
    return centre + wider * (draws - centre)


def tails(level: float) -> tuple[float, float]:
    """The percentiles that hold a share `level` of the replicates between them."""
    return 50 * (1 - level), 50 * (1 + level)


def percentiles(replicates: Float[np.ndarray, "R ..."], bounds: tuple[float, float] = CENTRAL) -> np.ndarray:
    """Percentile interval [2, ...] over the first axis, of the replicates that are finite; NaN where none is."""
    if not len(replicates):
        return np.full((2, *replicates.shape[1:]), np.nan)
    finite = np.isfinite(replicates)
    defined = finite.any(axis=0)
    kept = np.where(finite, replicates, np.nan)
    interval = np.nanpercentile(np.where(defined, kept, 0.0), bounds, axis=0)
    return np.where(defined, interval, np.nan)


def two_sided(replicates: Float[np.ndarray, " R"]) -> float:
    """p = 2 min(P(<= 0), P(>= 0)) of the finite replicates of a difference; NaN where none is.

    The observed sample counts as one replicate on the wrong side, so that p is never 0.
    """
    finite = replicates[np.isfinite(replicates)]
    if not finite.size:
        return float("nan")
    beyond = min(np.sum(finite <= 0), np.sum(finite >= 0))
    return float(min(1.0, 2.0 * (beyond + 1) / (finite.size + 1)))


def floor(replicates: int) -> float:
    """The smallest p that `two_sided` can give with so many replicates."""
    return 2.0 / (replicates + 1)
