"""A case atlas of a split: per finding true positives, false positives and false negatives, drawn by seed, each explained."""

import html
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.explain import cases
from dirvae.explain.cases import OUTCOMES, Effect
from dirvae.explain.explainer import Explainer, Explanation
from dirvae.labels import FINDINGS, finding_index
from dirvae.report import explanation_files
from dirvae.report.html import document, pictures
from dirvae.report.html.document import Section
from dirvae.report.html.style import RULES, WIDTH
from dirvae.training import data
from dirvae.training.evaluate import Predictions

COLUMNS = ("image", "path's start", "path's end", "signed map", "gated map")


def write(
    path: Path,
    explainer: Explainer,
    examples: data.Examples,
    predictions: Predictions,
    count: int,
    label: str | None = None,
    direction: str | None = None,
    effect: Effect | None = None,
) -> Path:
    """The page of up to `count` cases of each outcome, of all findings or of one.

    Raises:
      ValueError: for a label that is unknown or has no positive in the split, or a count below 1.
    """
    if count < 1:
        raise ValueError(f"{count} cases of a finding show nothing; give at least 1")
    labels = examples.labels
    wanted = range(len(labels)) if label is None else [finding_index(label, labels)]
    positives = ((predictions.target > 0) & (predictions.weight > 0)).sum(axis=0)
    split = examples.split.name
    if label is not None and not positives[wanted[0]]:
        raise ValueError(f"{labels[wanted[0]]} has no positive in {split}; choose another label or split")
    sections = []
    with tempfile.TemporaryDirectory() as scratch:  # the page embeds its figures
        for column in wanted:
            body = f"<p>No image of {html.escape(split)} is labelled positive, hence there is no case to show.</p>"
            if positives[column]:
                body = "".join(
                    _outcome(Path(scratch), explainer, examples, predictions, column, outcome, count, direction, effect)
                    for outcome in OUTCOMES
                )
            sections.append(Section(labels[column], body))
    title = f"Cases of {split}, explained"
    return document.save(path, title, _lead(explainer, split, direction, effect is not None), sections)


def _lead(explainer: Explainer, split: str, direction: str | None, exact: bool) -> str:
    run = explainer.run
    towards = {
        None: "lowered where the finding is called present, raised where it is not,",
        "add": "raised",
        "remove": "lowered",
    }[direction]
    truth = (
        "The exact effect is the phantom's rendering with the finding less the one without it, everything else equal. "
        if exact
        else "Yellow boxes, where there are any, are radiologists'. "
    )
    return (
        f"<p class='lead'>Images of {html.escape(split)}, drawn at random (seed {run.config.seed}) among all true positives, "
        f"false positives and false negatives of each finding; run {html.escape(run.workdir.name)}, step {run.step:,}.</p>"
        "<p>A finding is called present from the probability on that maximises Youden's index on validation. Its logit is "
        f"{towards} along its gradient, on the manifold. Maps show what the finding adds: red is brighter with it, blue darker; "
        f"the gated one is what paths from {explainer.draws} draws of the posterior agree on, where in the image the classifier's evidence "
        f"is (integrated gradients). {truth}The maps of a row share "
        "its colour scale; a faint one is multiplied by the factor above it.</p>"
    )


def _outcome(
    scratch: Path,
    explainer: Explainer,
    examples: data.Examples,
    predictions: Predictions,
    column: int,
    outcome: str,
    count: int,
    direction: str | None,
    effect: Effect | None,
) -> str:
    """One outcome of one finding: a figure with a row for each case, or why there is none."""
    finding, threshold = examples.labels[column], explainer.thresholds[column]
    heading = document.part(f"{finding}: {outcome}s")
    every = cases.drawn(predictions, column, threshold, outcome, len(predictions.target), explainer.run.config.seed)
    if not len(every):
        return f"{heading}<p>None at the threshold of {threshold:.3f}.</p>"
    positions = cases.drawn(predictions, column, threshold, outcome, count, explainer.run.config.seed)
    found = explainer(examples.split.images(positions), finding, direction)
    table, exact = examples.split.table, None
    if effect is not None and outcome != "false positive":
        exact = effect(table.factors[positions], table.seed[positions], finding)
    boxes = cases.boxes_of(table.boxes, positions, FINDINGS.index(finding))
    drawn = rows(found, positions, boxes, exact)
    caption = f"{len(positions)} of {len(every)} {outcome}s of {finding}; threshold {threshold:.3f}."
    return heading + document.figure(scratch, f"{cases.slug(finding)}_{cases.slug(outcome)}", drawn, caption, "webp")


@plt.rc_context(RULES)
def rows(found: Explanation, positions: np.ndarray, boxes: np.ndarray, exact: np.ndarray | None) -> Figure:
    """A row a case: image with its boxes, start and end of the path, both maps and, where it is known, the exact effect.

    The scale of a row is the exact effect's or else the signed map's.
    """
    count, columns = len(positions), len(COLUMNS) + (exact is not None)
    cell = (WIDTH - 0.8) / (len(COLUMNS) + 1)  # of one size, whether or not there is an exact effect
    size = (columns * cell + 0.8, count * (cell + 0.3))
    figure, axes = plt.subplots(count, columns, figsize=size, layout="constrained", squeeze=False)
    pictures.tight(figure)
    for row, axis in enumerate(axes):
        image, path = found.image[row], found.path.images[row]
        p = found.path.probability[row, :, found.label[row]]
        pictures.draw(axis[0], image, f"{COLUMNS[0]} {positions[row]}")
        pictures.draw_boxes(axis[0], boxes[row], image.shape[:2])
        for cell, name, frame in zip(axis[1:3], COLUMNS[1:3], (0, -1), strict=True):
            pictures.draw(cell, path[frame], f"{name}, p = {p[frame]:.2f}")
        scale = pictures.scale_of(found.signed[row] if exact is None else exact[row])
        for cell, name, change in zip(axis[3:5], COLUMNS[3:], (found.signed[row], found.map[row]), strict=True):
            gain = pictures.gain_of(change, scale)
            explanation_files.overlay(cell, image, gain * change, scale, name if gain == 1 else f"{name} × {gain}")
        if exact is not None:
            explanation_files.overlay(axis[5], image, exact[row], scale, "exact effect")
        explanation_files.colour_bar(figure, axis, scale, "grey levels")
    return figure
