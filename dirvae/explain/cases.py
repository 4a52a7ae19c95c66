"""Cases: true positives of each finding, their traversals, and what is known of the truth; saved for the report.

Cases are drawn by seed among all true positives, not picked by looks.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dirvae.config import Config
from dirvae.explain import traversals
from dirvae.labels import FINDINGS
from dirvae.latents import geometry
from dirvae.latents.family import Latent
from dirvae.model import Model
from dirvae.training import data, parallel
from dirvae.training.evaluate import Predictions
from dirvae.training.workdir import write_arrays
from dirvae.types import Params, PyTree, grey_levels

Effect = Callable[[np.ndarray, np.ndarray, str], np.ndarray | None]
"""(factors [n, F], seeds [n], finding) -> the exact image change [n, H, W] by which the finding entered, or None."""


class Cases(NamedTuple):
    """n cases of one finding. `effect` has no rows where no exact effect is known, `boxes` is NaN-padded."""

    index: np.ndarray  # int32 [n], positions in the split
    image: np.ndarray  # float32 [n, H, W, C]
    reconstruction: np.ndarray  # float32 [n, H, W, C], of the start point
    path: np.ndarray  # float32 [n, T, H, W, C], on the manifold
    probability: np.ndarray  # float32 [n, T, L]
    distance: np.ndarray  # float32 [n, T]
    released: np.ndarray  # float32 [n, T', H, W, C], the published procedure, thinned to as many frames
    released_probability: np.ndarray  # float32 [n, T', L]
    difference: np.ndarray  # float32 [n, H, W, C], signed: what the finding adds (start - end when it was removed)
    effect: np.ndarray  # float32 [n or 0, H, W]
    boxes: np.ndarray  # float32 [n, most, 4]: ymin, xmin, ymax, xmax


OUTCOMES = ("true positive", "false positive", "false negative")


def drawn(predictions: Predictions, column: int, threshold: float, outcome: str, count: int, seed: int) -> np.ndarray:
    """Positions of up to `count` images with one of the OUTCOMES for a label, drawn by seed among all that are labelled."""
    positive, called = predictions.target[:, column] > 0, predictions.probability[:, column] >= threshold
    wanted = {
        "true positive": positive & called,
        "false positive": ~positive & called,
        "false negative": positive & ~called,
    }
    found = np.flatnonzero(wanted[outcome] & (predictions.weight[:, column] > 0))
    return np.sort(np.random.default_rng((seed, column)).permutation(found)[:count])


def true_positives(predictions: Predictions, column: int, threshold: float, count: int, seed: int) -> np.ndarray:
    """Positions of up to `count` true positives of a label, drawn by seed."""
    return drawn(predictions, column, threshold, "true positive", count, seed)


Traverse = Callable[[Params, jax.Array, jax.Array], tuple[traversals.Path, traversals.Path]]
"""(params, images [n, H, W, C], label column [n]) -> the paths on the manifold and as released."""


def metric_of(config: Config, predictions: Predictions) -> geometry.Metric:
    """The metric of a configuration: its name, or the covariance [D, D] of the head's coordinates over a split's images."""
    if config.explain.metric != "covariance":
        return config.explain.metric
    return jnp.asarray(geometry.covariance(predictions.head_mean, shrinkage=0.0), jnp.float32)


def options_of(model: Model, config: Config, metric: geometry.Metric = "identity") -> traversals.Options:
    """How a configuration's traversals go."""
    settings = config.explain
    return traversals.Options(
        steps=settings.path_steps,
        step_size=settings.step_size,
        reach=settings.reach,
        target_probability=settings.target_probability,
        distance=settings.max_distance or math.inf,
        metric=metric,
        top=settings.top_latents,
        mask=jnp.asarray(traversals.own_latents(model.latent.spec, config.model.own)) if settings.own_latents else None,
        hold=settings.hold_others,
    )


class Request(NamedTuple):
    """What to traverse: one label of each image, up (+1) or down (-1)."""

    image: np.ndarray  # float32 [n, H, W, C], in [0, 1]
    label: np.ndarray  # int32 [n], columns
    sign: np.ndarray  # float32 [n]


