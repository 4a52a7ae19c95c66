"""From a family to a latent of some shape: one vector, a product of vectors, or a field of them on a grid.

All families work on the last axis and carry any leading axes, so a combinator only moves axes and sums the KL.
"""

from types import ModuleType

import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.config import ON_SIMPLEX
from dirvae.latents.family import Latent, LatentSpec


def vector(family: ModuleType, components: int, concentration: float, parametrisation: str, floor: float) -> Latent:
    """One simplex (or Gaussian vector) of K components an example."""
    prior = family.prior(components, concentration)
    features = family.feature_count(components, parametrisation)
    name = family.__name__.rpartition(".")[2]
    simplex = components if name in ON_SIMPLEX else 0
    return Latent(
        name=name,
        spec=LatentSpec(grid=None, event=(components,), features=features, channels=components, simplex=simplex),
        prior=prior,
        posterior=lambda values: family.posterior(values, prior, parametrisation, floor),
        sample=family.sample,
        kl=family.kl,
        log_prob=family.log_prob,
        point=family.point,
        decoder_mean=family.decoder_mean,
        head_mean=family.head_mean,
        to_decoder=family.to_decoder,
        to_head=family.to_head,
        retract=family.retract,
        raise_index=family.raise_index,
    )


def product(latent: Latent, count: int) -> Latent:
    """`count` independent copies: event (n, K), features and channels concatenated."""

    def flatten(values: Float[Array, "*B n D"]) -> Float[Array, "*B nD"]:
        return values.reshape(*values.shape[:-2], -1)

    def unflatten(values: Float[Array, "*B nF"]) -> Float[Array, "*B n F"]:
        return values.reshape(*values.shape[:-1], count, latent.spec.features)

    spec = latent.spec
    return latent._replace(
        spec=LatentSpec(None, (count, *spec.event), count * spec.features, count * spec.channels, spec.simplex),
        posterior=lambda values: latent.posterior(unflatten(values)),
        kl=lambda q, p: jnp.sum(latent.kl(q, p), axis=-1),
        log_prob=lambda q, coordinates: jnp.sum(latent.log_prob(q, coordinates), axis=-1),
        decoder_mean=lambda q: flatten(latent.decoder_mean(q)),
        head_mean=lambda q: flatten(latent.head_mean(q)),
        to_decoder=lambda coordinates: flatten(latent.to_decoder(coordinates)),
        to_head=lambda coordinates: flatten(latent.to_head(coordinates)),
    )


def field(latent: Latent, grid: tuple[int, int]) -> Latent:
    """One independent copy in each cell of a grid: event (h, w, ...), features and channels a cell."""
    spec = latent.spec
    return latent._replace(
        spec=LatentSpec(grid, (*grid, *spec.event), spec.features, spec.channels, spec.simplex),
        kl=lambda q, p: jnp.sum(latent.kl(q, p), axis=(-2, -1)),
        log_prob=lambda q, coordinates: jnp.sum(latent.log_prob(q, coordinates), axis=(-2, -1)),
    )
