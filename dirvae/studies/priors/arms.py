"""An arm of a study: its scored runs, and means over them with intervals that resample seeds, then patients."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dirvae.metrics import bootstrap, comparison
from dirvae.studies.priors.endpoints import ENDPOINTS, Scored

Runs = Mapping[str, Mapping[int, Scored]]
"""{arm: {seed: run}}."""


class Estimate(NamedTuple):
    """Every seed's value, their mean, and its 95 % interval."""

    values: tuple[float, ...]
    mean: float
    interval: tuple[float, float]


def finished(runs: Runs) -> dict[str, list[Scored]]:
    """The arms that have runs, with these in the order of their seeds."""
    return {arm: [*seeds.values()] for arm, seeds in runs.items() if seeds}


def shared_endpoints(runs: Runs) -> tuple[str, ...]:
    """The endpoints that every finished run has; all of them where there is no run yet."""
    scored = [run for arm in finished(runs).values() for run in arm]
    return tuple(name for name in ENDPOINTS if all(name in run.endpoints for run in scored))


def estimate(values: Float[np.ndarray, "S R1"]) -> Estimate:
    """Mean over S seeds of a score on the sample (column 0), with its interval from the R resamples of the other columns."""
    seeds = tuple(float(value) for value in values[:, 0])
    return Estimate(seeds, float(values[:, 0].mean()), comparison.hierarchical_mean(values))


def estimates(runs: Sequence[Scored], endpoints: Sequence[str]) -> dict[str, Estimate]:
    """One arm's endpoints."""
    return {name: estimate(np.stack([run.endpoints[name] for run in runs])) for name in endpoints}


def run_interval(run: Scored, endpoint: str) -> tuple[float, float]:
    """Interval of one run's endpoint, patients resampled."""
    low, high = bootstrap.percentiles(run.endpoints[endpoint][1:])
    return float(low), float(high)
