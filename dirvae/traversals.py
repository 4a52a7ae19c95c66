"""Gradient-guided latent traversals: follow a class logit through the latent space and decode the path.

On the manifold: at coordinates c the cotangent is the gradient of tau -> logit(retract(c, tau)) at tau = 0, a metric
raises it to a direction, and a step of fixed length is retracted, so that every point of the path is a legal latent. The
gradient is taken anew at every step. Without the retraction inside the derivative even a linear head's logit can fall along
"its gradient", because moving on the simplex renormalises.

As released (Harkness et al. 2023, arXiv 2302.02979, from its code): one gradient of the class probability with respect to z
itself, the three coordinates in which it is largest, equal additive steps in them, no renormalisation; kept for comparison.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
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
    latent, positive = model.latent, family in IN_LOGARITHMS
    from_z = jnp.log if positive else lambda z: z
    point = latent.point(model.encode(params, images))
    start = jnp.maximum(jnp.exp(point), RAREST) if positive else point

    def probability(z: Array, which: Array, towards: Array) -> Array:
        logits = model.classify_channels(params, latent.to_head(from_z(z))[None])[0]
        return jax.nn.sigmoid(towards * logits[which])

    def direction(z: Array, which: Array, towards: Array) -> Array:
        gradient = jax.grad(probability)(z, which, towards).reshape(-1)
        _, chosen = jax.lax.top_k(gradient, RELEASED_COORDINATES)
        return jnp.zeros_like(gradient).at[chosen].set(1.0).reshape(z.shape)

    stride = RELEASED_STEP[family] / (2.5 * RELEASED_COORDINATES)
    amounts = stride * jnp.arange(steps + 1, dtype=jnp.float32)
    directions = jax.vmap(direction)(start, label, sign)
    wide = amounts.reshape(1, -1, *(1 for _ in latent.spec.event))
    coordinates = from_z(start[:, None] + wide * directions[:, None])
    distance = jnp.broadcast_to(amounts * RELEASED_COORDINATES**0.5, (images.shape[0], steps + 1))
    return _decode(model, params, coordinates, distance)


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
