"""The page of a case atlas: per finding true positives, false positives and false negatives, each explained."""

import html
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirvae.explain import methods
from dirvae.explain.gallery import Atlas, Outcome, slug
from dirvae.report.html import document, pictures
from dirvae.report.html.document import Section
from dirvae.report.html.style import RULES, WIDTH

COLUMNS = ("image", "with the change", "decoded end", "signed map", "gated map")
SAME = "The head is linear, so the direction is the same for every image of a finding. "


def write(path: Path, atlas: Atlas) -> Path:
    """Writes the page of what `dirvae.explain.gallery.atlas` gathered."""
    missing = f"<p>No image of {html.escape(atlas.split)} is labelled positive, hence there is no case to show.</p>"
    with tempfile.TemporaryDirectory() as scratch:  # the page embeds its figures
        sections = [
            Section(finding, "".join(_outcome(Path(scratch), finding, outcome) for outcome in outcomes) or missing)
            for finding, outcomes in atlas.findings.items()
        ]
    return document.save(path, f"Cases of {atlas.split}, explained", _lead(atlas), sections)


def _lead(atlas: Atlas) -> str:
    towards = {
        None: "lowered where the finding is called present, raised where it is not",
        "add": "raised",
        "remove": "lowered",
    }[atlas.direction]
    truth = (
        "The exact effect is the rendering with the finding less the one without it, everything else equal. "
        if atlas.exact
        else "Yellow boxes, where there are any, are radiologists'. "
    )
    return (
        f"<p class='lead'>Images of {html.escape(atlas.split)}, drawn at random (seed {atlas.seed}) among all true positives, "
        f"false positives and false negatives of each finding. The run is {html.escape(atlas.run)} at step {atlas.step:,}.</p>"
        "<p>A finding is called present from the probability on that maximises Youden's index on validation. Its logit is "
        f"{towards}: the path follows the logit's gradient through the latent space, on the manifold. "
        f"{SAME if atlas.constant_direction else ''}"
        "With the change: image + decoded end &minus; decoded start. The p above it is re-read, the classifier's answer to that very "
        "picture. The p above the decoded end is its answer to the latent code. "
        "Maps show what the finding adds: red is brighter with it, blue darker. "
        f"The gated map is what paths from {atlas.draws} draws of the posterior agree on, where integrated gradients "
        f"find evidence in the image. {truth}Changes of a row share its colour scale; a faint one is multiplied by the "
        "factor above it. Further maps each have a scale of their own.</p>"
    )


def _outcome(scratch: Path, finding: str, outcome: Outcome) -> str:
    """One outcome of one finding: a figure with a row for each case, or why there is none."""
    heading = document.part(f"{finding}: {outcome.name}s")
    if outcome.explanation is None:
        return f"{heading}<p>None at the threshold of {outcome.threshold:.3f}.</p>"
    caption = (
        f"{len(outcome.positions)} of {outcome.count} {outcome.name}s of {finding}; threshold {outcome.threshold:.3f}."
    )
    name = f"{slug(finding)}_{slug(outcome.name)}"
    return heading + document.figure(scratch, name, rows(outcome), caption, "webp")


@plt.rc_context(RULES)
def rows(outcome: Outcome) -> Figure:
    """A row a case: image with its boxes, the same with the path's change, the decoded end, both maps and the exact effect, if known.

    Further maps of the explanation follow in rows of their own. The scale of a row is the exact effect's or else the signed map's.
    """
    known, further = outcome.truth, outcome.explanation.maps
    columns = len(COLUMNS) + (len(known.effect) > 0)
    lines = 1 + -(-len(further) // columns)
    cell = (WIDTH - 0.8) / (len(COLUMNS) + 1)  # of one size, whether or not there is an exact effect
    size = (columns * cell + 0.8, len(outcome.positions) * lines * (cell + 0.3))
    figure, axes = plt.subplots(
        len(outcome.positions) * lines, columns, figsize=size, layout="constrained", squeeze=False
    )
    pictures.tight(figure)
    for row, cells in enumerate(axes.reshape(len(outcome.positions), lines, columns)):
        _case(figure, cells[0], outcome, row)
        _further(cells[1:].ravel(), outcome.explanation.image[row], {n: m[row] for n, m in further.items()})
    return figure


def _case(figure: Figure, axes: np.ndarray, outcome: Outcome, row: int) -> None:
    explanation, known = outcome.explanation, outcome.truth
    image, path, label = explanation.image[row], explanation.path, explanation.label[row]
    read, code = path.reread[row, :, label], path.probability[row, -1, label]
    exact = known.effect[row : row + 1]
    pictures.draw(axes[0], image, f"{COLUMNS[0]} {outcome.positions[row]}, p = {read[0]:.2f}")
    pictures.draw_boxes(axes[0], known.boxes[row], image.shape[:2])
    pictures.draw(axes[1], path.on_image[row, -1], f"{COLUMNS[1]}, p = {read[-1]:.2f}")
    pictures.draw(axes[2], path.images[row, -1], f"{COLUMNS[2]}, p = {code:.2f}")
    scale = pictures.scale_of(exact if len(exact) else explanation.signed[row])
    for cell, name, change in zip(axes[3:5], COLUMNS[3:], (explanation.signed[row], explanation.map[row]), strict=True):
        pictures.overlay_change(cell, image, change, scale, name)
    for effect in exact:
        pictures.overlay(axes[5], image, effect, scale, "exact effect")
    pictures.colour_bar(figure, scale, "grey levels", ax=axes, fraction=0.05, pad=0.02)


def _further(axes: list[Axes], image: np.ndarray, further: dict[str, np.ndarray]) -> None:
    """Maps by their titles, each on a scale of its own; cells that are left over stay empty."""
    for cell in axes:
        cell.set_axis_off()
    known = methods.maps_of()
    for cell, (name, values) in zip(axes, further.items(), strict=False):
        pictures.overlay(cell, image, values, pictures.own_scale(values), known[name].title, known[name].signed)
