"""This module makes what pages draw of a trained run: the cases that a run saves for its report, and an atlas of explained cases.

`dirvae.explain.selection` picks the images.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dirvae.config import Config
from dirvae.explain import selection, traversals, truth
from dirvae.explain.explainer import Explainer, Explanation
from dirvae.explain.setting import has_constant_direction, metric_of, options_of
from dirvae.explain.truth import Truth
from dirvae.labels import finding_index
from dirvae.latents import geometry
from dirvae.latents.family import prior_draws
from dirvae.model import Model
from dirvae.training import data, evaluate, parallel
from dirvae.training.evaluate import Predictions
from dirvae.training.runs import Run
from dirvae.training.workdir import WorkdirError, write_arrays
from dirvae.types import Params, Simulator, grey_levels


class Cases(NamedTuple):
    """n cases of one finding. `effect` has no rows where no exact effect is known, `boxes` is NaN-padded."""

    index: np.ndarray  # int32 [n], positions in the split
    image: np.ndarray  # float32 [n, H, W, C]
    reconstruction: np.ndarray  # float32 [n, H, W, C], of the start point
    on_image: np.ndarray  # float32 [n, T, H, W, C], the image with the change along the manifold
    reread: np.ndarray  # float32 [n, T, L], what the classifier says of those pictures
    path: np.ndarray  # float32 [n, T, H, W, C], on the manifold, decoded
    probability: np.ndarray  # float32 [n, T, L], of the code
    distance: np.ndarray  # float32 [n, T]
    released: np.ndarray  # float32 [n, T', H, W, C], the image with the published procedure's change, as many frames
    released_reread: np.ndarray  # float32 [n, T', L], of the image with its change
    difference: np.ndarray  # float32 [n, H, W, C], signed: what the finding adds (start - end when it was removed)
    effect: np.ndarray  # float32 [n or 0, H, W]
    boxes: np.ndarray  # float32 [n, most, 4]: ymin, xmin, ymax, xmax


Traverse = Callable[[Params, jax.Array, jax.Array], tuple[traversals.Path, traversals.Path]]
"""(params, images [n, H, W, C], label column [n]) -> the paths on the manifold and as published."""


def traverser(model: Model, config: Config, metric: geometry.Metric = "identity") -> Traverse:
    """Both traversals of a configuration, compiled once for all findings; `metric` guides the one on the manifold."""
    options = options_of(model, config, metric)
    towards = 1.0 if config.explain.direction == "add" else -1.0

    def traverse(params: Params, images: jax.Array, label: jax.Array) -> tuple[traversals.Path, traversals.Path]:
        sign = jnp.full(label.shape, towards)
        path = traversals.on_manifold(model, params, images, label, sign, options)
        return path, traversals.harkness2023.traverse(model, params, images, label, sign, config.model.prior)

    return jax.jit(traverse)


def make(
    traverse: Traverse,
    config: Config,
    params: Params,
    examples: data.Examples,
    positions: np.ndarray,
    column: int,
    simulator: Simulator | None = None,
) -> Cases:
    """Traverses the chosen cases of one label; `traverse` is the configuration's `traverser`."""
    settings, known = config.explain, truth.of_images(examples, positions, column, simulator)
    count = len(positions)
    filled = parallel.fill(positions, max(count, settings.cases))  # one shape for all findings: one compilation
    images = grey_levels(jnp.asarray(examples.split.images(filled)))  # divided by JAX, which rounds unlike NumPy
    both = traverse(params, images, jnp.full(len(filled), column))
    path, released = jax.tree.map(lambda x: np.asarray(x)[:count], both)
    thin = np.linspace(0, released.images.shape[1] - 1, path.images.shape[1]).round().astype(int)
    change = (path.on_image[:, -1] - path.on_image[:, 0]) * (1.0 if settings.direction == "add" else -1.0)
    return Cases(
        index=positions.astype(np.int32),
        image=np.asarray(images)[:count],
        reconstruction=path.images[:, 0],
        on_image=path.on_image,
        reread=path.reread,
        path=path.images,
        probability=path.probability,
        distance=path.distance,
        released=released.on_image[:, thin],
        released_reread=released.reread[:, thin],
        difference=change,
        effect=known.effect.astype(np.float32),
        boxes=known.boxes,
    )


def traversed(run: Run, examples: data.Examples, simulator: Simulator | None) -> Iterator[tuple[str, Cases | None]]:
    """Each finding with the cases of its true positives in an evaluated split, None where it has none."""
    predictions, tuned = evaluate.load(run.workdir, examples.split.name).predictions, run.tuned
    traverse = traverser(run.model, run.config, metric_of(run.config, tuned))
    count, seed = run.config.explain.cases, run.config.seed
    for column, finding in enumerate(run.labels):
        positions = selection.true_positives(predictions, column, tuned.thresholds[column], count, seed)
        cases = None
        if len(positions):
            cases = make(traverse, run.config, run.params, examples, positions, column, simulator)
        yield finding, cases


