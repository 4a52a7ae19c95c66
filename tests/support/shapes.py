"""Small latents of every family in every structure."""

import itertools
import math

import jax
import jax.numpy as jnp

from dirvae import latents
from support.settings import plain_model

FAMILIES = ("dirichlet", "gaussian", "logistic_normal", "gamma")
STRUCTURES = {
    "global": {"structure": "global"},
    "product": {"structure": "product", "groups": 3},
    "field": {"structure": "spatial", "grid": 2},
    "field of products": {"structure": "spatial", "grid": 2, "groups": 2},
    "levels": {"structure": "hierarchical", "grid": 2, "groups": 3, "local_latents": 5},
}
CASES = [*itertools.product(FAMILIES, ("global", "product", "field", "levels")), ("dirichlet", "field of products")]
SIZE = {"latents": 4, "concentration": 0.7}
BATCH, DRAWS = 5, 4000


def make(family, structure):
    return latents.build(plain_model(SIZE | STRUCTURES[structure] | {"prior": family}))


def features(latent, batch=BATCH, seed=0):
    shape = (batch, *(latent.spec.grid or ()), latent.spec.features)
    return jax.random.normal(jax.random.key(seed), shape)


def wide(latent, *batch):
    """The prior with batch axes and the whole event shape."""
    like = jax.eval_shape(latent.posterior, features(latent, 1))
    return jax.tree.map(lambda leaf, one: jnp.broadcast_to(leaf, (*batch, *one.shape[1:])), latent.prior, like)


def parts_of(latent, coordinates):
    """Coordinates [..., *event] of each level, of which most latents have one."""
    if not latent.spec.parts:
        return [coordinates]
    events = [part.event for part in latent.spec.parts]
    halves = jnp.split(coordinates, [math.prod(events[0])], axis=-1)
    return [half.reshape(*half.shape[:-1], *event) for half, event in zip(halves, events, strict=True)]
