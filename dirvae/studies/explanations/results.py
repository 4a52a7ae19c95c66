"""The result of a comparison of explanations, and its form as JSON."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over images, or the skill of one, and its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


Estimates = dict[str, Estimate]
"""{name of a score, or of a map: estimate}."""


class Tuning(NamedTuple):
    """Tuning records what was picked on validation images, and what each candidate scored there."""

    geometry: str  # of our traversal
    geometries: dict[str, float]  # {name: mean NCC with the exact effect, or mean RRA}
    target: float  # the probability at which a counterfactual's path stops
    targets: dict[str, float]  # {target: mean validity}


class FindingResult(NamedTuple):
    """The scores of one finding."""

    images: int  # true positives that were explained
    auroc: float  # of the run's classifier on the split
    maps: dict[str, Estimates]  # {map: {score: estimate}}
    counterfactuals: Estimates  # {score: estimate}


class Randomisation(NamedTuple):
    """Rank correlation of each map's size with the trained classifier's."""

    weights: dict[str, dict[str, float]]  # {map: {layer: with this layer and all above it random}}
    labels: dict[str, float]  # {map: with a model trained on shuffled labels}; empty without such a model


class Comparison(NamedTuple):
    """Everything that a comparison of explanations found on one split."""

    split: str
    prior: str  # the run's latent family
    tuning: Tuning
    findings: dict[str, FindingResult]
    left_out: dict[str, str]  # {finding: why}
    headline: str  # the score of the paired differences: ncc, or rra where only boxes are known
    differences: dict[str, Estimates]  # {map of ours: {map: ours less this one's headline score, mean over findings}}
    randomisation: Randomisation


class Example(NamedTuple):
    """One true positive and its maps."""

    image: np.ndarray  # float32 [H, W, C]
    mask: np.ndarray  # bool [H, W], where the finding is
    maps: Mapping[str, np.ndarray]  # {map: [H, W]}


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Plain dictionaries; an estimate becomes [value, low, high]."""
    return comparison._asdict() | {
        "tuning": comparison.tuning._asdict(),
        "findings": {name: finding._asdict() for name, finding in comparison.findings.items()},
        "randomisation": comparison.randomisation._asdict(),
    }


def from_json(stored: Mapping[str, Any]) -> Comparison:
    """The comparison that `to_json` described, also after null has taken the place of NaN in a file.

    Raises:
      KeyError: for a file that is no comparison of explanations.
    """
    findings = {
        name: FindingResult(
            finding["images"],
            _number(finding["auroc"]),
            {drawn: _estimates(scores) for drawn, scores in finding["maps"].items()},
            _estimates(finding["counterfactuals"]),
        )
        for name, finding in stored["findings"].items()
    }
    weights, labels = stored["randomisation"]["weights"], stored["randomisation"]["labels"]
    return Comparison(
        stored["split"],
        stored["prior"],
        Tuning(**stored["tuning"]),
        findings,
        stored["left_out"],
        stored["headline"],
        {ours: _estimates(row) for ours, row in stored["differences"].items()},
        Randomisation({drawn: _numbers(row) for drawn, row in weights.items()}, _numbers(labels)),
    )


def _estimates(stored: Mapping[str, Any]) -> Estimates:
    return {name: Estimate(*map(_number, bounds)) for name, bounds in stored.items()}


def _numbers(stored: Mapping[str, Any]) -> dict[str, float]:
    return {name: _number(value) for name, value in stored.items()}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