def save(directory: Path, finding: str, cases: Cases) -> None:
    """Writes a finding's cases into a folder, under the finding's name."""
    write_arrays(Path(directory) / f"{slug(finding)}.npz", cases._asdict())


def load(directory: Path, finding: str) -> Cases | None:
    """The cases of a finding that `save` wrote; None where the finding has none.

    Raises:
      WorkdirError: for cases of a version that did not read the pictures again.
    """
    path = Path(directory) / f"{slug(finding)}.npz"
    if not path.exists():
        return None
    with np.load(path) as arrays:
        if missing := set(Cases._fields) - set(arrays):
            raise WorkdirError(
                f"{path} lacks {', '.join(sorted(missing))}, since an older version wrote it; "
                "delete 'explain' from the run's phases.json and run its command of experiments.run again"
            )
        return Cases(**{name: arrays[name] for name in Cases._fields})


def slug(finding: str) -> str:
    """A finding's name as part of a file's name."""
    return finding.lower().replace(" ", "_")


def prior_samples(model: Model, params: Params, count: int, seed: int) -> np.ndarray:
    """Decoded draws from the prior, float32 [count, H, W, C]."""
    return np.asarray(model.decode(params, prior_draws(model.learned(params), count, seed)).location)


class Outcome(NamedTuple):
    """Cases of one finding and one of `selection.OUTCOMES`; where there is none, nothing is explained or known."""

    name: str
    threshold: float
    count: int  # images of the split with this outcome
    positions: np.ndarray  # int [n], those explained
    explanation: Explanation | None
    truth: Truth | None


class Atlas(NamedTuple):
    """A split's cases, explained: {finding: its outcomes}, with none where no image is labelled positive."""

    split: str
    run: str  # its folder's name
    step: int
    seed: int
    direction: str | None
    draws: int
    exact: bool  # whether exact effects can be known
    constant_direction: bool  # whether the direction of a finding's paths is the same for every image
    findings: dict[str, list[Outcome]]


def atlas(
    explainer: Explainer,
    examples: data.Examples,
    predictions: Predictions,
    count: int,
    label: str | None = None,
    direction: str | None = None,
    simulator: Simulator | None = None,
    maps: Iterable[str] = (),
) -> Atlas:
    """Explains up to `count` cases of each outcome, of all findings or of one; `maps` are further ones, by name.

    Raises:
      ValueError: for a label that is unknown or has no positive in the split, or a count below 1.
    """
    if count < 1:
        raise ValueError(f"{count} cases of a finding show nothing; give at least 1")
    labels, run = examples.labels, explainer.run
    columns = range(len(labels)) if label is None else [finding_index(label, labels)]
    positives = ((predictions.target > 0) & (predictions.weight > 0)).sum(axis=0)
    split = examples.split.name
    if label is not None and not positives[columns[0]]:
        raise ValueError(f"{labels[columns[0]]} has no positive in {split}; choose another label or split")

    def outcomes(column: int) -> list[Outcome]:
        if not positives[column]:
            return []
        return [
            _outcome(explainer, examples, predictions, column, name, count, direction, simulator, tuple(maps))
            for name in selection.OUTCOMES
        ]

    return Atlas(
        split,
        run.workdir.name,
        run.step,
        run.config.seed,
        direction,
        explainer.draws,
        simulator is not None,
        has_constant_direction(run.config),
        {labels[column]: outcomes(column) for column in columns},
    )


def _outcome(
    explainer: Explainer,
    examples: data.Examples,
    predictions: Predictions,
    column: int,
    name: str,
    count: int,
    direction: str | None,
    simulator: Simulator | None,
    maps: tuple[str, ...],
) -> Outcome:
    """A finding that is not there has no exact effect, hence false positives are not rendered."""
    threshold, seed = explainer.thresholds[column], explainer.run.config.seed
    qualified = selection.with_outcome(predictions, column, threshold, name, len(predictions.target), seed)
    positions = selection.with_outcome(predictions, column, threshold, name, count, seed)
    if not len(positions):
        return Outcome(name, float(threshold), 0, positions, None, None)
    known = truth.of_images(examples, positions, column, None if name == "false positive" else simulator)
    explanation = explainer(known.image, examples.labels[column], direction, maps=maps)
    return Outcome(name, float(threshold), len(qualified), positions, explanation, known)
