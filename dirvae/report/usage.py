"""How a run's latent is used, beside its prior: a table, the activity of its coordinates, and the shares of its components."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirvae.config import Config
from dirvae.latents import compositions
from dirvae.metrics.sparsity import ACTIVE, SWITCHED, Switching
from dirvae.report.html import document
from dirvae.report.html.document import Section
from dirvae.report.html.style import ACCENT, FAINT, INK, RULES, SECOND, WIDTH
from dirvae.report.html.tables import number, table
from dirvae.training import latent_usage
from dirvae.training.latent_usage import Pairs, Usage

STATES = (f"off: second share below {SWITCHED}", "in between", f"on: above {1 - SWITCHED:g}")  # of a pair
ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.08), "ncols": 2, "borderaxespad": 0}  # a legend over a title

Ranks = tuple[np.ndarray, np.ndarray]
"""Mean shares of ranked components [K]: over images, and over draws of the prior."""

LEGEND = (
    "<p>Draws of the posterior stand beside draws of the prior, one draw an image. A latent that is ignored has equal columns. "
    "Posterior means vary less than draws and are less sparse, so they have no prior to stand beside. A latent that is ignored has means "
    "whose variance is near 0. The two shares of a pair mirror each other, so a pair counts once.</p>"
)
EARLIER = (
    "<p>The figure is missing, since an earlier version evaluated this run. Evaluate the run again to draw it.</p>"
)
CAPTION = (
    "Left: variance over images of the coordinates that the classifier reads, of posterior means and of draws. "
    "Right: shares of components of draws, where the latent is a composition."
)


def section(workdir: Path, config: Config, scores: Mapping) -> Section:
    """The section of "latent" in metrics.json and of the arrays of latent.npz."""
    usage, drawn = latent_usage.load(workdir), EARLIER
    if usage is not None:
        shown = pairs_or_ranks(config, usage)
        figure = picture(np.asarray(scores["activity"]), usage.draw_variance, float(usage.prior_variance), shown)
        drawn = document.figure(workdir, "latent", figure, CAPTION)
    return Section("Latent usage", LEGEND + overview(scores) + bounds(scores) + drawn)


def pairs_or_ranks(config: Config, usage: Usage) -> Ranks | Pairs | None:
    """What the right panel draws of images and of the prior; None where the latent is no composition."""
    if not compositions.components(config.model):
        return None
    if compositions.in_pairs(config.model):
        return latent_usage.pairs(usage)
    return usage.components, usage.prior_components


def overview(scores: Mapping) -> str:
    """Use of the latent by posterior means and draws, and by draws of the prior; runs of earlier versions have no draws."""
    pairs, draws, prior = "switching" in scores, scores.get("draws", {}), scores.get("prior")
    unit = "pairs" if pairs else "coordinates"
    rows = [[f"active {unit} (variance above {ACTIVE})", f"{scores['active']} of {scores['coordinates']}", "–", "–"]]
    if pairs:
        for name, state in zip(Switching._fields, STATES, strict=True):
            shares = (part.get("switching", {}).get(name) for part in (scores, draws, prior))
            cells = ("–" if share is None else f"{share:.0%}" for share in shares)
            rows.append([f"pairs {state}; mean over images and pairs", *cells])
    if prior is not None:
        rows += _sparsity(scores, pairs)
    for part, values in zip(("", "cells: "), scores.get("concentration", ()), strict=False):
        low, high = (number(float(bound(values)), 2) for bound in (np.min, np.max))
        rows.append([f"{part}learned concentrations, lowest and highest", "–", "–", f"{low}, {high}"])
    if "local" in scores:
        rows += [[f"cells: {name}", *values] for name, *values in _sparsity(scores["local"])]
    if "dead_decoder_columns" in scores:
        rows.append(["latents that the decoder ignores", str(scores["dead_decoder_columns"]), "–", "–"])
    return table(["", "posterior means", "posterior draws", "draws of the prior"], rows)


def _sparsity(scores: Mapping, pairs: bool = False) -> list[list[str]]:
    """Rows of one level's simplexes; a component that is never in use means something where there are more than two."""
    draws = scores.get("draws")
    parts = (
        scores,
        draws or {},
        scores["prior"] if draws else {},
    )  # earlier versions computed the prior's by another formula
    rows = [
        [title, *(number(part.get(name), digits) for part in parts)]
        for name, title, digits in (
            ("perplexity", "perplexity (components in use)", 2),
            ("inverse_simpson", "inverse Simpson", 2),
            ("hoyer", "Hoyer (0 uniform, 1 one-hot)", 3),
        )
    ]
    return rows if pairs else [*rows, ["components near 0 in every image", str(scores["dead_components"]), "–", "–"]]


