"""The page of a comparison of explanations: its tables, each under a fixed legend, and examples of the maps."""

import html
import textwrap
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.explain.contract import Map
from dirvae.report.html import document, legend_tables
from dirvae.report.html.document import Section
from dirvae.report.html.style import BOX, RULES, SIGNED, WIDTH
from dirvae.studies.explanations import tables
from dirvae.studies.explanations.controls import ENCODE_DECODE, known_maps
from dirvae.studies.explanations.results import Comparison, Example

CAPTION = (
    "One true positive of each finding, the truth outlined. Red: brighter with the finding, or speaking for it; blue: darker, or "
    "speaking against it. Each map has a scale of its own."
)


def write(path: Path, comparison: Comparison, examples: Mapping[str, Example]) -> Path:
    """One self-contained page; its figure beside it."""
    first, *others = map(legend_tables.section, tables.every(comparison))
    figure = document.figure(path.parent, f"{path.stem}_examples", draw(examples), CAPTION)
    lead = (
        f"<p class='lead'>Every method explains the same true positives of the {html.escape(comparison.split)} split, "
        f"{sum(finding.images for finding in comparison.findings.values())} images of {len(comparison.findings)} findings. "
        "Each map is scored against what is known of the image: the exact effect of the finding, or boxes.</p>"
    )
    sections = [first, Section("Examples", figure), *others]
    return document.save(path, f"Comparison of explanations: {comparison.split}", lead, sections)


def shown_maps(drawn: Mapping[str, np.ndarray]) -> list[Map]:
    """The signed maps of ours and of others, and what encoding and decoding shows."""
    return [
        known
        for name, known in known_maps().items()
        if name in drawn and ((known.signed and known.role != "control") or known is ENCODE_DECODE)
    ]


@plt.rc_context(RULES)
def draw(examples: Mapping[str, Example]) -> Figure:
    """A row a finding: the image, then its maps."""
    shown = shown_maps(next(iter(examples.values())).maps)
    side = WIDTH / (len(shown) + 2)
    figure, axes = plt.subplots(
        len(examples), len(shown) + 1, figsize=(WIDTH, side * len(examples) + 0.6), squeeze=False, layout="constrained"
    )
    for row, (finding, example) in zip(axes, examples.items(), strict=True):
        row[0].imshow(example.image.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(textwrap.fill(finding, 12), rotation=0, ha="right", va="center")
        for axis, known in zip(row[1:], shown, strict=True):
            values = example.maps[known.name]
            most = max(float(np.abs(values).max()), 1e-12)
            axis.imshow(values, cmap=SIGNED, vmin=-most, vmax=most)
        for axis in row:
            axis.contour(example.mask, [0.5], colors=BOX, linewidths=0.8)
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(axes[0], ["Image", *(known.title for known in shown)], strict=True):
        axis.set_title(textwrap.fill(title, 12), fontsize=7)
    return figure
