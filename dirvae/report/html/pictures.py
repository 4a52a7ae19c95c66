"""Images, maps, traversals and animations as Matplotlib objects and bytes; pure functions of arrays.

Colours follow one rule everywhere. Changes of grey level that are shown together share one scale, which ends at the 99.5th
percentile of |change| of the exact effect where it is known. A faint map is multiplied by the factor in its title. Maps in other
units each have a scale of their own.
"""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from dirvae.explain.gallery import Cases
from dirvae.report.html.style import ACCENT, BOX, QUIET, RULES, SECOND, SIGNED, UNSIGNED, WIDTH

GAP = 0.08  # between frames of a strip, share of a frame
GAINS = (1, 2, 5, 10, 20)  # by which faint maps may be multiplied
FAINTEST = 0.01  # grey levels at which a scale of changes ends at least
CHANGE = "change in grey level (black 0, white 1)\nred: brighter with the finding, blue: darker"


def draw(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """One image [H, W, 1] in grey, black 0 and white 1."""
    axes.imshow(np.squeeze(image, -1), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_title(title, fontsize=8, fontweight="normal", pad=3)
    axes.set_axis_off()


def tinted(image: np.ndarray, values: np.ndarray, scale: float, signed: bool = True) -> np.ndarray:
    """A map [H, W] over an image [H, W, 1], RGB [H, W, 3] in [0, 1].

    A signed map goes from blue at -scale to red at scale, another is amber. The opacity is (|value|/scale)^.75, at most 1, so that faint
    values do not tint everything.
    """
    share = np.clip(values / scale, -1.0, 1.0)
    opacity = (np.abs(share) ** 0.75)[..., None]
    colours = colormaps[SIGNED](0.5 + 0.5 * share)[..., :3] if signed else np.asarray(to_rgb(UNSIGNED))
    return np.clip((1.0 - opacity) * image + opacity * colours, 0.0, 1.0)


def overlay(
    axes: Axes, image: np.ndarray, values: np.ndarray, scale: float, title: str = "", signed: bool = True
) -> None:
    """Draws `tinted`."""
    axes.imshow(tinted(image, values, scale, signed), interpolation="nearest")
    axes.set_title(title, fontsize=8, fontweight="normal", pad=3)
    axes.set_axis_off()


def overlay_change(axes: Axes, image: np.ndarray, change: np.ndarray, scale: float, title: str) -> None:
    """Draws a change of grey level on a common scale; a faint one is multiplied by the factor that its title states."""
    gain = gain_of(change, scale)
    overlay(axes, image, gain * change, scale, title if gain == 1 else f"{title} × {gain}")


def colour_bar(figure: Figure, scale: float, legend: str = CHANGE, **where: Axes | np.ndarray | float) -> None:
    """The colours of changes between -scale and scale; `where` is as in Matplotlib's `colorbar`."""
    shades = plt.cm.ScalarMappable(plt.Normalize(-scale, scale), SIGNED)
    bar = figure.colorbar(shades, extend="both", **where)
    bar.set_label(legend, fontsize=7)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=5)


def scale_of(*differences: np.ndarray) -> float:
    """A common symmetric scale of changes: the largest 99.5th percentile of |change|, at least `FAINTEST`."""
    return max([FAINTEST, *(_extent(d) for d in differences if d.size)])


def own_scale(values: np.ndarray) -> float:
    """The scale of a map in any unit: the 99.5th percentile of its size; 1 where it is 0 everywhere."""
    return _extent(values) or float(np.abs(values).max()) or 1.0


def _extent(values: np.ndarray) -> float:
    return float(np.percentile(np.abs(values), 99.5))


def row_title(axes: Axes, text: str) -> None:
    axes.text(-0.08, 0.5, text, rotation=90, ha="right", va="center", transform=axes.transAxes, fontsize=8)


@plt.rc_context(RULES)
def reconstructions(images: np.ndarray, shown: np.ndarray, titles: Sequence[str] = ()) -> Figure:
    """Rows: images [n, H, W, C], their reconstructions, and image less reconstruction on a scale common to all."""
    count = len(images)
    width = WIDTH * max(count, 4) / 10
    size = (width, 3 * (width - 1) / count + 0.5)
    figure, axes = plt.subplots(3, count, figsize=size, layout="constrained", squeeze=False)
    tight(figure)
    scale = scale_of(images - shown)
    for column in range(count):
        draw(axes[0, column], images[column], titles[column] if len(titles) else "")
        draw(axes[1, column], shown[column])
        map_ = axes[2, column].imshow(
            (images - shown)[column, ..., 0], cmap=SIGNED, vmin=-scale, vmax=scale, interpolation="nearest"
        )
        axes[2, column].set_axis_off()
    for axis, text in zip(axes[:, 0], ("image", "reconstruction", "difference"), strict=True):
        row_title(axis, text)
    bar = figure.colorbar(map_, ax=axes, fraction=0.02, pad=0.01, extend="both")
    bar.set_label("image − reconstruction, grey levels", fontsize=8)
    return figure


@plt.rc_context(RULES)
def gallery(images: np.ndarray, columns: int = 8, titles: Sequence[str] = ()) -> Figure:
    """A grid of images [n, H, W, C]."""
    rows = -(-len(images) // columns)
    size = WIDTH / columns
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, size * rows), layout="constrained", squeeze=False)
    tight(figure)
    for position, axis in enumerate(axes.ravel()):
        axis.set_axis_off()
        if position < len(images):
            draw(axis, images[position], titles[position] if len(titles) else "")
    return figure


