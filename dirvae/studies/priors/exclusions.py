"""This module lists what a study leaves out, with counts and reasons: runs, findings, labels, latents, endpoints."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.studies.priors.arms import Runs, finished, shared_endpoints
from dirvae.studies.priors.collection import Missing
from dirvae.studies.priors.endpoints import ENDPOINTS, Scored


class ArmCount(NamedTuple):
    """An arm's seeds in the report, and how many of its runs are not."""

    arm: str
    seeds: tuple[int, ...]
    missing: int


class RareFinding(NamedTuple):
    """A finding that is in no score of these runs (arm, seed), and why; `everywhere` where these are all runs."""

    finding: str
    reason: str
    runs: tuple[tuple[str, int], ...]
    everywhere: bool


class WithinRun(NamedTuple):
    """These counts say what a run's scores rest on and leave out."""

    arm: str
    seed: int
    images: int
    patients: int
    unknown: int  # labels that count in no score
    labels: int  # all labels, images times findings
    without_code: int  # images whose codes were not kept
    idle: int  # latents that hardly vary
    latents: int
    absent: tuple[str, ...]  # endpoints that the run does not have


class Exclusions(NamedTuple):
    """All that is not in a report's scores; `absent` are the endpoints that not every run has."""

    arms: Sequence[ArmCount]
    missing: Sequence[Missing]
    rare: Sequence[RareFinding]
    within: Sequence[WithinRun]
    absent: tuple[str, ...]


def exclusions(runs: Runs, missing: Sequence[Missing]) -> Exclusions:
    """Counts what is left out of the scores of these runs, and which planned runs are missing."""
    names = dict.fromkeys([*runs, *(one.arm for one in missing)])
    arms = [ArmCount(arm, tuple(runs.get(arm, {})), sum(one.arm == arm for one in missing)) for arm in names]
    absent = tuple(name for name in ENDPOINTS if finished(runs) and name not in shared_endpoints(runs))
    return Exclusions(arms, missing, _rare(runs), [_within(*one) for one in _every(runs)], absent)


def _every(runs: Runs) -> Iterator[tuple[str, int, Scored]]:
    for arm, seeds in runs.items():
        for seed, run in seeds.items():
            yield arm, seed, run


def _rare(runs: Runs) -> list[RareFinding]:
    runs_of: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for arm, seed, run in _every(runs):
        for finding, reason in run.left_out.items():
            runs_of.setdefault((finding, reason), []).append((arm, seed))
    total = sum(1 for _ in _every(runs))
    return [RareFinding(*key, tuple(pairs), len(pairs) == total) for key, pairs in runs_of.items()]


def _within(arm: str, seed: int, run: Scored) -> WithinRun:
    images, weight = len(run.basis.target), run.basis.weight
    return WithinRun(
        arm,
        seed,
        images,
        run.basis.patients,
        int(np.sum(weight == 0)),
        weight.size,
        images - len(run.basis.composition),
        run.basis.idle,
        run.strength.shape[0],
        tuple(name for name in ENDPOINTS if name not in run.endpoints),
    )
