"""This module scores the end of a traversal as a counterfactual (`dirvae.metrics.counterfactual`).

An independent classifier, trained apart from the explained one, says whether the finding is gone from the picture.
What the explained classifier says along the path is read from the code and not from the picture; the two may differ.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dirvae.explain import traversals
from dirvae.explain.truth import Truth
from dirvae.labels import related
from dirvae.metrics import counterfactual
from dirvae.model import Model, read
from dirvae.studies.explanations.controls import query_of
from dirvae.studies.explanations.scoring import Scores
from dirvae.types import Params, Query

NULL_STEPS = 3  # times an image is encoded and decoded for `composition`
COUT_STEPS = 16  # shares of the changed pixels at which the independent classifier is asked


Classify = Callable[[np.ndarray], np.ndarray]
"""Images float32 [n, H, W, C] -> probabilities [n, L]."""


class IndependentClassifier(NamedTuple):
    """A classifier that was trained independently of the one explained."""

    probabilities: Classify
    thresholds: Float[np.ndarray, " L"]  # at which it calls each finding

    def __call__(self, images: Float[np.ndarray, "n H W C"], column: int) -> Float[np.ndarray, " n"]:
        """The classifier's probability of one finding in each image."""
        return self.probabilities(images)[:, column].astype(np.float64)


def classifier(model: Model, params: Params) -> Classify:
    """A run's own probabilities, of the head at the posterior's expectations."""

    @jax.jit
    def probability(params: Params, images: Array) -> Array:
        return jax.nn.sigmoid(read(model, params, images))

    return lambda images: np.asarray(probability(params, jnp.asarray(images)))


class Walks(NamedTuple):
    """The path of every image, the path back, and repeated reconstructions, on the host."""

    path: traversals.Path
    back: Float[np.ndarray, "n H W C"]  # end of the path back from the first one's last image, to the same certainty
    again: Float[np.ndarray, "M n H W C"]  # encoded and decoded 1 ... M times


def walker(model: Model, options: traversals.Options, sign: float, rows: int) -> Callable[[Params, Truth], Walks]:
    """(params, truth) -> the walks of its images, compiled once for all findings, whose images are filled up to `rows`."""

    @jax.jit
    def walks(params: Params, query: Query) -> Walks:
        images, label, signs = query
        path = traversals.on_manifold(model, params, images, label, signs, options)
        back = traversals.on_manifold(model, params, path.images[:, -1], label, -signs, options)
        again = [images]
        for _ in range(NULL_STEPS):
            again.append(model.decode(params, model.latent.point(model.encode(params, again[-1]))).location)
        return Walks(path, back.images[:, -1], jnp.stack(again[1:], axis=1))

    def walk(params: Params, truth: Truth) -> Walks:
        filled = walks(params, query_of(truth, truth.image, sign, rows))
        path, back, again = jax.tree.map(lambda x: np.asarray(x)[: len(truth.image)], filled)
        return Walks(path, back, np.moveaxis(again, 1, 0))

    return walk


class Reading(NamedTuple):
    """A reading says how the ends of paths are judged."""

    labels: tuple[str, ...]
    spread: Float[np.ndarray, " L"]  # standard deviation of each logit over validation
    present: bool  # whether the paths were asked to add the finding
    independent: IndependentClassifier | None


def scores(walks: Walks, truth: Truth, reading: Reading) -> Scores:
    """{score: one number an image}."""
    start, end, column = walks.path.images[:, 0], walks.path.images[:, -1], truth.column
    change = np.diff(counterfactual.logit(walks.path.probability[:, [0, -1]]), axis=1)[:, 0]
    table = {
        "l1": counterfactual.proximity(start, end),
        "unchanged_pixels": counterfactual.sparsity(start, end),
        "way_back": counterfactual.reversibility(start, end, walks.back),
        "other_logits": counterfactual.off_target(change, column, reading.spread, counted(reading.labels, column)),
    }
    for steps, value in enumerate(counterfactual.composition(truth.image, walks.again), start=1):
        table[f"composition_{steps}"] = value
    if reading.independent is not None:
        table |= independent_scores(reading.independent, start, end, column, reading.present)
    if len(truth.low):
        frames = (1.0 if reading.present else -1.0) * walks.path.images.mean(axis=-1)
        table["severity_response"] = counterfactual.severity_response(frames, truth.effect, walks.path.distance)
        table["severity"] = counterfactual.severity(frames, truth.effect)[:, -1]
    return table


def independent_scores(
    classify: IndependentClassifier, start: np.ndarray, end: np.ndarray, column: int, present: bool
) -> Scores:
    """Returns what the independent classifier says of both ends and of the way between them.

    `seen` is 1 where it did not yet make the intended call of the start, so that validity counts the image.
    """

    def probability(images: np.ndarray) -> np.ndarray:
        return classify(images, column)

    towards = np.full(len(start), present)
    before, after = probability(start), probability(end)
    valid = counterfactual.validity(before, after, towards, classify.thresholds[column])
    return {
        "validity": valid,
        "seen": np.isfinite(valid).astype(np.float64),
        "effectiveness": counterfactual.effectiveness(after, towards),
        "cout": counterfactual.cout(probability, start, end, towards, steps=COUT_STEPS),
    }


def counted(labels: tuple[str, ...], column: int) -> Bool[np.ndarray, " L"]:
    """Labels whose logits ought to stay: not those that go with this one by definition. Of No Finding, all others do."""
    others = related(labels[column], labels) if labels[column] != "No Finding" else frozenset()
    return np.asarray([label not in others for label in labels])
