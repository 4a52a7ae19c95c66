"""What an explanation of one image leaves: strip.png, map.png, path.gif and path.json, as bytes; and its predictions as text."""

import dataclasses
import hashlib
import io

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from dirvae.config import to_json
from dirvae.explain import maps
from dirvae.explain.explainer import OWN_FLAGS, Explainer, Explanation
from dirvae.report.html import pictures
from dirvae.report.html.style import RULES, WIDTH
from dirvae.training import workdir

DPI = 160
FRAMES = 7
SIDE = 256  # pixels that a smaller image is enlarged to, about, in the animation
VERBS = {1.0: "added", -1.0: "removed"}
LEGEND = "change in grey level (black 0, white 1)\nred: brighter with the finding, blue: darker"


def files(explainer: Explainer, found: Explanation, name: str, seed: int = 0) -> dict[str, bytes]:
    """Everything of one explained image, which is called `name`, by file name."""
    label = explainer.run.labels[int(found.label)]
    direction = "add" if found.sign > 0 else "remove"
    times = max(1, SIDE // found.image.shape[0])
    larger = [x.repeat(times, axis=-3).repeat(times, axis=-2) for x in (found.path.images, found.image)]
    return {
        "strip.png": _png(strip(found, label)),
        "map.png": _png(both_maps(found, label, name, explainer.draws)),
        "path.gif": pictures.animate(*larger, direction, side=2 * SIDE, most=13),
        "path.json": workdir.as_json(described(explainer, found, name, seed)).encode(),
    }


def described(explainer: Explainer, found: Explanation, name: str, seed: int = 0) -> dict:
    """path.json: the image, the run, the options, predictions, and each frame of the path."""
    run, labels, path = explainer.run, explainer.run.labels, found.path
    named = lambda row: dict(zip(labels, map(float, row), strict=True))  # noqa: E731
    chosen = {k: v for k, v in dataclasses.asdict(run.config.explain).items() if k not in OWN_FLAGS}
    frames = [
        {"distance": float(distance), "probability": named(row), "coordinates": point.ravel().tolist()}
        for distance, row, point in zip(path.distance, path.probability, path.coordinates, strict=True)
    ]
    return {
        "image": name,
        "label": labels[int(found.label)],
        "direction": "add" if found.sign > 0 else "remove",
        "run": {
            "workdir": str(run.workdir),
            "step": run.step,
            "prior": run.config.model.prior,
            "config_sha256": hashlib.sha256(to_json(workdir.read_config(run.workdir)).encode()).hexdigest(),
        },
        "options": chosen | {"draws": explainer.draws, "seed": seed},
        "probability": named(found.probability),
        "threshold": named(explainer.thresholds),
        "coordinates": f"of the {run.model.latent.name} latent, {list(path.coordinates.shape[1:])} flattened",
        "frames": frames,
    }


def table(explainer: Explainer, found: Explanation) -> str:
    """Predictions of all findings as text, the largest first."""
    rows = [f"{'finding':<28}probability  threshold"]
    for column in np.argsort(-found.probability, kind="stable"):
        p, t = found.probability[column], explainer.thresholds[column]
        rows.append(f"{explainer.run.labels[column]:<28}{p:11.3f}{t:11.3f}{'  present' if p >= t else ''}")
    return "\n".join(rows)


def sentence(explainer: Explainer, found: Explanation, chosen: bool = False) -> str:
    """What the path did, whether it came as far as it should, and why it is this finding's where nobody named one."""
    column, path, target = int(found.label), found.path, explainer.options.target_probability
    first, last = path.probability[[0, -1], column]
    steps = int(np.count_nonzero(np.diff(path.distance)))
    goal = target if found.sign > 0 else 1.0 - target
    short = "" if found.sign * (last - goal) >= 0 else f", short of the {goal:.2f} asked for"
    ends = f"probability {first:.3f} -> {last:.3f}{short}"
    label = explainer.run.labels[column]
    why = f"no label given: {label}, whose odds exceed its threshold's by the largest factor\n" if chosen else ""
    return f"{why}{label} {VERBS[float(found.sign)]}: {ends}; {steps} steps, length {path.distance[-1]:.2f}"


@plt.rc_context(RULES)
def strip(found: Explanation, label: str, frames: int = FRAMES) -> Figure:
    """Frames of the path under the label's probability there, and below each what the finding adds so far, over the image."""
    picks = np.linspace(0, len(found.path.images) - 1, frames).round().astype(int)
    change = found.sign * np.mean(found.path.images - found.path.images[:1], axis=-1)
    scale = pictures.scale_of(change[-1])
    cell = (WIDTH - 0.9) / (frames + 1)
    size = (WIDTH, 2 * cell + 0.55)
    figure, axes = plt.subplots(2, frames + 1, figsize=size, layout="constrained")
    pictures.tight(figure)
    pictures.draw(axes[0, 0], found.image, "image")
    axes[1, 0].set_axis_off()
    for axis, pick in zip(axes[:, 1:].T, picks, strict=True):
        pictures.draw(axis[0], found.path.images[pick], f"p = {found.path.probability[pick, int(found.label)]:.2f}")
        overlay(axis[1], found.image, change[pick], scale, "")
    colour_bar(figure, axes[:, -1], scale)
    figure.suptitle(f"{label} {VERBS[float(found.sign)]} along its gradient; below: what it adds, so far", fontsize=10)
    return figure


@plt.rc_context(RULES)
def both_maps(found: Explanation, label: str, name: str, draws: int) -> Figure:
    """The image, the path's end, and over the image the signed map of the path and the gated one."""
    scale = pictures.scale_of(found.signed)
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, (WIDTH - 0.9) / 4 + 0.5), layout="constrained")
    pictures.tight(figure)
    first, last = found.path.probability[[0, -1], int(found.label)]
    pictures.draw(axes[0], found.image, f"image, p = {first:.2f}")
    pictures.draw(axes[1], found.path.images[-1], f"{label} {VERBS[float(found.sign)]}, p = {last:.2f}")
    overlay(axes[2], found.image, found.signed, scale, "signed map: the path's change")
    overlay(axes[3], found.image, found.map, scale, f"gated map: what {draws} draws agree on,\nwhere the evidence is")
    colour_bar(figure, axes[-1], scale)
    figure.suptitle(f"{name}: {label}", fontsize=10)
    return figure


def overlay(axes: Axes, image: np.ndarray, change: np.ndarray, scale: float, title: str) -> None:
    """A signed map [H, W] over an image [H, W, 1], in the colours of `dirvae.explain.maps`."""
    within = maps.scaled(jnp.asarray(change)[None], jnp.full(1, scale))
    axes.imshow(np.asarray(maps.overlaid(jnp.asarray(image)[None], within))[0], interpolation="nearest")
    axes.set_title(title, fontsize=8, fontweight="normal", pad=3)
    axes.set_axis_off()


def colour_bar(figure: Figure, axes: Axes | np.ndarray, scale: float, legend: str = LEGEND) -> None:
    """From what the finding darkens to what it brightens, in the same colours."""
    colours = np.asarray(maps.coloured(jnp.linspace(-1.0, 1.0, 255)[None, None]))[0, 0]
    drawn = plt.cm.ScalarMappable(plt.Normalize(-scale, scale), ListedColormap(colours))
    bar = figure.colorbar(drawn, ax=axes, fraction=0.05, pad=0.02, extend="both")
    bar.set_label(legend, fontsize=7)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=5)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    plt.close(figure)
    return buffer.getvalue()
