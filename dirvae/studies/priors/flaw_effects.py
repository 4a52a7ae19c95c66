"""This module measures what each flaw of the published code does to the difference of two arms, and compares two traversals.

A row is a pair of arms, one or both of them flawed, beside the study's own contrast of the sound ones. It takes the seeds that
all four have, and resamples them and the patients alike for both differences, so that the change is judged on pairs.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import comparison, statistics
from dirvae.metrics.comparison import Difference
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.verdicts import FEWEST, SURE, AdjustedP, FlawVerdict, Verdict, at_floor, side

ENDPOINTS = ("auroc", "aug", "interventional")
Pair = tuple[str, str]


class Effect(NamedTuple):
    """An effect is what a flaw does on one endpoint: the difference with it, without it, and the first less the second."""

    flawed: Difference
    sound: Difference
    change: Difference


class JudgedEffect(NamedTuple):
    """An effect with the test of its change (Holm over the pairs); `decided` says that the seeds suffice."""

    effect: Effect
    test: AdjustedP
    verdict: FlawVerdict
    decided: bool


class PairEffects(NamedTuple):
    """A pair of arms. `effects` {endpoint: effect} of the endpoints that all runs have; none where something is `missing`."""

    pair: Pair
    seeds: tuple[int, ...]
    effects: Mapping[str, JudgedEffect]
    missing: str


class Traversals(NamedTuple):
    """n true positives of findings whose exact effect is known, of all runs of an arm."""

    patient: np.ndarray  # text [n]
    finding: np.ndarray  # text [n]
    on_manifold: np.ndarray  # [n] NCC of what the path says the finding adds with what it really adds
    as_released: np.ndarray  # [n] the same of the published procedure
    rank: np.ndarray  # int [n, 3], of |z| of the coordinates that the latter moves, 1 the smallest
    components: np.ndarray  # int, how many there are


class TraversalScores(NamedTuple):
    """Means over an arm's cases with patient-bootstrap intervals, and their paired difference."""

    cases: int
    rank: float  # median of the coordinates that the published procedure moves
    components: int
    on_manifold: tuple[float, Sequence[float]]
    as_released: tuple[float, Sequence[float]]
    difference: statistics.Paired


class FlawEffects(NamedTuple):
    """Every pair beside the study's contrast, and the two traversals of each arm that has cases."""

    contrast: Pair
    pairs: tuple[PairEffects, ...]
    traversals: Mapping[str, TraversalScores]


def conclude(
    contrast: Pair,
    pairs: Sequence[Pair],
    runs: Mapping[str, Mapping[int, Scored]],
    traversals: Mapping[str, Traversals],
) -> FlawEffects:
    """Sets each pair's difference beside that of the study's own contrast, and judges the change."""
    seeds = {pair: _shared_seeds((*contrast, *pair), runs) for pair in pairs}
    measured = {pair: _effects(contrast, pair, seeds[pair], runs) for pair in pairs}
    adjusted = {
        name: comparison.holm({pair: e[name].change.p for pair, (e, _) in measured.items() if name in e})
        for name in ENDPOINTS
    }
    rows = []
    for pair, (effects, missing) in measured.items():
        decided = len(seeds[pair]) >= FEWEST
        judged = {name: _judged(effect, adjusted[name][pair], decided) for name, effect in effects.items()}
        rows.append(PairEffects(pair, seeds[pair], judged, missing))
    return FlawEffects(contrast, tuple(rows), {arm: traversal_scores(cases) for arm, cases in traversals.items()})


def _shared_seeds(arms: Sequence[str], runs: Mapping[str, Mapping[int, Scored]]) -> tuple[int, ...]:
    return tuple(sorted(set.intersection(*(set(runs.get(arm, {})) for arm in arms))))


def _effects(
    contrast: Pair, pair: Pair, seeds: Sequence[int], runs: Mapping[str, Mapping[int, Scored]]
) -> tuple[dict[str, Effect], str]:
    """Effects on the endpoints that all these runs have, and why there are none."""
    if not seeds:
        return {}, "no seed of all four arms is finished"
    run_endpoints = [runs[arm][seed].endpoints for arm in (*contrast, *pair) for seed in seeds]
    names = [name for name in ENDPOINTS if all(name in endpoints for endpoints in run_endpoints)]
    try:
        return {name: _effect(contrast, pair, seeds, runs, name) for name in names}, ""
    except ValueError as error:
        return {}, str(error)


def _effect(contrast: Pair, pair: Pair, seeds: Sequence[int], runs: Mapping, endpoint: str) -> Effect:
    values = {arm: np.stack([runs[arm][seed].endpoints[endpoint] for seed in seeds]) for arm in (*contrast, *pair)}
    flawed, sound = (comparison.hierarchical_difference(values[a], values[b]) for a, b in (pair, contrast))
    return Effect(flawed, sound, comparison.change(flawed, sound))


def _judged(effect: Effect, p: float, decided: bool) -> JudgedEffect:
    test = AdjustedP(p, at_floor(effect.change.p, effect.change))
    return JudgedEffect(effect, test, verdict(effect, p), decided)


def verdict(effect: Effect, p: float) -> FlawVerdict:
    """Says what the flaw did to the conclusion; no effect, unless the change itself is sure (`p`, adjusted)."""
    with_it, without = side(effect.flawed), side(effect.sound)
    if p >= SURE:
        return FlawVerdict.NO_EFFECT
    if with_it * without < 0:
        return FlawVerdict.SIGN
    if without and not with_it:
        return FlawVerdict.HIDES
    if with_it and not without:
        return FlawVerdict.MAKES_UP
    if not with_it:
        return FlawVerdict.MOVES
    larger = abs(effect.flawed.difference) > abs(effect.sound.difference)
    return FlawVerdict.ENLARGES if larger else FlawVerdict.SHRINKS


def flaw_word(judged: JudgedEffect, seeds: int) -> str:
    """What a flaw does, as plain text."""
    return judged.verdict.value if judged.decided else f"{Verdict.OPEN.value}: {seeds} of {FEWEST} seeds"


def traversal_scores(cases: Traversals) -> TraversalScores:
    """Summarises an arm's cases."""
    on_manifold, as_released = (
        (float(values.mean()), statistics.mean_interval(values, cases.patient))
        for values in (cases.on_manifold, cases.as_released)
    )
    difference = statistics.paired_mean_difference(cases.on_manifold, cases.as_released, cases.patient)
    rank, components = float(np.median(cases.rank)), int(cases.components)
    return TraversalScores(len(cases.patient), rank, components, on_manifold, as_released, difference)
