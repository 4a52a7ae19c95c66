"""A study's codes: scores beside ceilings and nulls, which latent tells which finding, compositions, and probes."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dirvae.metrics import comparison, disentanglement, interventional, readout
from dirvae.metrics.probes import Split
from dirvae.report.html import document, figures, study_figures, tables
from dirvae.report.html.document import Section
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.outcome import Outcome, finished

PROBES = {"linear": "linear probe", "boosted": "boosted probe"}
SHOWN = 20  # positives of a finding in a heat map


def sections(directory: Path, outcome: Outcome) -> list[Section]:
    if not finished(outcome):
        return []
    return [
        Section("All scores of the codes", panel(outcome)),
        Section("What probes read from the codes", probes(outcome)),
        Section("Which latent tells which finding", _strengths(directory, outcome)),
        Section("Codes of images", _compositions(directory, outcome)),
    ]


def panel(outcome: Outcome) -> str:
    """Means over seeds of each arm: raw, ceiling, normalised."""
    held = finished(outcome)
    names = dict.fromkeys(name for runs in held.values() for run in runs for name in run.panel["scores"])
    rows = [[name, *(_panel_cell(runs, name) for runs in held.values())] for name in names]
    text = tables.table(["score", *map(html.escape, held)], rows)
    return text + document.note(
        "Means over seeds; in brackets the null (permuted codes) and the ceiling (the code z = y) on the same labels. Chosen on "
        "validation, scored on test, in the coordinates named in the table of runs."
    )


def _panel_cell(runs: Sequence[Scored], name: str) -> str:
    """Of the runs that have the score: only assigned latents have a specificity."""
    having = [run.panel for run in runs if name in run.panel["scores"]]
    if not having:
        return "–"
    score, ceiling, null = (np.mean([each[part][name] for each in having]) for part in ("scores", "ceilings", "nulls"))
    return f"{tables.number(score)} [{tables.number(null)}, {tables.number(ceiling)}]"


def probes(outcome: Outcome) -> str:
    head = ["arm", "own classifier", *PROBES.values(), "linear probe, permuted codes"]
    rows = [
        [html.escape(arm), _estimate(np.stack([run.endpoints["auroc"] for run in runs]))]
        + [_estimate(np.stack([getattr(run.probes, name) for run in runs])) for name in PROBES]
        + [_null(runs)]
        for arm, runs in finished(outcome).items()
    ]
    settings = f"{len(readout.RIDGES)} ridges, {len(readout.ROUNDS)} numbers of trees"
    return tables.table(head, rows) + document.note(
        "Macro AUROC on test, mean over seeds with intervals over seeds and patients. The encoder is frozen; each probe reads what "
        "the arm's own classifier reads, and is fitted to the validation images alone (codes of training images are not kept), so "
        f"that it has far fewer examples than that classifier had. Its setting ({settings}) is chosen by patient-wise "
        f"{readout.FOLDS}-fold cross-validation there; test images choose nothing. In the last column codes of "
        f"either split are dealt to other images of it, {readout.PERMUTATIONS} times a run: mean and, in brackets, lowest and highest."
    )


def _null(runs: Sequence[Scored]) -> str:
    deals = np.concatenate([run.probes.permuted for run in runs])
    return tables.estimate(float(deals.mean()), (float(deals.min()), float(deals.max())))


def _estimate(values: np.ndarray) -> str:
    return tables.estimate(float(values[:, 0].mean()), comparison.hierarchical_mean(values))


def _strengths(directory: Path, outcome: Outcome) -> str:
    shown = {arm: runs[0] for arm, runs in finished(outcome).items()}
    labels = next(iter(shown.values())).labels
    drawn = figures.strengths({arm: run.strength for arm, run in shown.items()}, labels)
    caption = (
        "|2 AUC − 1| of every latent for every finding on test, first seed of each arm; latents ordered by the finding they "
        "tell best. A class-specific code has one dark cell a row of findings."
    )
    return document.figure(directory, "strengths", drawn, caption)


def _compositions(directory: Path, outcome: Outcome) -> str:
    shown = {arm: runs[0] for arm, runs in finished(outcome).items()}
    labels = next(iter(shown.values())).labels
    drawn = study_figures.compositions({arm: heat(run) for arm, run in shown.items()}, labels)
    caption = (
        f"Posterior means of test images, first seed of each arm. Rows: the first {SHOWN} positives of each finding, in the order of "
        "the test split; an image with two findings is in two groups. Columns: components, grouped by the finding that each tells "
        "best and sorted by how well, best first; a finding that no component tells best has no group. On simplexes the colour is "
        "the share z, by its square root, so that columns dark from top to bottom are what all images share; on other codes it is "
        "the mean less its average over test, in standard "
        "deviations over test, so that the two kinds of panels compare in pattern and not in colour. In a class-specific code a "
        "finding's rows stand out in its own columns, on the diagonal, and nowhere else."
    )
    return document.figure(directory, "compositions", drawn, caption)


def heat(run: Scored) -> study_figures.Heat:
    """Rows and columns put in order; the columns' order is that of all test images with codes, not of those drawn."""
    code = run.basis.composition
    target, weight = (part[: len(code)] for part in (run.basis.target, run.basis.weight))
    strength = disentanglement.strength(Split(code, target, weight))
    best = strength.argmax(axis=1)
    columns = np.lexsort((-strength.max(axis=1), best))
    rows = [np.flatnonzero((target * weight)[:, label] > 0)[:SHOWN] for label in range(target.shape[1])]
    values = code if run.basis.simplex else _standardised(code)
    groups = np.bincount(best, minlength=target.shape[1])
    return study_figures.Heat(
        values[np.concatenate(rows)][:, columns], run.basis.simplex, [len(r) for r in rows], groups.tolist()
    )


def _standardised(code: np.ndarray) -> np.ndarray:
    """Idle latents, whose spread is next to nothing beside the largest, stay near 0."""
    spread = code.std(axis=0)
    return (code - code.mean(axis=0)) / np.maximum(spread, interventional.IDLE * spread.max())
