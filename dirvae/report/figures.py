"""Figures as Matplotlib objects; pure functions of arrays, one convention throughout.

Images are grey, 0 black to 1 white. Differences are signed: red is what a finding adds (brighter with it), blue what it
takes away, white nothing; the scale is symmetric and stated beside each figure.
"""

from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirvae.cases import Cases

INK, ACCENT, SECOND, FAINT = "#1d2a35", "#0b6e8f", "#c8553d", "#b8c4cc"
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "white",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def _picture(axes: Axes, image: np.ndarray, title: str = "") -> None:
    axes.imshow(np.squeeze(image), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_title(title, fontsize=8, fontweight="normal", pad=3)
    axes.set_axis_off()


def _signed(axes: Axes, difference: np.ndarray, scale: float, title: str = "", over: np.ndarray | None = None) -> None:
    """A signed difference; over an image its opacity grows with its size, so that faint changes do not tint everything."""
    plane = np.squeeze(difference)
    if over is not None:
        axes.imshow(np.squeeze(over), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    opacity = None if over is None else np.clip(np.abs(plane) / scale, 0.0, 1.0) ** 0.75
    axes.imshow(plane, cmap="RdBu_r", vmin=-scale, vmax=scale, alpha=opacity, interpolation="nearest")
    axes.set_title(title, fontsize=8, fontweight="normal", pad=3)
    axes.set_axis_off()


def scale_of(*differences: np.ndarray) -> float:
    """A common symmetric scale: the 99.5th percentile of |difference|, at least one hundredth of the grey range."""
    values = np.concatenate([np.abs(d).ravel() for d in differences if d.size])
    return max(0.01, float(np.percentile(values, 99.5)))


@plt.rc_context(STYLE)
def curves(rows: Sequence[Mapping]) -> Figure:
    """Training terms and validation scores over the steps, from the rows of metrics.jsonl."""
    panels = (
        ("reconstruction", "−log p(x|z), nats"),
        ("kl", "KL(q‖p), nats"),
        ("classification", "cross-entropy, nats"),
        ("auroc", "validation macro AUROC"),
        ("elbo", "validation ELBO, nats"),
    )
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 2.6), layout="constrained")
    for axis, (name, title) in zip(axes, panels, strict=True):
        for split, colour in (("train", ACCENT), ("validation", SECOND)):
            points = [(r["step"], r[name]) for r in rows if r["split"] == split and r.get(name) is not None]
            if points:
                style = {"marker": "o", "markersize": 3} if split == "validation" else {}
                axis.plot(*zip(*points, strict=True), color=colour, label=split, **style)
        axis.set_title(title)
        axis.set_xlabel("step")
    return figure


@plt.rc_context(STYLE)
def intervals(rows: Sequence[tuple[str, float, Sequence[float], float | None]]) -> Figure:
    """Forest plot of AUROC: (name, value, [low, high], the linear baseline's value or None), top to bottom."""
    figure, axis = plt.subplots(figsize=(7, 0.6 + 0.32 * len(rows)), layout="constrained")
    for height, (_, value, (low, high), other) in enumerate(reversed(rows)):
        if value is None:
            continue
        axis.plot([low, high], [height, height], color=ACCENT, linewidth=2)
        axis.plot(value, height, "o", color=ACCENT, markersize=6, label="model, 95 % interval" if height == 0 else None)
        if other is not None:
            axis.plot(other, height, "D", color=SECOND, markersize=4, label="linear baseline" if height == 0 else None)
    axis.axvline(0.5, color=FAINT, linewidth=1, linestyle=":")
    axis.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
    axis.set_xlabel("AUROC (dotted: chance)")
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.legend(loc="lower left", fontsize=8)
    return figure


@plt.rc_context(STYLE)
def roc_and_reliability(
    target: np.ndarray, weight: np.ndarray, probability: np.ndarray, labels: Sequence[str]
) -> Figure:
    """Left: ROC curves of all findings. Right: observed share of positives in ten equally filled bins of probability."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    colours = plt.get_cmap("tab20")(np.linspace(0, 1, 20))
    for column, label in enumerate(labels):
        kept = weight[:, column] > 0
        y, p = target[kept, column], probability[kept, column]
        if len(np.unique(y)) < 2:
            continue
        order = np.argsort(-p, kind="stable")
        positives = np.concatenate([[0], np.cumsum(y[order])]) / y.sum()
        negatives = np.concatenate([[0], np.cumsum(1 - y[order])]) / (1 - y).sum()
        left.plot(negatives, positives, color=colours[column], label=label, linewidth=1.2)
        bins = np.array_split(np.argsort(p, kind="stable"), 10)
        bins = [b for b in bins if len(b)]
        right.plot(
            [p[b].mean() for b in bins],
            [y[b].mean() for b in bins],
            "o-",
            color=colours[column],
            markersize=3,
            linewidth=1,
        )
    for axis in (left, right):
        axis.plot([0, 1], [0, 1], color=FAINT, linestyle=":", linewidth=1)
        axis.set_aspect("equal")
    left.set(title="ROC", xlabel="1 − specificity", ylabel="sensitivity")
    right.set(title="Reliability", xlabel="predicted probability", ylabel="observed share")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


@plt.rc_context(STYLE)
def reconstructions(images: np.ndarray, shown: np.ndarray) -> Figure:
    """Rows: image, reconstruction at the posterior's point, their signed difference."""
    count = len(images)
    figure, axes = plt.subplots(3, count, figsize=(1.25 * count, 4.0), layout="constrained", squeeze=False)
    scale = scale_of(images - shown)
    for column in range(count):
        _picture(axes[0, column], images[column], "image" if column == 0 else "")
        _picture(axes[1, column], shown[column], "reconstruction" if column == 0 else "")
        _signed(
            axes[2, column], images[column] - shown[column], scale, f"difference, ±{scale:.2f}" if column == 0 else ""
        )
    return figure


