"""Gradient-guided latent traversals: follow a class logit through the latent space and decode the path.

On the manifold: at coordinates c the cotangent is the gradient of tau -> logit(retract(c, tau)) at tau = 0, a metric
raises it to a direction, and a step of fixed length is retracted, so that every point of the path is a legal latent. The
gradient is taken anew at every step. Without the retraction inside the derivative even a linear head's logit can fall along
"its gradient", because moving on the simplex renormalises.

As released (Harkness et al. 2023, arXiv 2302.02979, from its code): one gradient of the class probability with respect to z
itself, the three coordinates in which it is largest, equal additive steps in them, no renormalisation; kept for comparison.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from dirvae.model import Model
from dirvae.types import Params, PyTree

RELEASED_STEPS = 50
RELEASED_COORDINATES = 3
RAREST = 1e-30  # a smaller component of a start counts as this, so that log z and d p/d z stay finite in float32
RELEASED_STEP = {"dirichlet": 0.002, "logistic_normal": 0.002, "gamma": 0.002, "gaussian": 0.5, "deterministic": 0.5}
IN_LOGARITHMS = ("dirichlet", "logistic_normal", "gamma")  # families whose coordinates are log z


class Path(NamedTuple):
    """A traversal of B images: frame 0 is the start, the encoded image's `point`; later frames are the steps."""

    images: Float[Array, "B T H W C"]
    probability: Float[Array, "B T L"]
    distance: Float[Array, "B T"]  # length of the path so far, in the latent's coordinates (as released: in z)


def on_manifold(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    steps: int,
    step_size: float,
    target_probability: float,
    metric: PyTree = "identity",
) -> Path:
    """Raises (sign +1) or lowers (sign -1) each image's label by `steps` steps of length `step_size`.

    A path stops, and its frames repeat, once the label's probability has passed `target_probability` (its complement when
    lowering) or where the gradient vanishes.
    """
    start = model.latent.point(model.encode(params, images))
    follow = partial(_follow, model, params, steps=steps, step_size=step_size, goal=target_probability, metric=metric)
    coordinates, distance = jax.vmap(follow)(start, label, sign)
    return _decode(model, params, coordinates, distance)


def _follow(
    model: Model,
    params: Params,
    start: PyTree,
    label: Int[Array, ""],
    sign: Float[Array, ""],
    *,
    steps: int,
    step_size: float,
    goal: float,
    metric: PyTree,
) -> tuple[PyTree, Float[Array, " T"]]:
    """One image's path: coordinates with a leading axis T = steps + 1, and the distance gone."""
    latent = model.latent
    logit = lambda c: model.classify_channels(params, latent.to_head(c)[None])[0, label]  # noqa: E731

    def step(carry: tuple[PyTree, Array], _: None) -> tuple[tuple[PyTree, Array], tuple[PyTree, Array]]:
        here, gone = carry
        still = jax.tree.map(jnp.zeros_like, here)
        value, cotangent = jax.value_and_grad(lambda tau: sign * logit(latent.retract(here, tau)))(still)
        tangent = latent.raise_index(here, cotangent, metric)
        length = jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tangent)))
        going = (jax.nn.sigmoid(value) < goal) & (length > 1e-12)
        stride = jnp.where(going, step_size / jnp.maximum(length, 1e-12), 0.0)
        there = latent.retract(here, jax.tree.map(lambda leaf: stride * leaf, tangent))
        there = jax.tree.map(lambda new, old: jnp.where(going, new, old), there, here)
        gone = gone + jnp.where(going, step_size, 0.0)
        return (there, gone), (there, gone)

    zero = jnp.zeros(())
    _, (path, distance) = jax.lax.scan(step, (start, zero), length=steps)
    with_start = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start, path)
    return with_start, jnp.concatenate([zero[None], distance])


def as_released(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    family: str,
    steps: int = RELEASED_STEPS,
) -> Path:
    """The published procedure, in z (not log z) for simplexes; the path leaves the simplex, which is part of it.

    Lowering (sign -1), which the paper does not do, takes the gradient of the complement's probability.
    """
    start, restore = _released_start(model, params, images, family)
    chosen = _released_coordinates(model, params, start, restore, label, sign)
    directions = jax.nn.one_hot(chosen, start.shape[1]).sum(axis=1)
    stride = RELEASED_STEP[family] / (2.5 * RELEASED_COORDINATES)
    amounts = stride * jnp.arange(steps + 1, dtype=jnp.float32)
    coordinates = jax.vmap(jax.vmap(restore))(start[:, None] + amounts[None, :, None] * directions[:, None])
    distance = jnp.broadcast_to(amounts * RELEASED_COORDINATES**0.5, (images.shape[0], steps + 1))
    return _decode(model, params, coordinates, distance)


def released_ranks(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    family: str,
) -> Int[Array, "B 3"]:
    """Of the coordinates that `as_released` moves, the ranks of their |z| among all of the image's, 1 the smallest.

    On a simplex d p/d z_k = p (1 - p) (d logit/d log z_k)/z_k, so that the smallest z_k tend to win, whatever they say of
    the class; for a Gaussian with a linear head d p/d z does not depend on z beyond the factor p (1 - p).
    """
    start, restore = _released_start(model, params, images, family)
    chosen = _released_coordinates(model, params, start, restore, label, sign)
    order = jnp.argsort(jnp.abs(start), axis=1)
    return jnp.take_along_axis(jnp.argsort(order, axis=1) + 1, chosen, axis=1)


def _released_start(
    model: Model, params: Params, images: Float[Array, "B H W C"], family: str
) -> tuple[Float[Array, "B D"], Callable[[Array], PyTree]]:
    """Flattened z of each image, and what makes the latent's coordinates of one such z."""
    point = model.latent.point(model.encode(params, images))
    _, unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], point))
    flat = jax.vmap(lambda one: ravel_pytree(one)[0])(point)
    if family in IN_LOGARITHMS:
        return jnp.maximum(jnp.exp(flat), RAREST), lambda z: unravel(jnp.log(z))
    return flat, unravel


def _released_coordinates(
    model: Model,
    params: Params,
    start: Float[Array, "B D"],
    restore: Callable[[Array], PyTree],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
) -> Int[Array, "B 3"]:
    """Those of the flattened z in which the gradient of the label's probability (sign -1: of its complement's) is largest."""

    def probability(z: Array, which: Array, towards: Array) -> Array:
        logits = model.classify_channels(params, model.latent.to_head(restore(z))[None])[0]
        return jax.nn.sigmoid(towards * logits[which])

    def chosen(z: Array, which: Array, towards: Array) -> Array:
        gradient = jax.grad(probability)(z, which, towards)
        return jax.lax.top_k(gradient, RELEASED_COORDINATES)[1]

    return jax.vmap(chosen)(start, label, sign)


def _decode(model: Model, params: Params, coordinates: PyTree, distance: Float[Array, "B T"]) -> Path:
    """Decodes and classifies all frames in one batch."""
    batch, frames = distance.shape
    flat = jax.tree.map(lambda x: x.reshape(batch * frames, *x.shape[2:]), coordinates)
    shown = model.decode(params, flat).location
    probability = jax.nn.sigmoid(model.classify(params, flat))
    return Path(
        images=shown.reshape(batch, frames, *shown.shape[1:]),
        probability=probability.reshape(batch, frames, -1),
        distance=distance,
    )
