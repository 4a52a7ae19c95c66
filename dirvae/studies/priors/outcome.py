"""What a study has found, as numbers and one sentence an endpoint; built from whatever runs are finished."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from dirvae.metrics import comparison, disentanglement
from dirvae.metrics.comparison import Difference
from dirvae.report.audit import Audit
from dirvae.studies.priors.endpoints import ENDPOINTS, Scored

TITLES = {
    "auroc": "macro AUROC",
    "aug": "AUG, normalised",
    "interventional": "interventional D",
    "ceiling": "encode-decode ceiling (NCC)",
}
DESCRIBED = {
    "aug_raw": ("AUG, raw coordinates", 3),
    "d_raw": ("D, raw coordinates", 3),
    "c": ("C, interventional", 3),
    "specificity": ("own latents' specificity, normalised", 3),
    "udr": ("UDR over seeds", 3),
    "kl": ("KL, nats", 1),
    "elbo": ("ELBO, nats", 0),
    "l1": ("L1", 4),
    "ssim": ("SSIM", 3),
    "active": ("active", 0),
}
SUPERIOR = ("aug", "interventional")  # endpoints of which superiority is claimed
SURE = 0.05
FEWEST = 3  # seeds of an arm below which nothing is decided
TOLERANCE = 0.05  # within which two KLs are one budget
Runs = Mapping[str, Mapping[int, Scored]]
"""{arm: {seed: Scored}}."""


class Outcome(NamedTuple):
    """All that a report says. `missing` {run: why}, `differences` of the contrast's arms."""

    name: str
    question: str
    contrast: tuple[str, str]
    margin: float
    runs: Runs
    missing: Mapping[str, str]
    differences: Mapping[str, Difference]
    p: Mapping[str, float]  # of the endpoints, adjusted by Holm
    unmatched: Mapping[str, str]  # steered arms whose KL is not that of the contrast's second
    findings: Mapping[str, Difference]  # of the contrast's arms, AUROC of each finding
    others: Mapping[str, Mapping[str, Difference]]  # every other arm less the contrast's second, each endpoint
    audit: Audit | None = None  # what further contrasts and traversals say


def conclude(
    name: str,
    question: str,
    contrast: tuple[str, str],
    margin: float,
    runs: Runs,
    missing: Mapping[str, str],
    steered: Collection[str],
) -> Outcome:
    """Compares the contrast's arms, as far as both have runs; `steered` are the arms whose KL has a target."""
    runs = {arm: _ranked(seeds) for arm, seeds in runs.items()}
    arms = [[*runs.get(arm, {}).values()] for arm in contrast]
    differences, findings, others = {}, {}, {}
    if all(arms):
        differences, findings = compared(*arms), _finding_by_finding(*arms)
    if arms[1]:
        rest = {arm: [*seeds.values()] for arm, seeds in runs.items() if arm not in contrast and seeds}
        others = {arm: compared(each, arms[1]) for arm, each in rest.items()}
    decided = min(map(len, arms)) >= FEWEST
    raw = {name: differences[name].p for name in SUPERIOR if decided and name in differences}
    if decided:
        raw["auroc"] = comparison.equivalence(differences["auroc"], margin)[0]
    unmatched = _unmatched({arm: [*seeds.values()] for arm, seeds in runs.items() if seeds}, steered, contrast[1])
    adjusted = comparison.holm(raw)
    return Outcome(name, question, contrast, margin, runs, missing, differences, adjusted, unmatched, findings, others)


def _ranked(seeds: Mapping[int, Scored]) -> dict[int, Scored]:
    """Each run's mean UDR with the arm's other seeds in its summary; NaN where it is the only one, or their images differ."""
    codes = {seed: run.basis.composition for seed, run in seeds.items()}
    pairs = {
        frozenset(pair): disentanglement.udr(codes[pair[0]], codes[pair[1]])
        for pair in combinations(codes, 2)
        if len(codes[pair[0]]) == len(codes[pair[1]])
    }
    of = {seed: [value for pair, value in pairs.items() if seed in pair] for seed in seeds}
    return {
        seed: run._replace(summary={**run.summary, "udr": float(np.mean(of[seed])) if of[seed] else float("nan")})
        for seed, run in seeds.items()
    }