@plt.rc_context(RULES)
def traversal(cases: Cases, row: int, column: int, finding: str, direction: str, frames: int = 6) -> Figure:
    """Draws one case of a finding: above on the manifold, below as published (Harkness et al. 2023).

    It shows the image, the image along the path, a map of its whole change over the image, the exact effect where it is known, and the
    finding's probability along the path, re-read from the pictures and of the code.
    All maps share one colour scale, the exact effect's or else that of the map on the manifold.
    """
    sign = 1.0 if direction == "add" else -1.0
    exact = cases.effect[row : row + 1]
    maps = {"m": cases.difference[row, ..., 0], "n": sign * (cases.released[row, -1] - cases.released[row, 0])[..., 0]}
    scale = scale_of(exact) if len(exact) else scale_of(maps["m"])
    figure, axes = _canvas(frames, len(exact) > 0)
    draw(axes["i"], cases.image[row], "image")
    draw_boxes(axes["i"], cases.boxes[row], cases.image.shape[1:3])
    paths = {"a": ("on the manifold", cases.on_image, cases.reread)}
    paths["b"] = ("as published", cases.released, cases.released_reread)
    for name, (title, path, probability) in paths.items():
        _strip(axes[name], title, path[row], probability[row, :, column], frames)
    for name, change in maps.items():
        overlay_change(axes[name], cases.image[row], change, scale, "change")
    for effect in exact:
        overlay(axes["e"], cases.image[row], effect, scale, "exact effect")
    colour_bar(figure, scale, "change in grey level (black 0, white 1)", cax=axes["c"])
    _probability(axes["p"], cases, row, column, finding)
    return figure


def gain_of(change: np.ndarray, scale: float) -> int:
    """The largest of GAINS by which a map may be multiplied and still fit the scale."""
    return max(gain for gain in GAINS if gain == 1 or gain * scale_of(change) <= scale)


def _canvas(frames: int, exact: bool) -> tuple[Figure, dict[str, Axes]]:
    """Cells: i image, a and b the strips, m and n their maps, e the exact effect, c the colour bar, p the probability."""
    widths = {"i": 1.9, "a": frames * (1 + GAP), "m": 1.1, **({"e": 1.9} if exact else {}), "c": 0.13, "p": 1.7}
    above, below = list(widths), [{"a": "b", "m": "n"}.get(name, name) for name in widths]
    cell = (WIDTH - 1.2) / sum(widths.values())
    figure = plt.figure(figsize=(WIDTH, 2 * (cell + 0.36)), layout="constrained")
    tight(figure)
    return figure, figure.subplot_mosaic([above, below], width_ratios=list(widths.values()))


