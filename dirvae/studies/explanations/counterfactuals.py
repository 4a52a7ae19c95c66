"""What a traversal's end is worth as a counterfactual (`dirvae.metrics.counterfactual`), judged by another classifier."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dirvae import losses
from dirvae.explain import traversals
from dirvae.explain.truth import Truth
from dirvae.labels import related
from dirvae.metrics import counterfactual
from dirvae.model import Model
from dirvae.types import Params

NULL_STEPS = 3  # times an image is encoded and decoded for `composition`


Classify = Callable[[np.ndarray], np.ndarray]
"""Images float32 [n, H, W, C] -> probabilities [n, L]."""


class Judge(NamedTuple):
    """A classifier that was trained independently of the one explained."""

    probability: Classify
    threshold: Float[np.ndarray, " L"]  # at which it calls each finding

    def of(self, images: Float[np.ndarray, "n H W C"], column: int) -> Float[np.ndarray, " n"]:
        """Its probability of one finding."""
        return self.probability(images)[:, column].astype(np.float64)


def classifier(model: Model, params: Params, positive_weight: np.ndarray | None = None) -> Classify:
    """A run's own probabilities, the head at the posterior's expectations, with the odds that class weights inflate divided out."""

    @jax.jit
    def probability(params: Params, images: Array) -> Array:
        read = model.latent.head_mean(model.encode(params, images))
        return losses.posterior_probability(model.classify_channels(params, read), positive_weight)

    return lambda images: np.asarray(probability(params, jnp.asarray(images)))


class Walks(NamedTuple):
    """There and back again, of every image, on the host."""

    path: traversals.Path
    back: Float[np.ndarray, "n H W C"]  # end of the path back from the first one's last image, to the same certainty
    again: Float[np.ndarray, "M n H W C"]  # encoded and decoded 1 ... M times


def walk(model: Model, options: traversals.Options, sign: float, rows: int) -> Callable[[Params, Truth], Walks]:
    """Compiled once for all findings, whose images are filled up to `rows`."""

    @jax.jit
    def walks(params: Params, images: Array, label: Array) -> Walks:
        signs = jnp.full(rows, sign)
        path = traversals.on_manifold(model, params, images, label, signs, options)
        back = traversals.on_manifold(model, params, path.images[:, -1], label, -signs, options)
        again = [images]
        for _ in range(NULL_STEPS):
            again.append(model.decode(params, model.latent.point(model.encode(params, again[-1]))).location)
        return Walks(path, back.images[:, -1], jnp.stack(again[1:], axis=1))

    def cut(params: Params, truth: Truth) -> Walks:
        made = walks(params, *truth.filled_up(truth.image, rows))
        path, back, again = jax.tree.map(lambda x: np.asarray(x)[: len(truth.image)], made)
        return Walks(path, back, np.moveaxis(again, 1, 0))

    return cut


def scores(
    made: Walks,
    truth: Truth,
    labels: tuple[str, ...],
    spread: Float[np.ndarray, " L"],
    present: bool,
    judge: Judge | None,
) -> dict[str, Float[np.ndarray, " n"]]:
    """{score: one number an image}; `spread` is each logit's standard deviation over a split, `present` what was asked for."""
    towards = np.full(len(truth.image), present)
    start, end, column = made.path.images[:, 0], made.path.images[:, -1], truth.column
    there = counterfactual.proximity(start, end)
    found = {
        "l1": there.l1,
        "sparsity": counterfactual.sparsity(start, end),
        "reversibility": counterfactual.reversibility(start, end, made.back),
        "off_target": counterfactual.off_target(
            np.diff(counterfactual.logit(made.path.probability[:, [0, -1]]), axis=1)[:, 0],
            column,
            spread,
            counted(labels, column),
        ),
    }
    for steps, value in enumerate(counterfactual.composition(truth.image, made.again), start=1):
        found[f"composition_{steps}"] = value
    if judge is not None:
        found |= judged(judge, start, end, column, towards)
    if len(truth.low):
        frames = (1.0 if present else -1.0) * made.path.images.mean(axis=-1)
        found["severity_response"] = counterfactual.severity_response(frames, truth.effect, made.path.distance)
        found["severity"] = counterfactual.severity(frames, truth.effect)[:, -1]
    return found


def judged(
    judge: Judge, start: np.ndarray, end: np.ndarray, column: int, towards: Bool[np.ndarray, " n"]
) -> dict[str, Float[np.ndarray, " n"]]:
    """What the independent classifier makes of both ends, and of the way between them; `judged`: whether validity counts it."""
    call = lambda images: judge.of(images, column)  # noqa: E731
    before, after = call(start), call(end)
    valid = counterfactual.validity(before, after, towards, judge.threshold[column])
    return {
        "validity": valid,
        "judged": np.isfinite(valid).astype(np.float64),
        "effectiveness": counterfactual.effectiveness(after, towards),
        "cout": counterfactual.cout(call, start, end, towards, steps=16),
    }


def counted(labels: tuple[str, ...], column: int) -> Bool[np.ndarray, " L"]:
    """Labels whose logits ought to stay: not those that go with this one by definition. Of No Finding, all others do."""
    others = related(labels[column]) if labels[column] != "No Finding" else frozenset()
    return np.asarray([label not in others for label in labels])