def bounds(scores: Mapping) -> str:
    """Bounds of log p(x) over the same images, and what a draw tells of an image; nothing where none were computed."""
    if "iw_bound" not in scores:
        return ""
    rows = [
        ["ELBO, nats", number(scores["iw_elbo"], 1)],
        ["importance-weighted bound, nats", number(scores["iw_bound"], 1)],
        [f"effective samples of {scores['iw_samples']}", number(scores["effective_samples"], 1)],
        ["mutual information of image and latent, nats", number(scores["mutual_information"], 2)],
        ["the most that so many images can show of it", number(scores["mutual_information_ceiling"], 2)],
    ]
    return table(["", f"the first {scores['iw_images']} images"], rows)


@plt.rc_context(RULES)
def picture(
    activity: np.ndarray,
    draw_variance: np.ndarray,
    prior_variance: float,
    components: Ranks | Pairs | None,
) -> Figure:
    """Left: variance over images of each coordinate's posterior mean and of its draws, largest first. Right, on simplexes, of the
    posterior's draws and of the prior's: the mean share of an image's largest, second largest, ... component or, of pairs, how
    often each is off, in between and on."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.2), layout="constrained")
    ranks, pairs = np.arange(1, len(activity) + 1), isinstance(components, Pairs)
    left.plot(ranks, np.maximum(np.sort(activity)[::-1], 1e-6), color=ACCENT, marker=".", label="posterior means")
    left.plot(ranks, np.sort(draw_variance)[::-1], color=SECOND, marker=".", label="posterior draws")
    left.axhline(prior_variance, color=INK, linewidth=1, linestyle="--", label="draws of the prior")
    left.axhline(ACTIVE, color=FAINT, linewidth=1, linestyle=":", label=f"active above {ACTIVE}")
    unit = "pair" if pairs else "coordinate"
    left.set(title="Variance over images", xlabel=f"{unit}, largest first", yscale="log")
    left.legend(**ABOVE)
    if components is None:
        right.set_axis_off()
    else:
        (_switches if pairs else _ranked)(right, *components)
    return figure


def _ranked(axis: Axes, ranked: np.ndarray, prior: np.ndarray) -> None:
    ranks = np.arange(1, len(ranked) + 1)
    axis.plot(ranks, ranked, color=ACCENT, marker=".", label="posterior draws")
    axis.plot(ranks, prior, color=INK, linewidth=1, linestyle="--", label="draws of the prior")
    axis.axhline(1 / len(ranked), color=FAINT, linewidth=1, label="uniform")
    axis.set(title="Share of an image's components", xlabel="component, largest first", yscale="log", ylim=(1e-5, 1.2))
    axis.legend(**ABOVE)


def _switches(axis: Axes, images: Switching, prior: Switching, settled: int) -> None:
    """A bar a pair, those first that are most often off or on; the prior's bar stands apart."""
    order, count = np.argsort(images.between, kind="stable"), len(images.off)
    gap = 1 + 0.04 * count
    places, widths = np.r_[1 : count + 1, count + 2 * gap], np.r_[np.full(count, 0.9), gap]
    base = np.zeros(count + 1)
    for ours, theirs, colour, text in zip(images, prior, (ACCENT, FAINT, SECOND), STATES, strict=True):
        heights = np.r_[ours[order], theirs]
        axis.bar(places, heights, widths, base, color=colour, label=text)
        base = base + heights
    steps = sorted({1, *(max(1, quarter * count // 4) for quarter in range(1, 5))})
    axis.set_xticks([*steps, places[-1]], [*map(str, steps), "prior"])
    axis.set(
        title=f"{settled} of {count} pairs off or on in most images",
        xlabel="pair, least often in between first",
        ylabel="share of images",
    )
    axis.set(ylim=(0, 1), xlim=(0.3, places[-1] + 0.6 * gap))
    axis.legend(**ABOVE)
