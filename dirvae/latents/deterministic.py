"""No distribution at all: the code of a supervised autoencoder, a control that takes the prior away.

The posterior is a point mass, the KL is nought and so says nothing: an ELBO of such a model is not one. Decoder and head read
the code itself.
"""

from typing import NamedTuple, NoReturn

import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.latents import geometry
from dirvae.types import Key, LatentSample


class Point(NamedTuple):
    """All mass at one place."""

    location: Float[Array, "*B K"]


def prior(components: int, concentration: float) -> Point:
    """The origin; there is nothing to draw from."""
    del concentration
    return Point(jnp.zeros(components))


def feature_count(components: int, parametrisation: str) -> int:
    del parametrisation
    return components


def posterior(features: Float[Array, "*B F"], prior: Point, parametrisation: str, floor: float) -> Point:
    """The features are the code; zero features give the origin."""
    del parametrisation, floor
    return Point(jnp.broadcast_to(prior.location, features.shape) + features)


def sample(key: Key, posterior: Point) -> LatentSample:
    """The code."""
    del key
    return LatentSample(posterior.location)


def kl(posterior: Point, prior: Point) -> Float[Array, "*B"]:
    """Nought."""
    del prior
    return jnp.zeros(posterior.location.shape[:-1])


def log_prob(posterior: Point, z: Float[Array, "*B K"]) -> NoReturn:
    """Raises TypeError: a point mass has no density."""
    raise TypeError("prior=deterministic has no density, and so no likelihood bound")


def point(posterior: Point) -> Float[Array, "*B K"]:
    """The code."""
    return posterior.location


decoder_mean = point
head_mean = point
to_decoder = geometry.unchanged
to_head = geometry.unchanged
retract = geometry.euclidean_step
raise_index = geometry.raise_euclidean
