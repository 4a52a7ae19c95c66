"""Plots of numbers as Matplotlib objects; pure functions of arrays, for the report and for notebooks."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirvae.report.html.style import ACCENT, INK, QUIET, RULES, SECOND, WIDTH

PANELS = (  # title, and (split, name in metrics.jsonl, legend) of each line
    ("objective, nats", (("train", "loss", "train"),)),
    ("−log p(x|z), nats", (("train", "reconstruction", "train"), ("validation", "nll", "validation"))),
    ("KL(q‖p), nats", (("train", "kl", "train"), ("validation", "kl", "validation"))),
    ("cross-entropy, nats", (("train", "classification", "train"),)),
    ("KL weight β", (("train", "beta", "train"),)),
    ("macro AUROC", (("validation", "auroc", "validation"),)),
    ("macro AUPRC", (("validation", "auprc", "validation"),)),
    ("ELBO, nats", (("validation", "elbo", "validation"),)),
    ("L1, grey levels of 1", (("validation", "l1", "validation"),)),
    ("gradient norm", (("train", "gradient_norm", "train"),)),
)
LINES = {"train": {"color": ACCENT}, "validation": {"color": SECOND, "marker": "o", "markersize": 3.5}}
SERIES = (ACCENT, SECOND, INK, "#7a5aa6", "#7f8b94")  # runs compared
SETTLED = 0.03  # share of the steps after which a curve's range is taken: the first values dwarf all others


@plt.rc_context(RULES)
def curves(rows: Sequence[Mapping], chosen: int | None = None) -> Figure:
    """Every named term and validation score over the steps, from the rows of metrics.jsonl; `chosen` is the step kept."""
    figure, grid = plt.subplots(2, 5, figsize=(WIDTH, 4.4), layout="constrained", sharex=True)
    for axis, (title, lines) in zip(grid.ravel(), PANELS, strict=True):
        points = {
            legend: np.asarray([(r["step"], r[name]) for r in rows if r["split"] == split and r.get(name) is not None])
            for split, name, legend in lines
        }
        for legend, line in points.items():
            if len(line):
                axis.plot(*line.T, **LINES[legend])
        _settle(axis, [line for line in points.values() if len(line)])
        if chosen is not None:
            axis.axvline(chosen, color=QUIET, linewidth=1, linestyle="--")
        axis.set_title(title)
        axis.margins(x=0.03)
    for axis in grid[1]:
        axis.set_xlabel("step")
    handles = [plt.Line2D([], [], **style, label=split) for split, style in LINES.items()]
    if chosen is not None:
        handles.append(plt.Line2D([], [], color=QUIET, linewidth=1, linestyle="--", label=f"chosen: step {chosen}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def _settle(axis: Axes, lines: Sequence[np.ndarray]) -> None:
    """Limits the vertical range to what follows the first steps."""
    if not lines:
        axis.text(0.5, 0.5, "not recorded", ha="center", color=QUIET, transform=axis.transAxes)
        return
    joined = np.concatenate(lines)
    late = joined[joined[:, 0] >= SETTLED * joined[:, 0].max()][:, 1]
    low, high = late.min(), late.max()
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    axis.set_ylim(low - room, high + room)


Estimate = tuple[str, float | None, Sequence[float | None] | None, float | None]
"""(name, value, [low, high] or None, the other model's value or None)."""


@plt.rc_context(RULES)
def intervals(rows: Sequence[Estimate], ours: str = "model", other: str = "linear baseline") -> Figure:
    """Forest plot of AUROC, top to bottom; rows without a value stay empty."""
    figure, axis = plt.subplots(figsize=(7.5, 0.9 + 0.3 * len(rows)), layout="constrained")
    for height, (_, value, bounds, reference) in enumerate(reversed(rows)):
        if value is not None:
            _estimate(axis, value, bounds, height)
        if reference is not None:
            axis.plot(reference, height, "D", color=SECOND, markersize=5, markerfacecolor="white")
    axis.axvline(0.5, color=QUIET, linewidth=1, linestyle=":")
    axis.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
    axis.set(xlabel="AUROC (dotted: chance)", ylim=(-0.6, len(rows) - 0.4))
    handles = [plt.Line2D([], [], color=ACCENT, marker="o", label=f"{ours}, 95 % interval")]
    if any(row[3] is not None for row in rows):
        handles.append(plt.Line2D([], [], color=SECOND, marker="D", markerfacecolor="white", linestyle="", label=other))
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure


def _estimate(axis: Axes, value: float, bounds: Sequence[float | None] | None, height: int) -> None:
    """A point with its interval, if any."""
    axis.plot(value, height, "o", color=ACCENT, markersize=6)
    if bounds is not None and None not in bounds:
        axis.plot(bounds, [height, height], color=ACCENT, linewidth=2)


@plt.rc_context(RULES)
def paired(
    panels: Mapping[str, Mapping[str, Sequence[Mapping]]], names: Sequence[str], better: Mapping[str, str]
) -> Figure:
    """Paired differences: panels[title][run] holds {"difference", "interval"} of each name; better[title] says which side
    speaks for whom. Points are filled where the interval leaves 0 out."""
    runs = list(next(iter(panels.values())))
    height = 1.3 + (0.24 + 0.1 * (len(runs) - 1)) * len(names)
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, height), layout="constrained", squeeze=False)
    for axis, (title, gaps) in zip(axes[0], panels.items(), strict=True):
        for number, run in enumerate(runs):
            _gaps(axis, gaps[run], 0.3 * (number - (len(runs) - 1) / 2), SERIES[number % len(SERIES)])
        axis.axvline(0, color=QUIET, linewidth=1, linestyle=":")
        axis.set_title(f"{title}\n{better[title]}", fontsize=8)
        axis.set(yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6))
        axis.set_yticklabels(names if axis is axes[0, 0] else [])
        axis.locator_params(axis="x", nbins=3)
    if len(runs) > 1:
        handles = [plt.Line2D([], [], color=c, marker="o", label=f"against {r}") for r, c in zip(runs, SERIES)]  # noqa: B905
        figure.legend(handles=handles, loc="outside lower center", ncols=len(runs))
    return figure


def _gaps(axis: Axes, gaps: Sequence[Mapping], offset: float, colour: str) -> None:
    for position, gap in enumerate(gaps):
        value, bounds = gap["difference"], gap["interval"]
        if not np.isfinite([value, *bounds]).all():
            continue
        beyond = bounds[0] > 0 or bounds[1] < 0
        axis.plot(bounds, [position + offset] * 2, color=colour)
        face = colour if beyond else "white"
        axis.plot(value, position + offset, "o", color=colour, markerfacecolor=face, markersize=5)
