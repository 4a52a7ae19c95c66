"""The page of a contest of explanations: who is right, by how much, and where nobody is."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.report.html import document
from dirvae.report.html.document import Section, note
from dirvae.report.html.style import BOX, RULES, SIGNED, WIDTH
from dirvae.report.html.tables import table as html_table
from dirvae.studies.explanations import tables

DRAWN = (
    tables.OURS,
    "traversal: signed",
    "as released: signed",
    "latent shift",
    "integrated gradients",
    "grad cam",
    "ceiling",
)
EXPLAINED = (
    "RMA: share of a map's mass within the truth. RRA: share of the truth's area that the map's strongest pixels hit. Their skill is "
    "over the location prior, where the finding is on average; NCC is with the exact effect, its skill over the mean effect; "
    "0 is as good as that, 1 perfect. Class share: of a map's mass on the one positive of four images, chance .25 for "
    "maps of equal size everywhere: a path that stops once the finding is gone hardly moves where there is none, as the permuted "
    "direction's share shows. Deletion (low is good), insertion (high is good) and ROAD (positive is good), of eight images a finding "
    "drawn by seed: what the run's own probability does as pixels go in the map's order; random's line is chance."
)


class Example(NamedTuple):
    """One true positive and its maps."""

    image: np.ndarray  # [H, W, C]
    mask: np.ndarray  # bool [H, W]
    maps: Mapping[str, np.ndarray]  # {entry: [H, W]}


def write(path: Path, found: Mapping, examples: Mapping[str, Example]) -> Path:
    """One self-contained page; its figure beside it."""
    caption = (
        "One true positive of each finding, the truth outlined. Red: brighter with the finding, blue: darker; "
        "each map on a scale of its own."
    )
    every = [Section("Means over findings", _table(*tables.entries(found["maps"])) + note(EXPLAINED))]
    every += [
        Section("Examples", document.figure(path.parent, f"{path.stem}_examples", drawn(examples), caption)),
        Section("Finding by finding", _table(*tables.findings(found))),
        Section("As counterfactuals", _table(*tables.counterfactuals(found["counterfactuals"]))),
        Section("Sanity checks", _sanity(found)),
    ]
    lead = "".join(f"<p class='lead'>{html.escape(sentence)}</p>" for sentence in tables.words(found))
    return document.save(path, f"Which explanation is right? {found['split']}", lead, every)


def _sanity(found: Mapping) -> str:
    small = (
        "Rank correlation of the map's size with the trained model's, once the layers from the head down to this one are random, and "
        "with a model's trained on shuffled labels. A map that explains this classifier loses its likeness (below .2); edges and random "
        "ask no model. A head that assigns latents to findings is but a scale of each, so that nothing changes before the encoder does."
    )
    return _table(*tables.random_weights(found)) + note(small)


def _table(heads: list[str], rows: list[tuple[str, list[str]]]) -> str:
    return html_table([*map(html.escape, heads)], [[*map(html.escape, (name, *cells))] for name, cells in rows])


@plt.rc_context(RULES)
def drawn(examples: Mapping[str, Example]) -> Figure:
    """A row a finding: the image, then a map by each of DRAWN that there is."""
    shown = [entry for entry in DRAWN if entry in next(iter(examples.values())).maps]
    side = WIDTH / (len(shown) + 2)
    figure, axes = plt.subplots(
        len(examples), len(shown) + 1, figsize=(WIDTH, side * len(examples)), squeeze=False, layout="constrained"
    )
    for row, (finding, example) in zip(axes, examples.items(), strict=True):
        row[0].imshow(example.image.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(finding, rotation=0, ha="right", va="center")
        for axis, entry in zip(row[1:], shown, strict=True):
            values = example.maps[entry]
            most = max(float(np.abs(values).max()), 1e-12)
            axis.imshow(values, cmap=SIGNED, vmin=-most, vmax=most)
        for axis in row:
            axis.contour(example.mask, [0.5], colors=BOX, linewidths=0.8)
            axis.set(xticks=[], yticks=[])
    for axis, name in zip(axes[0], ["image", *shown], strict=True):
        axis.set_title(
            name.replace(": ", ":\n").replace(" ", "\n", 1) if ": " not in name else name.replace(": ", ":\n")
        )
    return figure
