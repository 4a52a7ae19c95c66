"""The contract of a latent family, and of the latent variable built from it.

A *family* is a module (`dirichlet`, `gaussian`, `logistic_normal`) of pure functions on arrays whose last axis is the
event axis K; all leading axes are batch axes. A *latent* binds a family to a shape, a prior and a parametrisation, and is
all that encoder, decoder, classifier, losses and traversals ever see. Combinators (`dirvae.latents.structure`) make
latents of latents, so structure costs a family nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.types import Key, LatentSample, PyTree


class LatentSpec(NamedTuple):
    """A specification holds the sizes that the networks need.

    `grid`: (h, w) of a spatial latent, None for a global one. `event`: shape of one example's coordinates.
    `features`: numbers the encoder must give (a cell, when spatial). `channels`: numbers the decoder and the head
    receive (a cell, when spatial). `simplex`: components of each simplex that these channels are made of, 0 where the latent
    is no simplex.

    `parts`: (global, spatial) of a latent of two levels, otherwise empty. Such a latent counts as global: its features, channels
    and `event` are those of both parts, flattened, the global part first and then cell by cell.
    """

    grid: tuple[int, int] | None
    event: tuple[int, ...]
    features: int
    channels: int
    simplex: int = 0
    parts: tuple[Any, ...] = ()


class Levels(NamedTuple):
    """The two parts of anything that a latent of two levels has: of the whole image, and of each of its places."""

    whole: PyTree
    local: PyTree


def apart(flat: Float[Array, "*B D"], first: int, cells: tuple[int, int, int]) -> Levels:
    """[..., D] -> the first so many numbers [..., D1] and the others as cells [..., h, w, D2]."""
    return Levels(flat[..., :first], flat[..., first:].reshape(*flat.shape[:-1], *cells))


def channels_apart(spec: LatentSpec, channels: Float[Array, "*B D"]) -> Levels:
    """Returns what decoder or head receive, level by level; with one level alone the other part is None."""
    if not spec.parts:
        return Levels(None, channels) if spec.grid else Levels(channels, None)
    whole, local = spec.parts
    return apart(channels, whole.channels, (*local.grid, local.channels))


def together(parts: Levels) -> Float[Array, "*B D"]:
    """The inverse of `apart`."""
    lead = parts.whole.shape[:-1]
    return jnp.concatenate([parts.whole, parts.local.reshape(*lead, -1)], axis=-1)


class Latent(NamedTuple):
    """One latent variable; every function is pure and takes any leading batch axes.

    prior:         p(z), a NamedTuple of arrays that broadcast to the event shape
    posterior:     features [..., (h, w,) features] -> q(z|x), a NamedTuple of arrays with the event shape
    sample:        (key, q) -> LatentSample; one key draws the whole array (callers vmap over examples' own keys)
    kl:            (q, p) -> KL(q || p) [...], summed over the event axes
    log_prob:      (q, coordinates) -> log q(z) [...], the density on the family's own support (see each module)
    point:         q -> coordinates of the one normalised point that decoder and head both read in traversals
    decoder_mean:  q -> E[to_decoder(z)] in closed form, [..., (h, w,) channels]
    head_mean:     q -> E[to_head(z)] in closed form, [..., (h, w,) channels]
    to_decoder:    coordinates -> [..., (h, w,) channels]
    to_head:       coordinates -> [..., (h, w,) channels]; for a simplex centred log ratios
    retract:       (coordinates, tangent) -> coordinates, a step that stays on the manifold; retract(c, 0) == c for a
                   normalised point c
    raise_index:   (coordinates, cotangent, metric) -> tangent, from a gradient to a direction (`dirvae.latents.geometry`)
    """

    name: str
    spec: LatentSpec
    prior: PyTree
    posterior: Callable[[Float[Array, "..."]], PyTree]
    sample: Callable[[Key, PyTree], LatentSample]
    kl: Callable[[PyTree, PyTree], Float[Array, "..."]]
    log_prob: Callable[[PyTree, PyTree], Float[Array, "..."]]
    point: Callable[[PyTree], PyTree]
    decoder_mean: Callable[[PyTree], Float[Array, "..."]]
    head_mean: Callable[[PyTree], Float[Array, "..."]]
    to_decoder: Callable[[PyTree], Float[Array, "..."]]
    to_head: Callable[[PyTree], Float[Array, "..."]]
    retract: Callable[[PyTree, PyTree], PyTree]
    raise_index: Callable[[PyTree, PyTree, str], PyTree]


def prior_draws(latent: Latent, count: int, seed: int) -> PyTree:
    """Coordinates of `count` draws from the prior."""
    features = jax.ShapeDtypeStruct((count, *(latent.spec.grid or ()), latent.spec.features), jnp.float32)
    like = jax.eval_shape(latent.posterior, features)
    wide = jax.tree.map(lambda leaf, each: jnp.broadcast_to(leaf, each.shape), latent.prior, like)
    return jax.jit(latent.sample)(jax.random.key(seed), wide).coordinates