def tight(figure: Figure) -> None:
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)


def _strip(axes: Axes, title: str, path: np.ndarray, probability: np.ndarray, frames: int) -> None:
    """Evenly spaced frames of a path [T, H, W, C] side by side, each under the probability at it."""
    picks = np.linspace(0, len(path) - 1, frames).round().astype(int)
    height, width = path.shape[1:3]
    gap = round(GAP * width)
    spaced = np.pad(path[picks, ..., 0], ((0, 0), (0, 0), (0, gap)), constant_values=np.nan)
    draw(axes, np.moveaxis(spaced, 0, 1).reshape(height, -1)[:, :-gap, None])
    for position, frame in enumerate(picks):
        middle = position * (width + gap) + width / 2
        axes.text(middle, -0.05 * height, f"p = {probability[frame]:.2f}", ha="center", va="bottom", fontsize=8)
    axes.text(-0.06 * width, height / 2, title, rotation=90, ha="right", va="center", fontsize=8)


def draw_boxes(axes: Axes, boxes: np.ndarray, shape: Sequence[int]) -> None:
    """Boxes [n, 4] (ymin, xmin, ymax, xmax, shares of the image), NaN where there is none."""
    height, width = shape
    for ymin, xmin, ymax, xmax in boxes[np.isfinite(boxes).all(axis=1)]:
        corner, extent = (xmin * width - 0.5, ymin * height - 0.5), ((xmax - xmin) * width, (ymax - ymin) * height)
        axes.add_patch(plt.Rectangle(corner, *extent, fill=False, edgecolor=BOX, linewidth=1.2))


def _probability(axes: Axes, cases: Cases, row: int, column: int, finding: str) -> None:
    share = np.linspace(0, 1, cases.path.shape[1])
    axes.plot(share, cases.reread[row, :, column], color=ACCENT, label="on the manifold")
    axes.plot(share, cases.probability[row, :, column], color=ACCENT, linewidth=0.8, linestyle=":", label="its code")
    axes.plot(share, cases.released_reread[row, :, column], "--", color=SECOND, label="as published")
    axes.axhline(0.5, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set(ylim=(-0.03, 1.03), xticks=[0, 1], xticklabels=["start", "end"], yticks=[0, 0.5, 1])
    axes.set_title(f"P({finding})", fontsize=8)
    axes.legend(fontsize=7)


def animate(path: np.ndarray, image: np.ndarray, direction: str, side: int = 80, most: int = 7) -> bytes:
    """A GIF of a path [T, H, W, C], there and back: left the frames, right what the finding adds so far, over the image.

    Frames are at most `most` and no larger than `side` pixels, so that a page of them stays small.
    """
    picks = np.unique(np.linspace(0, len(path) - 1, min(most, len(path))).round().astype(int))
    sign = 1.0 if direction == "add" else -1.0
    change = sign * (path[picks] - path[0])[..., 0]
    scale = scale_of(change)
    pictures = []
    for frame, difference in zip(path[picks], change, strict=True):
        tint = tinted(image, difference, scale)
        both = np.concatenate([np.broadcast_to(frame, tint.shape), tint], axis=1)
        picture = Image.fromarray(np.rint(np.clip(both, 0, 1) * 255).astype(np.uint8))
        shrunk = (picture.width * side // picture.height, side) if picture.height > side else picture.size
        pictures.append(picture.resize(shrunk, Image.Resampling.LANCZOS).quantize(96, dither=Image.Dither.NONE))
    buffer = io.BytesIO()
    there_and_back = pictures[1:] + pictures[-2:0:-1]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=there_and_back, duration=130, loop=0)
    return buffer.getvalue()
