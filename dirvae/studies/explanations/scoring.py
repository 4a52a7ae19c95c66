"""Maps against the truth: scores with patient-bootstrap intervals, and their skill over the location prior.

Per finding and entry: RMA, RRA, hit, matched IoU, pixel AUROC (`dirvae.metrics.localisation`) of the map's absolute value, NCC with
the exact effect of the map as it is, and the skill of RMA and RRA over the location prior and of NCC over the mean effect. Skills
are of means over images; an interval resamples patients, for both means at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dirvae.explain.truth import Truth
from dirvae.metrics import bootstrap, counterfactual, localisation
from dirvae.studies.explanations.entries import Entries

FEWEST = 5  # patients from which a bootstrap says anything
Each = dict[str, dict[str, Float[np.ndarray, " n"]]]
"""{entry: {score: of each image}}."""
SKILLS = {
    "rma_skill": ("rma", "location prior"),
    "rra_skill": ("rra", "location prior"),
    "ncc_skill": ("ncc", "mean effect"),
}
"""{skill: (score, the entry that it is a skill over)}."""


class Value(NamedTuple):
    """A mean over images, or the skill of one, and its 95 % interval."""

    value: float
    low: float
    high: float


def per_image(truth: Truth, maps: Float[np.ndarray, "n H W"]) -> dict[str, Float[np.ndarray, " n"]]:
    """Every score of every image."""
    found = localisation.panel(np.abs(maps), truth.mask)
    return found | ({"ncc": counterfactual.ncc(maps, truth.effect)} if len(truth.low) else {})


def every(truth: Truth, entries: Entries) -> Each:
    """Every score of every image by every entry."""
    return {name: per_image(truth, maps) for name, maps in entries.items()}


def table(each: Each, patient: np.ndarray, replicates: int, seed: int = 0) -> dict[str, dict[str, Value]]:
    """{entry: {score: value}} of one finding."""
    weights = _weights(patient, replicates, seed)
    found = {name: {score: _mean(values, weights) for score, values in scores.items()} for name, scores in each.items()}
    for skill, (score, reference) in SKILLS.items():
        if reference in each and score in each[reference]:
            for name, scores in each.items():
                found[name][skill] = _value(localisation.mean_skill(scores[score], each[reference][score], weights))
    return found


def leads(
    findings: list[Each], patients: list[np.ndarray], ours: str, score: str, replicates: int, seed: int = 0
) -> dict[str, Value]:
    """{entry: mean over findings of ours less the entry's score}; images are paired, patients resampled finding by finding.

    Findings of too few patients count only where no finding has enough.
    """
    weights = [_weights(patient, replicates, seed + place) for place, patient in enumerate(patients)]
    kept = [(each, w) for each, w in zip(findings, weights, strict=True) if len(w) == max(map(len, weights))]
    return {
        name: _value(np.mean([_weighted(each[ours][score] - each[name][score], w) for each, w in kept], axis=0))
        for name in findings[0]
    }


def means(
    scores: dict[str, Float[np.ndarray, " n"]], patient: np.ndarray, replicates: int, seed: int = 0
) -> dict[str, Value]:
    """{score: value}; images for which a score is not defined do not count."""
    weights = _weights(patient, replicates, seed)
    return {name: _mean(values, weights) for name, values in scores.items()}


def _weights(patient: np.ndarray, replicates: int, seed: int) -> Float[np.ndarray, "R n"]:
    """Of the sample itself, then of each replicate; none of too few patients to tell how they vary."""
    enough = replicates and len(np.unique(patient)) >= FEWEST
    return bootstrap.with_sample(patient, replicates if enough else 0, seed)


def _mean(values: np.ndarray, weights: np.ndarray) -> Value:
    return _value(_weighted(values, weights))


def _weighted(values: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, " R"]:
    known = np.isfinite(values)
    total = weights[:, known].sum(axis=1)
    return weights[:, known] @ values[known] / np.where(total > 0, total, np.nan)


def _value(replicated: np.ndarray) -> Value:
    """The first is of the sample itself."""
    low, high = bootstrap.percentiles(replicated[1:])
    return Value(float(replicated[0]), float(low), float(high))


def over_findings(tables: dict[str, dict[str, dict[str, Value]]], score: str) -> dict[str, float]:
    """{entry: mean over findings of one score}."""
    names = dict.fromkeys(name for table in tables.values() for name in table)
    return {
        name: mean_of_known([table[name][score].value for table in tables.values()])
        for name in names
        if all(score in table.get(name, {}) for table in tables.values())
    }


def mean_of_known(values: Sequence[float] | np.ndarray) -> float:
    """Of those that are not NaN; NaN where all are."""
    known = np.asarray(values, np.float64)[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
