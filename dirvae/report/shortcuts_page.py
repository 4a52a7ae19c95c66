"""The page of the shortcut grid: what explanations detect, and what the models really rely on."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.report.html import document, legend_tables
from dirvae.report.html.document import Section
from dirvae.report.html.style import QUIET, RULES, WIDTH
from dirvae.studies.shortcuts import tables
from dirvae.studies.shortcuts.detection import Grid

CAPTION = (
    "AUROC of the footprint share by kind; there is no bar where it is not defined. Dashed: .5, which says nothing."
)


def write(path: Path, grid: Grid) -> Path:
    """One self-contained page; its figure beside it."""
    lead = (
        f"<p class='lead'>{len(grid.reliance)} classifiers were trained where a confounder follows a finding, or follows nothing. "
        "What each of them relies on is measured by switching the confounder in its images. The tables say how well its "
        "explanations separate models that use the confounder from those that do not.</p>"
    )
    figure = document.figure(path.parent, "shortcuts", draw(tables.finite_aurocs(grid.detections)), CAPTION)
    endpoints, *others = map(legend_tables.section, tables.every(grid))
    return document.save(
        path,
        "Shortcuts: detection by explanations",
        lead,
        [endpoints, Section("By kind of confounder", figure), *others],
    )


@plt.rc_context(RULES)
def draw(aurocs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars: {map: {kind: AUROC}}, grouped by kind."""
    kinds = list(next(iter(aurocs.values())))
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6), layout="constrained")
    width = 0.8 / len(aurocs)
    colours = matplotlib.colormaps["tab20"].colors
    for place, (title, row) in enumerate(aurocs.items()):
        left = np.arange(len(kinds)) + width * (place - (len(aurocs) - 1) / 2)
        axis.bar(left, list(row.values()), width, label=title, color=colours[place % len(colours)])
    axis.axhline(0.5, color=QUIET, linewidth=1, linestyle="--")
    axis.set_xticks(range(len(kinds)), kinds)
    axis.set_ylabel("AUROC for true reliance")
    axis.set_ylim(0, 1)
    figure.legend(loc="outside upper center", ncols=4)
    return figure
