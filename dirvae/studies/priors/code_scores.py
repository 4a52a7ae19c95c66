"""A study's codes: scores beside ceilings and nulls, probes, which latent tells which finding, codes of images."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import disentanglement, interventional
from dirvae.metrics.probes import LabelledCodes
from dirvae.studies.priors.arms import Estimate, Runs, estimate, finished
from dirvae.studies.priors.endpoints import Scored

SHOWN = 20  # positives of a finding in a heat map
PROBES = ("linear", "boosted")


class PanelScore(NamedTuple):
    """A score of an arm's codes, mean over seeds, beside that of permuted codes (null) and of the code z = y (ceiling)."""

    score: float
    null: float
    ceiling: float


class ProbeScores(NamedTuple):
    """Macro AUROC on test of an arm's own classifier and of each of PROBES; of permuted codes (mean, lowest, highest)."""

    classifier: Estimate
    probes: Mapping[str, Estimate]
    permuted: tuple[float, float, float]


class Heat(NamedTuple):
    """Codes [n, K] of images grouped by finding; `rows` and `columns` are the groups' sizes, in the order of the findings."""

    values: np.ndarray
    simplex: bool
    rows: Sequence[int]
    columns: Sequence[int]


class CodeScores(NamedTuple):
    """A report shows these scores of the arms' codes; strengths [D, L], their latents in order, and heat maps are of the first seeds."""

    panel: Mapping[str, Mapping[str, PanelScore | None]]  # {score: {arm: None where the arm lacks it}}
    probes: Mapping[str, ProbeScores]
    labels: tuple[str, ...]
    strengths: Mapping[str, np.ndarray]
    heats: Mapping[str, Heat]


def describe(runs: Runs) -> CodeScores | None:
    """None where no run is finished."""
    arms = finished(runs)
    if not arms:
        return None
    names = dict.fromkeys(name for arm_runs in arms.values() for run in arm_runs for name in run.panel["scores"])
    first = {arm: arm_runs[0] for arm, arm_runs in arms.items()}
    return CodeScores(
        {name: {arm: panel_score(arm_runs, name) for arm, arm_runs in arms.items()} for name in names},
        {arm: probe_scores(arm_runs) for arm, arm_runs in arms.items()},
        next(iter(first.values())).labels,
        {arm: run.strength[disentanglement.order(run.strength)] for arm, run in first.items()},
        {arm: heat(run) for arm, run in first.items()},
    )


def panel_score(runs: Sequence[Scored], name: str) -> PanelScore | None:
    """Means over the runs that have the score, since only assigned latents have a specificity; None where none has it."""
    panels = [run.panel for run in runs if name in run.panel["scores"]]
    if not panels:
        return None
    return PanelScore(*(float(np.mean([p[part][name] for p in panels])) for part in ("scores", "nulls", "ceilings")))


def probe_scores(runs: Sequence[Scored]) -> ProbeScores:
    """Returns what probes read from an arm's codes."""
    deals = np.concatenate([run.probes.permuted for run in runs])
    return ProbeScores(
        estimate(np.stack([run.endpoints["auroc"] for run in runs])),
        {name: estimate(np.stack([getattr(run.probes, name) for run in runs])) for name in PROBES},
        (float(deals.mean()), float(deals.min()), float(deals.max())),
    )


def heat(run: Scored) -> Heat:
    """Codes with rows and columns in order; the columns' order is that of all test images with codes, not of those shown."""
    code = run.basis.composition
    target, weight = (part[: len(code)] for part in (run.basis.target, run.basis.weight))
    strength = disentanglement.strength(LabelledCodes(code, target, weight))
    columns = disentanglement.order(strength)
    rows = [np.flatnonzero((target * weight)[:, label] > 0)[:SHOWN] for label in range(target.shape[1])]
    values = code if run.basis.simplex else _standardised(code)
    groups = np.bincount(strength.argmax(axis=1), minlength=target.shape[1])
    shown = values[np.concatenate(rows)][:, columns]
    return Heat(shown, run.basis.simplex, [len(group) for group in rows], groups.tolist())


def _standardised(code: np.ndarray) -> np.ndarray:
    """Codes less their mean, over their spread; idle latents, whose spread is next to nothing beside the largest, stay near 0."""
    spread = code.std(axis=0)
    return (code - code.mean(axis=0)) / np.maximum(spread, interventional.IDLE * spread.max())
