"""An explanation of one image leaves strip.png, map.png, path.gif and path.json, as bytes, and its predictions as text.

The file maps.png shows further maps where they were asked for. Pictures are the image with the path's change. The probability of a
picture is re-read: the classifier is asked about that very picture. What the head says of the latent code stands beside it.
"""

import dataclasses
import hashlib
import io
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.config import to_json
from dirvae.explain import methods
from dirvae.explain.explainer import OWN_FLAGS, Explainer, Explanation
from dirvae.explain.setting import has_constant_direction
from dirvae.report.html import pictures
from dirvae.report.html.style import RULES, WIDTH
from dirvae.training import workdir

DPI = 160
FRAMES = 7
SIDE = 256  # pixels that a smaller image is enlarged to, about, in the animation
ROUNDING = 5e-4  # of a probability with three digits: what looks equal in print is not called short
VERBS = {1.0: "raised", -1.0: "lowered"}
PANELS = 5  # maps side by side in maps.png
CAUTION = "Research software, not a medical device."


class Facts(NamedTuple):
    """What an explanation says besides its map."""

    finding: str
    sign: float  # +1 where the finding was raised along the path, -1 where it was lowered
    before: float  # probability of the finding that the classifier reads from the image
    after: float  # the same of the image with the path's whole change
    run: str  # name of the run's folder
    step: int
    scale: float  # change at which a colour is full, grey levels of [0, 1]


