"""Gaussian latents with diagonal covariance (Kingma & Welling 2014): the reference that a Dirichlet is compared with.

    q(z) = N(m, diag(s^2)),    p(z) = N(0, I),    KL(q || p) = sum_k (s_k^2 + m_k^2 - 1)/2 - log s_k

`coordinates` of a sample are z itself; decoder and head both read z.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.latents import geometry
from dirvae.types import Key, LatentSample

LOG_SCALES = (-7.0, 3.0)  # range of a posterior's log standard deviation


class Gaussian(NamedTuple):
    """N(mean, diag(exp(log_scale)^2)) over the last axis."""

    mean: Float[Array, "*B K"]
    log_scale: Float[Array, "*B K"]


def prior(components: int, concentration: float) -> Gaussian:
    """N(0, I); a Dirichlet's `concentration` has no counterpart here."""
    del concentration
    return Gaussian(jnp.zeros(components), jnp.zeros(components))


def like(prior: Gaussian, values: Float[Array, "*B K"]) -> Gaussian:
    """The prior with the batch axes of `values`."""
    return Gaussian(*(jnp.broadcast_to(leaf, values.shape) for leaf in prior))


def feature_count(components: int, parametrisation: str) -> int:
    del parametrisation
    return 2 * components


def posterior(features: Float[Array, "*B F"], prior: Gaussian, parametrisation: str, floor: float) -> Gaussian:
    """Mean and log standard deviation from features; zero features give the prior."""
    del parametrisation, floor
    mean, log_scale = jnp.split(features, 2, axis=-1)
    base = like(prior, mean)
    return Gaussian(base.mean + mean, jnp.clip(base.log_scale + log_scale, *LOG_SCALES))


def sample(key: Key, posterior: Gaussian) -> LatentSample:
    """m + s e, e ~ N(0, I)."""
    noise = jax.random.normal(key, posterior.mean.shape, posterior.mean.dtype)
    return LatentSample(posterior.mean + jnp.exp(posterior.log_scale) * noise)


def kl(posterior: Gaussian, prior: Gaussian) -> Float[Array, "*B"]:
    """KL between diagonal Gaussians, in nats."""
    prior = like(prior, posterior.mean)
    log_ratio = posterior.log_scale - prior.log_scale
    shift = (posterior.mean - prior.mean) * jnp.exp(-prior.log_scale)
    return jnp.sum(0.5 * (jnp.exp(2 * log_ratio) + jnp.square(shift) - 1.0) - log_ratio, axis=-1)


def log_prob(posterior: Gaussian, z: Float[Array, "*B K"]) -> Float[Array, "*B"]:
    """log q(z), a density on R^K."""
    standard = (z - posterior.mean) * jnp.exp(-posterior.log_scale)
    return jnp.sum(-0.5 * jnp.square(standard) - posterior.log_scale - 0.5 * math.log(2 * math.pi), axis=-1)


def point(posterior: Gaussian) -> Float[Array, "*B K"]:
    """The mean."""
    return posterior.mean


decoder_mean = point
head_mean = point
to_decoder = geometry.unchanged
to_head = geometry.unchanged
retract = geometry.euclidean_step
raise_index = geometry.raise_euclidean