def compared(first: Sequence[Scored], second: Sequence[Scored]) -> dict[str, Difference]:
    """First less second, each endpoint that all these runs have."""
    names = [name for name in ENDPOINTS if all(name in run.endpoints for run in (*first, *second))]
    stacked = ({name: np.stack([run.endpoints[name] for run in arm]) for name in names} for arm in (first, second))
    a, b = stacked
    return {name: comparison.hierarchical_difference(a[name], b[name]) for name in names}


def _finding_by_finding(first: Sequence[Scored], second: Sequence[Scored]) -> dict[str, Difference]:
    """AUROC; arms that were scored on different findings have no such differences."""
    labels = first[0].labels
    if any(run.labels != labels for run in (*first, *second)):
        return {}
    a, b = (np.stack([run.aurocs for run in arm]) for arm in (first, second))
    return {label: comparison.hierarchical_difference(a[..., c], b[..., c]) for c, label in enumerate(labels)}


def _unmatched(arms: Mapping[str, Sequence[Scored]], steered: Collection[str], second: str) -> dict[str, str]:
    """What to say of steered arms whose mean KL on test differs from the second's by more than TOLERANCE."""
    if second not in arms:
        return {}
    nats = {arm: float(np.mean([run.summary["kl"] for run in runs])) for arm, runs in arms.items()}
    budget = nats[second]
    apart = {arm: nats[arm] for arm in arms if arm in steered and not abs(nats[arm] - budget) <= TOLERANCE * budget}
    return {arm: f"{mean:.0f} nats, {second} of {budget:.0f}" for arm, mean in apart.items()}


def finished(outcome: Outcome) -> dict[str, list[Scored]]:
    """The arms that have runs, and those."""
    return {arm: [*seeds.values()] for arm, seeds in outcome.runs.items() if seeds}


def present(outcome: Outcome) -> tuple[str, ...]:
    """The endpoints that every finished run has; all of them where there is no run yet."""
    runs = [run for arm in finished(outcome).values() for run in arm]
    return tuple(name for name in ENDPOINTS if all(name in run.endpoints for run in runs))


def mean(runs: Sequence[Scored], endpoint: str) -> tuple[float, tuple[float, float]]:
    """Of one arm over its seeds, with the interval that resamples seeds, then patients."""
    values = np.stack([run.endpoints[endpoint] for run in runs])
    return float(values[:, 0].mean()), comparison.hierarchical_mean(values)


def verdict(outcome: Outcome, endpoint: str) -> str:
    """One sentence."""
    first, second = outcome.contrast
    if endpoint not in outcome.differences:
        return f"open: {first} and {second} are not both finished"
    found, (low, high) = outcome.differences[endpoint], outcome.differences[endpoint].interval
    fewest = min(len(outcome.runs[arm]) for arm in outcome.contrast)
    if fewest < FEWEST:
        side = "no difference" if low <= 0 <= high else f"{first if found.difference > 0 else second} ahead"
        return f"open: {fewest} seed{'s' * (fewest > 1)} of {FEWEST} needed; so far {side}"
    if endpoint == "auroc":
        if outcome.p[endpoint] < SURE:
            return f"{first} is not worse than {second} by more than {outcome.margin:g}"
        return f"it is not shown that {first} loses less than {outcome.margin:g}"
    if low > 0 or high < 0:
        winner, loser = (first, second) if found.difference > 0 else (second, first)
        if endpoint not in outcome.p:
            return f"{winner} is above {loser} (described, not tested)"
        sure = outcome.p[endpoint] < SURE
        return f"{winner} is above {loser}" + ("" if sure else ", but not after correction for several endpoints")
    return "no difference is shown"


def beside(outcome: Outcome, arm: str, endpoint: str) -> str:
    """The same of another arm against the contrast's second: described only, since no claim was made of it beforehand."""
    found, second = outcome.others[arm][endpoint], outcome.contrast[1]
    low, high = found.interval
    side = f"above {second}" if low > 0 else f"below {second}" if high < 0 else f"not told apart from {second}"
    few = len(outcome.runs[arm])
    basis = "one run" if few == 1 else f"{few} seeds"
    return f"{side} (described, {basis})"
