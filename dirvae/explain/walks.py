"""This module computes what an explorer shows: traversals, latent compositions and explanations of the same images in several runs.

Images are drawn by seed, label by label, and not by looks. A path lowers the logit of a label that the runs give a mean probability of
at least 1/2, and raises it elsewhere, so that all runs answer the same question.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dirvae.explain import methods, selection, traversals, truth
from dirvae.explain.setting import setting_of
from dirvae.explain.traversals import Options
from dirvae.latents import compositions
from dirvae.model import Model
from dirvae.training import data, parallel, runs
from dirvae.training.evaluate import Predictions
from dirvae.training.runs import Run
from dirvae.types import Params, PyTree, Query, Simulator, grey_levels

BATCH = 32  # paths, and maps, that are computed at once
LEVEL = 0.5  # mean probability from which a path lowers the label


class Plan(NamedTuple):
    """R traversals of n images, image by image, at least one an image."""

    position: np.ndarray  # int32 [n], in the split
    row: np.ndarray  # int32 [R], of which image
    label: np.ndarray  # int32 [R], columns
    sign: np.ndarray  # float32 [R], +1 raises the label's logit, -1 lowers it

    def query(self, images: np.ndarray) -> Query:
        """The query of its n images [n, H, W, C], a row a traversal."""
        return Query(images[self.row], self.label, self.sign)


class Facts(NamedTuple):
    """The facts are known of the planned images without any model."""

    labels: tuple[str, ...]
    image: np.ndarray  # float32 [n, H, W], grey levels of [0, 1]
    target: np.ndarray  # float32 [n, L], NaN where not known
    effect: np.ndarray  # float32 [R, H, W], what the label adds, grey levels; NaN where no exact effect is known
    boxes: tuple[np.ndarray, ...]  # R arrays [k, 4]: ymin, xmin, ymax, xmax, shares of the image


class Arm(NamedTuple):
    """An arm holds what one run makes of the plan; D components as `composition` has them."""

    name: str
    title: str  # of the model
    frame: np.ndarray  # float32 [R, T, H, W], decoded, grey levels
    reread: np.ndarray  # float32 [R, T, L], read from the image with the path's change
    probability: np.ndarray  # float32 [R, T, L], of the code
    distance: np.ndarray  # float32 [R, T], in the latent's coordinates
    composition: np.ndarray  # float32 [R, T, D]
    components: int  # of each simplex (2: pairs, of which D has the second shares); 0 where D has coordinates
    own: np.ndarray  # int32 [L, m], components that a label's logit alone reads; m is 0 where nothing is assigned
    maps: dict[str, np.ndarray]  # float32 [R, H, W] each, by their names in `dirvae.explain.methods`
    threshold: np.ndarray  # float64 [L], Youden's on validation


def agree(workdirs: Sequence[Path]) -> None:
    """Raises ValueError, naming what differs, where runs were not trained on the same findings and the same data set."""
    facts = [runs.describe(directory) for directory in workdirs]
    for directory, other in zip(workdirs[1:], facts[1:], strict=True):
        pair = f"{workdirs[0]} and {directory}"
        if other["labels"] != facts[0]["labels"]:
            lists = " and ".join(", ".join(fact["labels"]) for fact in (facts[0], other))
            raise ValueError(
                f"{pair} know different findings ({lists}); explore runs with the same data.labels together"
            )
        hashes = [fact["manifest"]["content_hash"] for fact in (facts[0], other)]
        if hashes[0] != hashes[1]:
            short = " and ".join(each[:12] for each in hashes)
            raise ValueError(
                f"{pair} have different data sets (content {short}); explore runs of one data set together"
            )


def plan(predictions: Sequence[Predictions], count: int, classes: int, seed: int) -> Plan:
    """Up to `count` images of a split that all runs have scored, each with up to `classes` labels.

    Each label in turn gives one of its positives until there are enough; images without any come last. An image's labels are its positives
    and then those of the largest mean probability, the larger first in either.

    Raises:
      ValueError: for a count or a number of classes below 1, or runs that scored different images.
    """
    if count < 1 or classes < 1:
        raise ValueError(f"an explorer needs at least one case and one class, not {count} and {classes}")
    first = predictions[0]
    if any(not np.array_equal(first.target, other.target) for other in predictions[1:]):
        raise ValueError("the runs scored different images or labels of this split; evaluate them anew on one data set")
    positive = (first.target > 0) & (first.weight > 0)
    position = selection.in_turn(positive, count, seed)
    mean = np.mean([one.probability[position] for one in predictions], axis=0)
    order = np.argsort(-(mean + 2.0 * positive[position]), axis=1, kind="stable")[:, :classes]
    row = np.repeat(np.arange(len(position)), order.shape[1])
    label = order.reshape(-1)
    sign = np.where(mean[row, label] >= LEVEL, -1.0, 1.0)
    return Plan(position.astype(np.int32), row.astype(np.int32), label.astype(np.int32), sign.astype(np.float32))


def facts(examples: data.Examples, planned: Plan, simulator: Simulator | None = None) -> Facts:
    """Returns what is known of the planned images; `simulator` renders exact effects where the factors of images are known."""
    position = planned.position
    image = grey_levels(examples.split.images(position)).mean(axis=-1)
    effect = np.full((len(planned.row), *image.shape[1:]), np.nan, np.float32)
    boxes = [np.zeros((0, 4), np.float32)] * len(planned.row)
    for column in np.unique(planned.label):
        rows = np.flatnonzero(planned.label == column)
        known = truth.of_images(examples, position[planned.row[rows]], column, simulator)
        if len(known.effect):
            effect[rows] = known.effect
        for row, padded in zip(rows, known.boxes, strict=True):
            boxes[row] = padded[np.isfinite(padded).all(axis=1)]
    target = np.where(examples.weight[position] > 0, examples.target[position], np.nan)
    return Facts(examples.labels, image, target.astype(np.float32), effect, tuple(boxes))


def follow(model: Model, params: Params, query: Query, options: Options, devices: list[jax.Device]) -> traversals.Path:
    """Traversals of a query of any size, spread over devices in batches; host arrays.

    A device works on its share of a batch in the chunks of `options`.
    """

    def on_device(params: Params, rows: Query) -> traversals.Path:
        return traversals.on_manifold(model, params, *rows, options)

    return _joined(parallel.map_batches(on_device, devices, BATCH)(params, query))


def arm(run: Run, name: str, examples: data.Examples, planned: Plan, tuned: Predictions) -> Arm:
    """Traverses and explains the plan: every map of this project's and of others' methods.

    `tuned`, the run's validation predictions, gives its thresholds and metric.
    """
    query = planned.query(grey_levels(examples.split.images(planned.position)))
    setting, devices = setting_of(run, tuned, seed=0), jax.local_devices()
    path = follow(run.model, run.params, query, setting.options, devices)
    explain = methods.build_maps(setting, methods.maps_of("ours", "rival"))
    return Arm(
        name=name,
        title=compositions.title(run.config.model),
        frame=path.images.mean(axis=-1),
        reread=path.reread,
        probability=path.probability,
        distance=path.distance,
        composition=composition(run, path.coordinates),
        components=compositions.components(run.config.model),
        own=owned(run),
        maps=methods.in_order(_joined(parallel.map_batches(explain, devices, BATCH)(run.params, query))),
        threshold=tuned.thresholds,
    )


def _joined(parts: Iterator[PyTree]) -> PyTree:
    return jax.tree.map(lambda *rows: np.concatenate([np.asarray(part) for part in rows]), *parts)


def composition(run: Run, coordinates: np.ndarray) -> np.ndarray:
    """[*B, D] of latents [*B, *event]: shares on simplexes (of a pair its second), elsewhere what the head reads.

    Of a spatial latent the mean over its places, of two levels the global part.
    """
    settings, spec = run.config.model, run.model.latent.spec
    simplex = compositions.components(settings) > 0
    lead = coordinates.shape[: coordinates.ndim - len(spec.event)]
    read = run.model.latent.to_decoder if simplex else run.model.latent.to_head
    channels = np.asarray(read(jnp.asarray(coordinates).reshape(-1, *spec.event)))
    places = math.prod(spec.grid or (1,))
    if simplex:
        shown = compositions.shares(settings, channels.reshape(len(channels), -1))
    else:
        shown = channels[..., : spec.parts[0].channels] if spec.parts else channels
    shown = shown.reshape(len(channels), places, -1).mean(axis=1)
    return (shown[:, 1::2] if compositions.in_pairs(settings) else shown).reshape(*lead, -1)


def owned(run: Run) -> np.ndarray:
    """int32 [L, m]: the components of `composition` that each label's logit alone reads; m is 0 where nothing is assigned."""
    settings, count = run.config.model, len(run.labels)
    if settings.head != "assigned":
        return np.zeros((count, 0), np.int32)
    mask = traversals.own_latents(run.model.latent.spec, settings.latents_per_finding)[:count].reshape(count, -1)
    mask = mask[:, 1::2] if compositions.in_pairs(settings) else mask
    return np.stack([np.flatnonzero(row) for row in mask]).astype(np.int32)