def spread(
    model: Model, options: traversals.Options, devices: list[jax.Device], batch: int
) -> Callable[[Params, Request], Iterator[traversals.Path]]:
    """Traversals of whole data sets, spread over devices: (params, request of any size) -> its paths, `batch` at a time.

    Host arrays; a device works on its share of a batch in the chunks of `options`.
    """
    follow = lambda params, rows: traversals.on_manifold(model, params, *rows, options)  # noqa: E731
    return parallel.map_batches(follow, devices, batch)


def traverser(model: Model, config: Config, metric: geometry.Metric = "identity") -> Traverse:
    """Both traversals of a configuration, compiled once for all findings; `metric` guides the one on the manifold."""
    options = options_of(model, config, metric)
    towards = 1.0 if config.explain.direction == "add" else -1.0

    def traverse(params: Params, images: jax.Array, label: jax.Array) -> tuple[traversals.Path, traversals.Path]:
        sign = jnp.full(label.shape, towards)
        path = traversals.on_manifold(model, params, images, label, sign, options)
        return path, traversals.as_released(model, params, images, label, sign, config.model.prior)

    return jax.jit(traverse)


def make(
    traverse: Traverse,
    config: Config,
    params: Params,
    examples: data.Examples,
    positions: np.ndarray,
    column: int,
    effect: Effect | None = None,
) -> Cases:
    """Traverses the chosen cases of one label; `traverse` is the configuration's `traverser`."""
    settings, finding = config.explain, examples.labels[column]
    count = len(positions)
    filled = parallel.fill(positions, max(count, settings.cases))  # one shape for all findings, hence one compilation
    pixels = grey_levels(jnp.asarray(examples.split.images(filled)))
    both = traverse(params, pixels, jnp.full(len(filled), column))
    path, released = jax.tree.map(lambda x: np.asarray(x)[:count], both)
    images = pixels[:count]
    table = examples.split.table
    exact = effect(table.factors[positions], table.seed[positions], finding) if effect else None
    thin = np.linspace(0, released.images.shape[1] - 1, path.images.shape[1]).round().astype(int)
    frames = path.images
    change = (frames[:, -1] - frames[:, 0]) * (1.0 if settings.direction == "add" else -1.0)
    return Cases(
        index=positions.astype(np.int32),
        image=np.asarray(images),
        reconstruction=frames[:, 0],
        path=frames,
        probability=path.probability,
        distance=path.distance,
        released=released.images[:, thin],
        released_probability=released.probability[:, thin],
        difference=change,
        effect=np.zeros((0, *frames.shape[2:4]), np.float32) if exact is None else np.asarray(exact, np.float32),
        boxes=boxes_of(table.boxes, positions, FINDINGS.index(finding)),
    )


def boxes_of(boxes: tuple[np.ndarray, ...], positions: np.ndarray, finding: int) -> np.ndarray:
    """Those of one of the 14 findings, float32 [n, most, 4] (ymin, xmin, ymax, xmax), NaN where an image has fewer."""
    chosen = [boxes[p][boxes[p][:, 0] == finding, 1:] for p in positions]
    padded = np.full((len(positions), max(map(len, chosen), default=0), 4), np.nan, np.float32)
    for row, box in zip(padded, chosen, strict=True):
        row[: len(box)] = box
    return padded


def save(directory: Path, finding: str, cases: Cases) -> None:
    write_arrays(Path(directory) / f"{slug(finding)}.npz", cases._asdict())


def load(directory: Path, finding: str) -> Cases | None:
    """None where the finding has no cases."""
    path = Path(directory) / f"{slug(finding)}.npz"
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return Cases(**{name: arrays[name] for name in Cases._fields})


def slug(finding: str) -> str:
    return finding.lower().replace(" ", "_")


def prior_draws(latent: Latent, count: int, seed: int) -> PyTree:
    """Coordinates of `count` draws from the prior."""
    features = jax.ShapeDtypeStruct((count, *(latent.spec.grid or ()), latent.spec.features), jnp.float32)
    like = jax.eval_shape(latent.posterior, features)
    wide = jax.tree.map(lambda leaf, each: jnp.broadcast_to(leaf, each.shape), latent.prior, like)
    return jax.jit(latent.sample)(jax.random.key(seed), wide).coordinates


def prior_samples(model: Model, params: Params, count: int, seed: int) -> np.ndarray:
    """Decoded draws from the prior, float32 [count, H, W, C]."""
    return np.asarray(model.decode(params, prior_draws(model.learned(params), count, seed)).location)