def files(
    explainer: Explainer, explanation: Explanation, name: str, seed: int = 0, noticed: Sequence[str] = ()
) -> dict[str, bytes]:
    """Everything of one explained image, which is called `name`, by file name; `noticed` are sentences on its file."""
    label = explainer.run.labels[int(explanation.label)]
    direction = "add" if explanation.sign > 0 else "remove"
    times = max(1, SIDE // explanation.image.shape[0])
    larger = [x.repeat(times, axis=-3).repeat(times, axis=-2) for x in (explanation.path.on_image, explanation.image)]
    same = has_constant_direction(explainer.run.config)
    made = {
        "strip.png": _png(strip(explanation, label, same)),
        "map.png": _png(both_maps(explanation, label, name, explainer.draws, doubts(explanation, noticed))),
        "path.gif": pictures.animate(*larger, direction, side=2 * SIDE, most=13),
        "path.json": workdir.as_json(description(explainer, explanation, name, seed, noticed)).encode(),
    }
    return made | ({"maps.png": _png(further_maps(explanation, label, name))} if explanation.maps else {})


def description(
    explainer: Explainer, explanation: Explanation, name: str, seed: int = 0, noticed: Sequence[str] = ()
) -> dict:
    """path.json: the image, the run, the options, predictions, and each frame of the path."""
    run, labels, path = explainer.run, explainer.run.labels, explanation.path
    column = int(explanation.label)

    def named(row: np.ndarray) -> dict[str, float]:
        return dict(zip(labels, map(float, row), strict=True))

    chosen = {k: v for k, v in dataclasses.asdict(run.config.explain).items() if k not in OWN_FLAGS}
    frames = [
        {
            "distance": float(distance),
            "probability": named(seen),
            "probability_of_code": named(code),
            "coordinates": point.ravel().tolist(),
        }
        for distance, seen, code, point in zip(
            path.distance, path.reread, path.probability, path.coordinates, strict=True
        )
    ]
    return {
        "image": name,
        "label": labels[int(explanation.label)],
        "direction": "add" if explanation.sign > 0 else "remove",
        "run": {
            "workdir": run.workdir.resolve().name,
            "step": run.step,
            "prior": run.config.model.prior,
            "config_sha256": hashlib.sha256(to_json(workdir.read_config(run.workdir)).encode()).hexdigest(),
        },
        "options": chosen | {"draws": explainer.draws, "seed": seed},
        "probability": named(explanation.probability),
        "threshold": named(explainer.thresholds),
        "untuned_thresholds": [label for label, tuned in zip(labels, explainer.tuned, strict=True) if not tuned],
        "reconstruction_error": None if explanation.error is None else float(explanation.error),
        "error_percentile_of_validation": None if explanation.percentile is None else float(explanation.percentile),
        "warnings": doubts(explanation, noticed),
        "coordinates": f"of the {run.model.latent.name} latent, {list(path.coordinates.shape[1:])} flattened",
        "called_present": [bool(p >= explainer.thresholds[column]) for p in path.reread[[0, -1], column]],
        "frames": frames,
    }


def facts(explainer: Explainer, explanation: Explanation) -> Facts:
    """What is said beside the map: the finding, its probability at both ends of the path, the run, and the scale of colours."""
    column, run = int(explanation.label), explainer.run
    before, after = (float(explanation.path.reread[end, column]) for end in (0, -1))
    scale = pictures.scale_of(explanation.signed)
    folder = run.workdir.resolve().name
    return Facts(run.labels[column], float(explanation.sign), before, after, folder, run.step, scale)


def doubts(explanation: Explanation, noticed: Sequence[str] = ()) -> list[str]:
    """Sentences on why the predictions may mean nothing: what was `noticed` of the file, and an image unlike those of validation."""
    return [*noticed, *([str(explanation.unlike)] if explanation.unlike else [])]


def familiarity(explanation: Explanation, noticed: Sequence[str] = ()) -> str:
    """Where the image stands among those of validation, and every doubt, a line each."""
    lines = [f"warning: {doubt}" for doubt in doubts(explanation, noticed)]
    if explanation.error is not None and explanation.percentile is not None:
        error, percentile = float(explanation.error), float(explanation.percentile)
        where = f"larger than that of {percentile:.0f} % of the validation images"
        lines.insert(0, f"reconstruction error {error:.3f} grey levels of [0, 1], {where}")
    return "\n".join(lines)


def table(explainer: Explainer, explanation: Explanation) -> str:
    """Predictions of all findings as text, the largest first; thresholds that validation could not tune are marked."""
    rows = [f"{'finding':<28}probability  threshold"]
    for column in np.argsort(-explanation.probability, kind="stable"):
        p, t = explanation.probability[column], explainer.thresholds[column]
        mark = "" if explainer.tuned[column] else "*"
        rows.append(f"{explainer.run.labels[column]:<28}{p:11.3f}{t:11.3f}{mark}{'  present' if p >= t else ''}")
    if not explainer.tuned.all():
        rows.append("* not tuned: the known labels of validation have one value")
    return "\n".join(rows)


def sentence(explainer: Explainer, explanation: Explanation, chosen: bool = False) -> str:
    """Says what the path did, whether it came as far as it should, and why it is this finding's where nobody named one.

    A finding is called removed or added only where the classifier, reading the last picture, says so at its threshold.
    """
    column, path, options = int(explanation.label), explanation.path, explainer.options
    decisive = path.reread if options.stop == "picture" else path.probability
    first, last = path.reread[[0, -1], column]
    goal = options.target_probability if explanation.sign > 0 else 1.0 - options.target_probability
    reached = explanation.sign * (decisive[-1, column] - goal) >= -ROUNDING
    short = "" if reached else f", short of the {goal:.3f} asked for"
    code = "{:.3f} -> {:.3f}".format(*path.probability[[0, -1], column])
    label, steps = explainer.run.labels[column], int(np.count_nonzero(np.diff(path.distance)))
    why = f"no label given: {label}, whose odds exceed its threshold's by the largest factor\n" if chosen else ""
    outcome = verdict(explanation, explainer.thresholds[column])
    return (
        f"{why}{label} {outcome}: probability re-read from the picture {first:.3f} -> {last:.3f}{short}; "
        f"of the code {code}; {steps} steps, length {path.distance[-1]:.2f}"
    )


def verdict(explanation: Explanation, threshold: float) -> str:
    """What became of the finding: what the classifier calls the last picture at its threshold."""
    present = explanation.path.reread[-1, int(explanation.label)] >= threshold
    if explanation.sign > 0:
        return "added" if present else "not added: the picture is still read as without it"
    return "not removed: the picture is still read as with it" if present else "removed"


@plt.rc_context(RULES)
def strip(explanation: Explanation, label: str, same_direction: bool, frames: int = FRAMES) -> Figure:
    """Draws the image along the path, the decoded frames, and what the finding adds so far, over the image.

    Above each picture stands the probability that the classifier re-reads from it, above each decoded frame the code's.
    `same_direction` says whether the path's direction is the same for every image of the label.
    """
    path, column = explanation.path, int(explanation.label)
    picks = np.linspace(0, len(path.images) - 1, frames).round().astype(int)
    change = explanation.sign * np.mean(path.on_image - path.on_image[:1], axis=-1)
    scale = pictures.scale_of(change[-1])
    cell = (WIDTH - 0.9) / (frames + 1)
    size = (WIDTH, 3 * (cell + 0.12) + 0.75)
    figure, axes = plt.subplots(3, frames + 1, figsize=size, layout="constrained")
    pictures.tight(figure)
    pictures.draw(axes[0, 0], explanation.image, "image")
    for axis, name in zip(axes[:, 0], ("", "decoded", "change"), strict=True):
        axis.set_axis_off()
        if name:
            axis.text(0.95, 0.5, name, ha="right", va="center", transform=axis.transAxes, fontsize=8)
    for axis, pick in zip(axes[:, 1:].T, picks, strict=True):
        pictures.draw(axis[0], path.on_image[pick], f"p = {path.reread[pick, column]:.2f}")
        pictures.draw(axis[1], path.images[pick], f"code {path.probability[pick, column]:.2f}")
        pictures.overlay(axis[2], explanation.image, change[pick], scale)
    pictures.colour_bar(figure, scale, ax=axes[:, -1], fraction=0.05, pad=0.02)
    direction = ", the same direction for every image" if same_direction else ""
    figure.suptitle(
        f"{label} {VERBS[float(explanation.sign)]} along its logit's gradient{direction}\n"
        "p: re-read from the picture, which is the image with the change below; code: what the head says of the latent",
        fontsize=9,
    )
    return figure


@plt.rc_context(RULES)
def both_maps(explanation: Explanation, label: str, name: str, draws: int, warnings: Sequence[str] = ()) -> Figure:
    """The image, the image with the path's whole change, and over the image the signed map of the path and the gated one."""
    scale = pictures.scale_of(explanation.signed)
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, (WIDTH - 0.9) / 4 + 0.5), layout="constrained")
    pictures.tight(figure)
    first, last = explanation.path.reread[[0, -1], int(explanation.label)]
    pictures.draw(axes[0], explanation.image, f"image: p = {first:.2f}")
    verb = VERBS[float(explanation.sign)]
    pictures.draw(axes[1], explanation.path.on_image[-1], f"{label} {verb}: p = {last:.2f}")
    pictures.overlay(axes[2], explanation.image, explanation.signed, scale, "signed map: the path's change")
    gated = f"gated map: what {draws} draws agree on,\nwhere the evidence is"
    pictures.overlay_change(axes[3], explanation.image, explanation.map, scale, gated)
    pictures.colour_bar(figure, scale, ax=axes[-1], fraction=0.05, pad=0.02)
    wrapped = (textwrap.fill(f"Warning: {one}", 110) for one in warnings)
    figure.suptitle("\n".join([f"{name}: {label}", *wrapped]), fontsize=10 if not warnings else 8)
    return figure


@plt.rc_context(RULES)
def further_maps(explanation: Explanation, label: str, name: str) -> Figure:
    """Further maps over the image, each on a scale of its own, under their titles."""
    lines, known = -(-len(explanation.maps) // PANELS), methods.maps_of()
    figure, axes = plt.subplots(
        lines, PANELS, figsize=(WIDTH, lines * (WIDTH / PANELS + 0.3)), layout="constrained", squeeze=False
    )
    pictures.tight(figure)
    for axis in axes.ravel():
        axis.set_axis_off()
    for axis, (method, values) in zip(axes.ravel(), explanation.maps.items(), strict=False):
        scale, drawn = pictures.own_scale(values), known[method]
        pictures.overlay(axis, explanation.image, values, scale, drawn.title, drawn.signed)
    figure.suptitle(f"{name}: {label}; each map on a scale of its own", fontsize=10)
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    plt.close(figure)
    return buffer.getvalue()
