"""ROC curves and reliability of each finding, in small panels."""

from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirvae.metrics.classification import Curves
from dirvae.report.html.style import ACCENT, QUIET, RULES, SECOND, WIDTH


def panels(count: int, columns: int = 5) -> tuple[Figure, Iterator[Axes]]:
    """A figure of `count` square panels over [0, 1] with the diagonal."""
    columns = min(columns, count)
    rows = -(-count // columns)
    size = WIDTH / 5
    figure, grid = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.1) * rows), layout="constrained", squeeze=False
    )
    for position, axis in enumerate(grid.ravel()):
        if position >= count:
            axis.set_axis_off()
            continue
        axis.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
        axis.set(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    return figure, iter(grid.ravel()[:count])


@plt.rc_context(RULES)
def roc(curves: Sequence[Curves | None], labels: Sequence[str], areas: Mapping[str, float]) -> Figure:
    """ROC curve of each finding, with its area in the title."""
    figure, axes = panels(len(labels))
    for axis, label, curve in zip(axes, labels, curves, strict=True):
        if curve is None:
            _empty(axis, label)
            continue
        axis.set_title(f"{label}\nAUROC {areas[label]:.3f}", fontsize=8)
        axis.plot(*curve.roc, color=ACCENT)
    figure.supxlabel("1 − specificity", fontsize=9)
    figure.supylabel("sensitivity", fontsize=9)
    return figure


@plt.rc_context(RULES)
def reliability(curves: Sequence[Curves | None], labels: Sequence[str]) -> Figure:
    """Observed share of positives in ten equally filled bins of probability; the open circle is the whole split."""
    figure, axes = panels(len(labels))
    for axis, label, curve in zip(axes, labels, curves, strict=True):
        if curve is None:
            _empty(axis, label)
            continue
        axis.set_title(label, fontsize=8)
        axis.plot(*curve.reliability, "o-", color=ACCENT, markersize=3.5)
        axis.plot(*curve.means, "o", color=SECOND, markerfacecolor="none", markersize=8)
    figure.supxlabel("predicted probability", fontsize=9)
    figure.supylabel("observed share", fontsize=9)
    return figure


def _empty(axis: Axes, label: str) -> None:
    """Says in the panel of a label that the split holds one of its two values only."""
    axis.set_title(label, fontsize=8)
    axis.text(0.5, 0.5, "only one value", ha="center", va="center", color=QUIET)