@plt.rc_context(STYLE)
def gallery(images: np.ndarray, columns: int = 8) -> Figure:
    """A grid of images."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.25 * columns, 1.25 * rows), layout="constrained", squeeze=False
    )
    for position, axis in enumerate(axes.ravel()):
        if position < len(images):
            _picture(axis, images[position])
        axis.set_axis_off()
    return figure


@plt.rc_context(STYLE)
def traversal(cases: Cases, row: int, column: int, direction: str, frames: int = 6) -> Figure:
    """One case: the strip on the manifold, the map over the image, the exact effect and boxes where known; below, the strip
    as released, with its map on the same scale, and the class probability along both paths."""
    picks = np.linspace(0, cases.path.shape[1] - 1, frames).round().astype(int)
    sign = 1.0 if direction == "add" else -1.0
    released = sign * (cases.released[row, -1] - cases.released[row, 0])
    known = [cases.effect[row]] if len(cases.effect) else []
    scale = scale_of(cases.difference[row], *known)
    figure, axes = plt.subplots(2, frames + 3, figsize=(1.35 * (frames + 3), 3.5), layout="constrained")
    _picture(axes[0, 0], cases.image[row], "image")
    for spot, frame in enumerate(picks):
        chance = cases.probability[row, frame, column]
        _picture(axes[0, spot + 1], cases.path[row, frame], f"p = {chance:.2f}")
        chance = cases.released_probability[row, frame, column]
        _picture(axes[1, spot + 1], cases.released[row, frame], f"p = {chance:.2f}")
    _signed(axes[0, -2], cases.difference[row], scale, f"map, ±{scale:.2f}", cases.image[row])
    _signed(axes[1, -2], released, scale_of(released), f"as released, ±{scale_of(released):.2f}", cases.image[row])
    _draw_boxes(axes[0, -2], cases.boxes[row], cases.image.shape[1])
    if known:
        _signed(axes[0, -1], known[0], scale, "exact effect", cases.image[row])
    else:
        axes[0, -1].set_axis_off()
    _draw_probability(axes[1, -1], cases, row, column)
    axes[1, 0].text(0.5, 0.5, "as\nreleased", ha="center", va="center", fontsize=8)
    axes[1, 0].set_axis_off()
    return figure


def _draw_boxes(axes: Axes, boxes: np.ndarray, size: int) -> None:
    for top, left, bottom, right in boxes[np.isfinite(boxes).all(axis=1)] * size:
        axes.add_patch(
            plt.Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="#f5c518", linewidth=1.4)
        )


def _draw_probability(axes: Axes, cases: Cases, row: int, column: int) -> None:
    share = np.linspace(0, 1, cases.path.shape[1])
    axes.plot(share, cases.probability[row, :, column], color=ACCENT, label="ours")
    axes.plot(share, cases.released_probability[row, :, column], color=SECOND, label="as released")
    axes.set(ylim=(-0.02, 1.02), xticks=[0, 1], yticks=[0, 1])
    axes.set_title("p along the path", fontsize=8, fontweight="normal", pad=3)
    axes.legend(fontsize=6)


@plt.rc_context(STYLE)
def latent_usage(activity: np.ndarray, mean_share: np.ndarray | None, prior_share: float | None) -> Figure:
    """Left: variance over images of each latent's head coordinate, sorted. Right, on simplexes: mean share of each
    component, sorted, beside the prior's."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 2.8), layout="constrained")
    left.bar(np.arange(len(activity)), np.sort(activity)[::-1], color=ACCENT, width=1.0)
    left.axhline(0.01, color=SECOND, linewidth=1, linestyle="--", label="active above .01")
    left.set(title="Variance over images of each coordinate", xlabel="latent, sorted", yscale="log")
    left.legend(fontsize=8)
    if mean_share is None:
        right.set_axis_off()
        return figure
    right.bar(np.arange(len(mean_share)), np.sort(mean_share)[::-1], color=ACCENT, width=1.0)
    if prior_share is not None:
        right.axhline(prior_share, color=SECOND, linewidth=1, linestyle="--", label="prior's mean")
        right.legend(fontsize=8)
    right.set(title="Mean share of each component", xlabel="component, sorted")
    return figure
