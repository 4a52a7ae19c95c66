"""The published procedure (Harkness et al. 2023, arXiv 2302.02979, from its code), for comparison.

It takes one gradient of the class probability with respect to z itself, and makes equal additive steps in the three coordinates in
which it is largest. Nothing is renormalised, so that a path leaves the simplex.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from dirvae.explain.traversals.path import CHUNK, Path, render
from dirvae.latents import families
from dirvae.model import Model
from dirvae.types import Params

STEPS = 50
COORDINATES = 3
RAREST = 1e-30  # a smaller component of a start counts as this, so that log z and d p/d z stay finite in float32
STEP = {True: 0.002, False: 0.5}  # by whether the family's coordinates are log z


def traverse(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    family: str,
    steps: int = STEPS,
    chunk: int = CHUNK,
) -> Path:
    """The published procedure, in z (not log z) for simplexes; the path leaves the simplex, which is part of it.

    Lowering (sign -1), which the paper does not do, takes the gradient of the complement's probability.
    """
    start = start_of(model, params, images, family)
    chosen = coordinates_of(model, params, start, label, sign, family)
    directions = jax.nn.one_hot(chosen, start[0].size).sum(axis=1).reshape(start.shape)
    stride = STEP[in_logarithms(family)] / (2.5 * COORDINATES)
    amounts = stride * jnp.arange(steps + 1, dtype=jnp.float32)
    wide = amounts.reshape(1, -1, *(1 for _ in model.latent.spec.event))
    coordinates = from_z(family)(start[:, None] + wide * directions[:, None])
    distance = jnp.broadcast_to(amounts * COORDINATES**0.5, (images.shape[0], steps + 1))
    return render(model, params, images, coordinates, distance, chunk)


def ranks(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    family: str,
) -> Int[Array, "B 3"]:
    """The ranks of the coordinates that `traverse` moves, by |z| among all of the image's, 1 the smallest.

    On a simplex d p/d z_k = p (1 - p) (d logit/d log z_k)/z_k, so that the smallest z_k tend to win, whatever they say of
    the class. For a Gaussian with a linear head d p/d z does not depend on z beyond the factor p (1 - p).
    """
    start = start_of(model, params, images, family)
    chosen = coordinates_of(model, params, start, label, sign, family)
    order = jnp.argsort(jnp.abs(start).reshape(len(start), -1), axis=1)
    return jnp.take_along_axis(jnp.argsort(order, axis=1) + 1, chosen, axis=1)


def in_logarithms(family: str) -> bool:
    """Tells whether the family's coordinates are log z."""
    return families.family(family).logarithmic


def from_z(family: str) -> Callable[[Array], Array]:
    """z -> the family's coordinates."""
    return jnp.log if in_logarithms(family) else lambda z: z


def start_of(model: Model, params: Params, images: Float[Array, "B H W C"], family: str) -> Array:
    """z [B, *event] of each image, where the path starts."""
    point = model.latent.point(model.encode(params, images))
    return jnp.maximum(jnp.exp(point), RAREST) if in_logarithms(family) else point


def coordinates_of(
    model: Model, params: Params, start: Array, label: Int[Array, " B"], sign: Float[Array, " B"], family: str
) -> Int[Array, "B 3"]:
    """The coordinates of the flattened z in which the gradient of the label's probability is largest (sign -1: of its complement's)."""

    def probability(z: Array, which: Array, towards: Array) -> Array:
        logits = model.classify_channels(params, model.latent.to_head(from_z(family)(z))[None])[0]
        return jax.nn.sigmoid(towards * logits[which])

    def chosen(z: Array, which: Array, towards: Array) -> Array:
        gradient = jax.grad(probability)(z, which, towards).reshape(-1)
        return jax.lax.top_k(gradient, COORDINATES)[1]

    return jax.vmap(chosen)(start, label, sign)
