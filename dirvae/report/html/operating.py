"""ROC curves and reliability of each finding, in small panels."""

from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirvae.metrics import classification
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


def _both_values(target: np.ndarray, weight: np.ndarray, probability: np.ndarray) -> Iterator[tuple | None]:
    """(y, p) of each label's kept images, None where one of the two values is missing."""
    for column in range(target.shape[1]):
        kept = weight[:, column] > 0
        y, p = target[kept, column], probability[kept, column]
        yield (y, p) if len(np.unique(y)) == 2 else None


@plt.rc_context(RULES)
def roc(
    target: np.ndarray, weight: np.ndarray, probability: np.ndarray, labels: Sequence[str], areas: Mapping
) -> Figure:
    """ROC curve of each finding, with its area in the title."""
    figure, axes = panels(len(labels))
    for axis, label, pair in zip(axes, labels, _both_values(target, weight, probability), strict=True):
        axis.set_title(label if pair is None else f"{label}\nAUROC {areas[label]:.3f}", fontsize=8)
        if pair is None:
            axis.text(0.5, 0.5, "only one value", ha="center", va="center", color=QUIET)
            continue
        axis.plot(*classification.operating_points(*pair), color=ACCENT)
    figure.supxlabel("1 − specificity", fontsize=9)
    figure.supylabel("sensitivity", fontsize=9)
    return figure


@plt.rc_context(RULES)
def reliability(target: np.ndarray, weight: np.ndarray, probability: np.ndarray, labels: Sequence[str]) -> Figure:
    """Observed share of positives in ten equally filled bins of probability; the open circle is the whole split."""
    figure, axes = panels(len(labels))
    for axis, label, pair in zip(axes, labels, _both_values(target, weight, probability), strict=True):
        axis.set_title(label, fontsize=8)
        if pair is None:
            axis.text(0.5, 0.5, "only one value", ha="center", va="center", color=QUIET)
            continue
        y, p = pair
        axis.plot(*classification.observed_shares(y, p), "o-", color=ACCENT, markersize=3.5)
        axis.plot(p.mean(), y.mean(), "o", color=SECOND, markerfacecolor="none", markersize=8)
    figure.supxlabel("predicted probability", fontsize=9)
    figure.supylabel("observed share", fontsize=9)
    return figure
