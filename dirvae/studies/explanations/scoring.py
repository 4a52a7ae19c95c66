"""Maps against the truth: scores with patient-bootstrap intervals, and their skill over the location prior.

Per finding and map: RMA, RRA, hit, matched IoU and pixel AUROC (`dirvae.metrics.localisation`) of the map's absolute value, and NCC
with the exact effect of the map as it is. RMA and RRA have a skill over the location prior, NCC one over the mean effect. Skills are of
means over images; an interval resamples patients, for both means at once.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from dirvae.explain.truth import Truth
from dirvae.metrics import bootstrap, counterfactual, localisation
from dirvae.studies.explanations.controls import LOCATION_PRIOR, MEAN_EFFECT, Maps
from dirvae.studies.explanations.results import Estimate, Estimates

FEWEST = 5  # patients from which a bootstrap says anything
Scores = dict[str, Float[np.ndarray, " n"]]
"""{score: one number an image}."""
SKILLS = {
    "rma_skill": ("rma", LOCATION_PRIOR.name),
    "rra_skill": ("rra", LOCATION_PRIOR.name),
    "ncc_skill": ("ncc", MEAN_EFFECT.name),
}
"""{skill: (score, the map that it is a skill over)}."""


def per_image(truth: Truth, maps: Float[np.ndarray, "n H W"]) -> Scores:
    """Every score of every image."""
    scores = localisation.panel(np.abs(maps), truth.mask)
    return scores | ({"ncc": counterfactual.ncc(maps, truth.effect)} if len(truth.low) else {})


def score_maps(truth: Truth, maps: Maps) -> dict[str, Scores]:
    """{map: its scores} of one finding."""
    return {name: per_image(truth, drawn) for name, drawn in maps.items()}


def estimates_by_map(
    scores: Mapping[str, Scores], patient: np.ndarray, replicates: int, seed: int = 0
) -> dict[str, Estimates]:
    """{map: {score or skill: estimate}} of one finding."""
    weights = _weights(patient, replicates, seed)
    estimates = {name: {score: _mean(row, weights) for score, row in rows.items()} for name, rows in scores.items()}
    for skill, (score, reference) in SKILLS.items():
        if reference in scores and score in scores[reference]:
            for name, rows in scores.items():
                replicated = localisation.mean_skill(rows[score], scores[reference][score], weights)
                estimates[name][skill] = _estimate(replicated)
    return estimates


def paired_differences(
    findings: Sequence[Mapping[str, Scores]],
    patients: Sequence[np.ndarray],
    ours: str,
    score: str,
    replicates: int,
    seed: int = 0,
) -> Estimates:
    """{map: mean over findings of our score less the map's}; images are paired, patients resampled finding by finding.

    Findings of too few patients count only where no finding has enough.
    """
    weights = [_weights(patient, replicates, seed + place) for place, patient in enumerate(patients)]
    most = max(map(len, weights))
    pairs = [(scores, w) for scores, w in zip(findings, weights, strict=True) if len(w) == most]
    return {
        name: _estimate(
            np.mean([_weighted(scores[ours][score] - scores[name][score], w) for scores, w in pairs], axis=0)
        )
        for name in findings[0]
    }


def mean_estimates(scores: Scores, patient: np.ndarray, replicates: int, seed: int = 0) -> Estimates:
    """{score: estimate of its mean}; images for which a score is not defined do not count."""
    weights = _weights(patient, replicates, seed)
    return {name: _mean(values, weights) for name, values in scores.items()}


def _weights(patient: np.ndarray, replicates: int, seed: int) -> Float[np.ndarray, "R n"]:
    """Multiplicities of the sample itself, then of each replicate; none of too few patients to tell how they vary."""
    enough = replicates and len(np.unique(patient)) >= FEWEST
    return bootstrap.with_sample(patient, replicates if enough else 0, seed)


def _mean(values: np.ndarray, weights: np.ndarray) -> Estimate:
    return _estimate(_weighted(values, weights))


def _weighted(values: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, " R"]:
    defined = np.isfinite(values)
    total = weights[:, defined].sum(axis=1)
    return weights[:, defined] @ values[defined] / np.where(total > 0, total, np.nan)


def _estimate(replicated: np.ndarray) -> Estimate:
    """The first value is the sample's own, the others are the replicates'."""
    low, high = bootstrap.percentiles(replicated[1:])
    return Estimate(float(replicated[0]), float(low), float(high))


def over_findings(findings: Sequence[Mapping[str, Estimates]], score: str) -> dict[str, float]:
    """{map: mean over findings of one score}, of the maps that have it for every finding."""
    names = dict.fromkeys(name for maps in findings for name in maps)
    return {
        name: mean_of_finite([maps[name][score].value for maps in findings])
        for name in names
        if all(score in maps.get(name, {}) for maps in findings)
    }


def mean_of_finite(values: Sequence[float] | np.ndarray) -> float:
    """The mean of the values that are finite; NaN where none is."""
    finite = np.asarray(values, np.float64)[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
