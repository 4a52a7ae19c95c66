"""Plots of a study's arms beside each other; pure functions of arrays."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure

from dirvae.report.html import classification_figures
from dirvae.report.html.figures import SERIES
from dirvae.report.html.style import FAINT, INK, QUIET, RULES, SIGNED, WIDTH
from dirvae.studies.priors.arms import Estimate
from dirvae.studies.priors.code_scores import Heat
from dirvae.studies.priors.discrimination import GRID

DEVIATIONS = 3.0  # range of standardised codes
APART = 0.035  # between the names of groups, share of an axis
BRIGHTEST = 99.5  # percentile of shares that the colours end at


def colour(number: int) -> str:
    return SERIES[number % len(SERIES)]


@plt.rc_context(RULES)
def forest(panels: Mapping[str, Mapping[str, Estimate]]) -> Figure:
    """A panel an endpoint, a row an arm: the mean with its interval, and below it a dot a seed."""
    arms = list(next(iter(panels.values())))
    figure, grid = plt.subplots(
        1, len(panels), figsize=(WIDTH, 1.1 + 0.42 * len(arms)), layout="constrained", squeeze=False
    )
    for axis, (title, found) in zip(grid[0], panels.items(), strict=True):
        for row, (values, mean, interval) in enumerate(found.values()):
            axis.plot(interval, [row - 0.12] * 2, color=colour(row), linewidth=2)
            axis.plot(mean, row - 0.12, "o", color=colour(row), markersize=6)
            axis.plot(values, [row + 0.22] * len(values), "o", color=colour(row), markersize=4, markerfacecolor="white")
        axis.set_title(title, fontsize=8)
        axis.set(yticks=range(len(arms)), ylim=(len(arms) - 0.4, -0.6))
        axis.set_yticklabels(arms if axis is grid[0, 0] else [])
        axis.locator_params(axis="x", nbins=4)
        axis.grid(axis="x", color=FAINT, linewidth=0.6)
        axis.set_axisbelow(True)
    marks = [
        plt.Line2D([], [], color=INK, marker="o", markersize=6, label="mean over seeds, 95 % interval"),
        plt.Line2D(
            [], [], color=INK, marker="o", markersize=4, markerfacecolor="white", linestyle="", label="one seed"
        ),
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=2)
    return figure


@plt.rc_context(RULES)
def roc(curves: Mapping[str, Sequence[np.ndarray]], labels: Sequence[str]) -> Figure:
    """A panel a finding, arms overlaid: curves[arm][finding] is the sensitivity at each rate of GRID."""
    figure, axes = classification_figures.panels(len(labels))
    for number, (axis, label) in enumerate(zip(axes, labels, strict=True)):
        for row, found in enumerate(curves.values()):
            axis.plot(np.append(0.0, GRID), np.append(0.0, found[number]), color=colour(row), linewidth=1.3)
        axis.set_title(label, fontsize=8)
    _legend(figure, list(curves))
    figure.supxlabel("1 − specificity", fontsize=9)
    figure.supylabel("sensitivity", fontsize=9)
    return figure


def _legend(figure: Figure, arms: Sequence[str]) -> None:
    handles = [plt.Line2D([], [], color=colour(row), label=arm) for row, arm in enumerate(arms)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(arms))


@plt.rc_context(RULES)
def reliability(arms: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]], titles: Mapping[str, str]) -> Figure:
    """A panel an arm, a line a seed: (mean probability, observed share) of equally filled bins."""
    figure, axes = classification_figures.panels(len(arms), columns=4)
    for row, (axis, (arm, lines)) in enumerate(zip(axes, arms.items(), strict=True)):
        for line in lines:
            axis.plot(*line, "o-", color=colour(row), markersize=3.5, linewidth=1.2)
        axis.set_title(titles[arm], fontsize=8)
    figure.supxlabel("predicted probability", fontsize=9)
    figure.supylabel("observed share", fontsize=9)
    return figure


@plt.rc_context(RULES)
def strengths(codes: Mapping[str, np.ndarray], labels: Sequence[str]) -> Figure:
    """Draws how well each latent alone tells each finding: codes[arm] [D, L] in [0, 1], latents in the order of the figure."""
    height = 0.5 + len(codes) * (0.55 + 0.17 * len(labels))
    figure, axes = plt.subplots(len(codes), 1, figsize=(WIDTH, height), layout="constrained", squeeze=False)
    for axis, (name, strength) in zip(axes[:, 0], codes.items(), strict=True):
        drawn = axis.imshow(strength.T, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axis.set(title=name, yticks=range(len(labels)), xticks=[])
        axis.set_yticklabels(labels)
        axis.set_xlabel("latents")
    figure.colorbar(drawn, ax=axes, fraction=0.02, pad=0.01).set_label("|2 AUC − 1|", fontsize=8)
    return figure


@plt.rc_context(RULES)
def compositions(arms: Mapping[str, Heat], labels: Sequence[str]) -> Figure:
    """A panel an arm: shares on simplexes (square root of the scale), standardised codes otherwise (signed)."""
    count = len(arms)
    columns = min(2, count)
    lines = -(-count // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(WIDTH, 4.6 * lines), layout="constrained", squeeze=False)
    for axis in grid.ravel()[count:]:
        axis.set_axis_off()
    for axis, (arm, heat) in zip(grid.ravel(), arms.items(), strict=False):
        _heat(figure, axis, heat, labels)
        axis.set_title(arm)
    return figure


def _heat(figure: Figure, axis: Axes, heat: Heat, labels: Sequence[str]) -> None:
    top = float(np.percentile(heat.values, BRIGHTEST)) if heat.simplex else DEVIATIONS
    norm = PowerNorm(0.5, 0.0, top) if heat.simplex else Normalize(-DEVIATIONS, DEVIATIONS)
    drawn = axis.imshow(
        heat.values, cmap="Blues" if heat.simplex else SIGNED, norm=norm, aspect="auto", interpolation="nearest"
    )
    for groups, line, ticks in (
        (heat.rows, axis.axhline, axis.set_yticks),
        (heat.columns, axis.axvline, axis.set_xticks),
    ):
        ends = np.cumsum(groups)
        for end in ends[:-1]:
            line(end - 0.5, color=QUIET, linewidth=0.5)
        shown = np.flatnonzero(groups)
        centres = apart((ends - np.asarray(groups) / 2 - 0.5)[shown], APART * ends[-1], ends[-1])
        ticks(centres, [labels[c] for c in shown], fontsize=7)
    axis.tick_params(length=0)
    axis.tick_params(axis="x", labelrotation=90)
    label = "share" if heat.simplex else "standard deviations from the mean"
    figure.colorbar(drawn, ax=axis, fraction=0.03, pad=0.01, extend="max" if heat.simplex else "both").set_label(
        label, fontsize=7
    )


def apart(places: np.ndarray, least: float, end: float) -> np.ndarray:
    """Ascending places, moved as little to the right as keeps them `least` apart, then to the left of `end` where need be."""
    moved = places.astype(np.float64).copy()
    for number in range(1, len(moved)):
        moved[number] = max(moved[number], moved[number - 1] + least)
    for number in range(len(moved) - 1, -1, -1):
        moved[number] = min(moved[number], end - least * (len(moved) - number))
    return moved
