"""An outcome is what a study has found: every number and verdict that its report shows, from the runs that are finished."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from dirvae.metrics import comparison, disentanglement
from dirvae.metrics.comparison import Difference
from dirvae.studies import plan
from dirvae.studies.priors import code_scores, collection, discrimination, flaw_effects, verdicts
from dirvae.studies.priors.arms import Estimate, Runs, estimates, finished, run_interval, shared_endpoints
from dirvae.studies.priors.endpoints import ENDPOINTS, Scored
from dirvae.studies.priors.exclusions import Exclusions, exclusions
from dirvae.studies.priors.verdicts import FEWEST, AdjustedP, Judgement, at_floor

SUPERIOR = ("aug", "interventional")  # endpoints of which superiority is claimed
TOLERANCE = 0.05  # within which two KLs are one budget


class OtherBudget(NamedTuple):
    """A steered arm whose mean KL is not that of the contrast's second arm, in nats."""

    nats: float
    budget: float


class Outcome(NamedTuple):
    """All that a report says; the contrast's judgements are first arm less second, `others` each arm less the second."""

    study: plan.Study
    runs: Runs
    estimates: Mapping[str, Mapping[str, Estimate]]  # {finished arm: {endpoint that all runs have: estimate}}
    intervals: Mapping[str, Mapping[int, Mapping[str, tuple[float, float]]]]  # of single runs, patients resampled
    judgements: Mapping[str, Judgement]  # {endpoint}; none where the contrast's arms are not both finished
    others: Mapping[str, Mapping[str, Judgement]]
    other_budgets: Mapping[str, OtherBudget]
    findings: Mapping[str, Judgement]  # the contrast's AUROC of each finding
    discrimination: discrimination.Discrimination | None
    codes: code_scores.CodeScores | None
    flaws: flaw_effects.FlawEffects
    exclusions: Exclusions


def conclude(study: plan.Study, scores: collection.Collection, steered: Collection[str]) -> Outcome:
    """Compares the contrast's arms, as far as both have runs; `steered` are the arms whose KL has a target."""
    runs = {arm: _ranked(seeds) for arm, seeds in scores.scored.items()}
    arms, endpoints = finished(runs), shared_endpoints(runs)
    findings = _finding_by_finding(arms, study.contrast)
    return Outcome(
        study,
        runs,
        {arm: estimates(arm_runs, endpoints) for arm, arm_runs in arms.items()},
        {
            arm: {seed: {name: run_interval(run, name) for name in endpoints} for seed, run in seeds.items()}
            for arm, seeds in runs.items()
        },
        _contrast(arms, study),
        _others(arms, study.contrast),
        _other_budgets(arms, steered, study.contrast[1]),
        {label: verdicts.described(d, _fewest(arms, study.contrast)) for label, d in findings.items()},
        discrimination.describe(runs, study.contrast, findings),
        code_scores.describe(runs),
        flaw_effects.conclude(study.contrast, study.contrasts, scores.scored, scores.traversals),
        exclusions(runs, scores.missing),
    )


def _ranked(seeds: Mapping[int, Scored]) -> dict[int, Scored]:
    """Each run with its mean UDR with the arm's other seeds; NaN where it is the only one, or their images differ."""
    pairs = {
        (a, b): disentanglement.udr(seeds[a].basis.composition, seeds[b].basis.composition)
        for a, b in combinations(seeds, 2)
        if len(seeds[a].basis.composition) == len(seeds[b].basis.composition)
    }
    likeness = {seed: [value for pair, value in pairs.items() if seed in pair] for seed in seeds}
    means = {seed: float(np.mean(values)) if values else float("nan") for seed, values in likeness.items()}
    return {seed: run._replace(summary=run.summary | {"udr": means[seed]}) for seed, run in seeds.items()}


def _fewest(arms: Mapping[str, Sequence[Scored]], names: Sequence[str]) -> int:
    """Seeds of the arm that has the fewest."""
    return min(len(arms.get(name, ())) for name in names)


def compared(first: Sequence[Scored], second: Sequence[Scored]) -> dict[str, Difference]:
    """First less second, each endpoint that all these runs have."""
    names = [name for name in ENDPOINTS if all(name in run.endpoints for run in (*first, *second))]
    stacked = ({name: np.stack([run.endpoints[name] for run in arm]) for name in names} for arm in (first, second))
    a, b = stacked
    return {name: comparison.hierarchical_difference(a[name], b[name]) for name in names}


def _contrast(arms: Mapping[str, Sequence[Scored]], study: plan.Study) -> dict[str, Judgement]:
    """The endpoints of the contrast, with tests where both arms have FEWEST seeds."""
    seeds = _fewest(arms, study.contrast)
    if not seeds:
        return {}
    differences = compared(*(arms[arm] for arm in study.contrast))
    tests = _tests(differences, study.margin) if seeds >= FEWEST else {}
    judgements = {}
    for name, difference in differences.items():
        if name == "auroc":
            judgements[name] = verdicts.no_loss(difference, tests.get(name), seeds)
        elif name in SUPERIOR:
            judgements[name] = verdicts.superiority(difference, tests.get(name), seeds)
        else:
            judgements[name] = verdicts.described(difference, seeds)
    return judgements


def _tests(differences: Mapping[str, Difference], margin: float) -> dict[str, AdjustedP]:
    """Holm's adjusted p of each endpoint that is tested: two-sided, for AUROC of a loss of at least `margin`."""
    raw = {name: differences[name].p for name in SUPERIOR if name in differences}
    floors = {name: at_floor(p, differences[name]) for name, p in raw.items()}
    raw["auroc"] = comparison.equivalence(differences["auroc"], margin)[0]
    floors["auroc"] = at_floor(raw["auroc"], differences["auroc"], sides=1)
    return {name: AdjustedP(p, floors[name]) for name, p in comparison.holm(raw).items()}


def _others(arms: Mapping[str, Sequence[Scored]], contrast: tuple[str, str]) -> dict[str, dict[str, Judgement]]:
    """Every arm outside the contrast less the contrast's second, described only."""
    if contrast[1] not in arms:
        return {}
    return {
        arm: {
            name: verdicts.described(difference, _fewest(arms, (arm, contrast[1])))
            for name, difference in compared(arm_runs, arms[contrast[1]]).items()
        }
        for arm, arm_runs in arms.items()
        if arm not in contrast
    }


def _finding_by_finding(arms: Mapping[str, Sequence[Scored]], contrast: tuple[str, str]) -> dict[str, Difference]:
    """AUROC of each finding, first less second; none where the two arms were scored on different findings."""
    if not _fewest(arms, contrast):
        return {}
    first, second = (arms[arm] for arm in contrast)
    labels = first[0].labels
    if any(run.labels != labels for run in (*first, *second)):
        return {}
    a, b = (np.stack([run.aurocs for run in arm]) for arm in (first, second))
    return {label: comparison.hierarchical_difference(a[..., c], b[..., c]) for c, label in enumerate(labels)}


def _other_budgets(
    arms: Mapping[str, Sequence[Scored]], steered: Collection[str], second: str
) -> dict[str, OtherBudget]:
    """Steered arms whose mean KL on test differs from the second's by more than TOLERANCE of it."""
    if second not in arms:
        return {}
    nats = {arm: float(np.mean([run.summary["kl"] for run in runs])) for arm, runs in arms.items()}
    budget = nats[second]
    return {
        arm: OtherBudget(nats[arm], budget)
        for arm in arms
        if arm in steered and not abs(nats[arm] - budget) <= TOLERANCE * budget
    }
