"""A study's classifiers finding by finding: ROC curves, areas with differences, calibration."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dirvae.metrics import classification, statistics
from dirvae.report.html import document, operating, study_figures, tables
from dirvae.report.html.document import Section
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.outcome import Outcome, finished

CALIBRATION = {"brier": "Brier", "ece_mass": "ECE, equally filled bins", "ece": "ECE, bins of equal width"}


def sections(directory: Path, outcome: Outcome) -> list[Section]:
    """Nothing where no run is finished, or where arms were scored on different findings."""
    held = finished(outcome)
    if not held or len({run.labels for runs in held.values() for run in runs}) > 1:
        return []
    return [
        Section("Finding by finding", areas(outcome) + _roc(directory, outcome)),
        Section("Calibration", calibration(directory, outcome)),
    ]


def known(run: Scored, column: int) -> tuple[np.ndarray, np.ndarray]:
    """(y, p) of the test images in which a finding is known."""
    kept = run.basis.weight[:, column] > 0
    return run.basis.target[kept, column], run.basis.probability[kept, column]


def areas(outcome: Outcome) -> str:
    held = finished(outcome)
    labels = next(iter(held.values()))[0].labels
    pairs = paired_seeds(outcome)
    first, second = map(html.escape, outcome.contrast)
    head = ["finding", "positives of known", *map(html.escape, held), f"{first} − {second}"]
    rows = [
        [html.escape(label), _cases(next(iter(held.values()))[0], column)]
        + [tables.number(float(np.mean([run.aurocs[0, column] for run in runs]))) for runs in held.values()]
        + [_gap(outcome, label)]
        + [_p(a, b, column) for a, b in pairs.values()]
        for column, label in enumerate(labels)
    ]
    text = tables.table([*head, *(f"DeLong p, seed {seed}" for seed in pairs)], rows)
    return text + document.note(
        "AUROC, means over seeds. The difference resamples seeds, then patients. DeLong's p compares the two runs of one seed and "
        "takes images as independent: a second opinion, not corrected for the number of findings, and blind to what another seed "
        "would have given."
    )


def paired_seeds(outcome: Outcome) -> dict[int, tuple[Scored, Scored]]:
    """The runs of the contrast's arms from the same seed."""
    first, second = (outcome.runs.get(arm, {}) for arm in outcome.contrast)
    return {seed: (first[seed], second[seed]) for seed in first if seed in second}


def _gap(outcome: Outcome, label: str) -> str:
    found = outcome.findings.get(label)
    return tables.signed(found.difference, found.interval) if found else "–"


def _p(a: Scored, b: Scored, column: int) -> str:
    """Of DeLong's test; a dash where the runs were not scored on the same labels."""
    (y, first), (other, second) = known(a, column), known(b, column)
    if not np.array_equal(y, other):
        return "–"
    p = statistics.delong(y, np.stack([first, second])).p
    return "&lt; .001" if p < 0.001 else tables.number(p)


def _cases(run: Scored, column: int) -> str:
    y, _ = known(run, column)
    return f"{int(y.sum()):,} of {len(y):,}"


def _roc(directory: Path, outcome: Outcome) -> str:
    held = finished(outcome)
    labels = next(iter(held.values()))[0].labels
    curves = {
        arm: [study_figures.mean_curve([known(run, column) for run in runs]) for column in range(len(labels))]
        for arm, runs in held.items()
    }
    caption = "ROC curve of each finding on test, mean sensitivity over the seeds of an arm. Dotted: chance."
    return document.figure(directory, "roc", study_figures.roc(curves, labels), caption)


def calibration(directory: Path, outcome: Outcome) -> str:
    held = finished(outcome)
    scores = {arm: {name: _mean(runs, name) for name in CALIBRATION} for arm, runs in held.items()}
    lines = {arm: [operating.observed_shares(*pooled(run)) for run in runs] for arm, runs in held.items()}
    titles = {arm: f"{arm}\nBrier {found['brier']:.3f}, ECE {found['ece_mass']:.3f}" for arm, found in scores.items()}
    rows = [
        [
            html.escape(arm),
            *(tables.number(value, 4) for value in found.values()),
            f"{_excess(held[arm]):+.4f}".replace("-", "−"),
        ]
        for arm, found in scores.items()
    ]
    text = tables.table(["arm", *CALIBRATION.values(), "mean probability − share of positives"], rows)
    text += document.note("Means over findings and seeds; 0 is best in every column.")
    caption = (
        "Reliability on test, a line a seed: all findings' predictions pooled, in ten bins that hold equally many. Brier and ECE "
        "of the titles are those of the table. A pooled curve can hide findings that err in opposite directions, which ECE does not."
    )
    return text + document.figure(directory, "reliability", study_figures.reliability(lines, titles), caption)


def pooled(run: Scored) -> tuple[np.ndarray, np.ndarray]:
    """(y, p) of every known finding of every image."""
    kept = run.basis.weight > 0
    return run.basis.target[kept], run.basis.probability[kept]


def _mean(runs: Sequence[Scored], metric: str) -> float:
    values = [
        classification.per_label(
            classification.METRICS[metric], b.target, b.weight, b.probability, np.ones((1, len(b.target)))
        )
        for b in (run.basis for run in runs)
    ]
    return float(np.nanmean(values))


def _excess(runs: Sequence[Scored]) -> float:
    return float(np.mean([p.mean() - y.mean() for y, p in map(pooled, runs)]))
