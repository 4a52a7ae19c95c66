"""Gamma latents: a Dirichlet before its normalisation, a control that keeps sparsity and gives up the simplex.

    q(g) = prod_k Gamma(g_k; a_k, 1),    p(g) = prod_k Gamma(g_k; b_k, 1),
    KL(q || p) = sum_k lgamma(b_k) - lgamma(a_k) + (a_k - b_k) psi(a_k)

the divergence that Joo et al. 2020 (arXiv 1901.02739) use for their Dirichlet. `coordinates` of a sample are log g, drawn
and differentiated as in `dirvae.latents.log_gamma`; the decoder reads g, the head log g.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array, Float

from dirvae.latents import dirichlet, geometry
from dirvae.latents.log_gamma import divergence, excess, log_gamma_variate, remainder
from dirvae.types import Key, LatentSample


class Gamma(NamedTuple):
    """prod_k Gamma(a_k, 1) over the last axis; `concentration` a > 0."""

    concentration: Float[Array, "*B K"]


def prior(components: int, concentration: float) -> Gamma:
    """Equal shapes, rate 1: normalised, it is the symmetric Dirichlet."""
    return Gamma(jnp.full(components, concentration, jnp.float32))


feature_count = dirichlet.feature_count


def posterior(features: Float[Array, "*B F"], prior: Gamma, parametrisation: str, floor: float) -> Gamma:
    """Shapes from features, as the Dirichlet's concentrations."""
    return Gamma(*dirichlet.posterior(features, dirichlet.Dirichlet(*prior), parametrisation, floor))


def sample(key: Key, posterior: Gamma) -> LatentSample:
    """One draw of log g, with pathwise gradients with respect to the shapes."""
    return LatentSample(log_gamma_variate(key, posterior.concentration))


def kl(posterior: Gamma, prior: Gamma) -> Float[Array, "*B"]:
    """KL in nats; `divergence` leaves out the term that is linear in a, which here does not cancel.

    Where b >= DIRECT_BELOW it is b (u - log(1 + u)) + r(a, b) with u = a/b - 1, r the `remainder`, terms that do not cancel.
    """
    a = posterior.concentration
    b = jnp.broadcast_to(prior.concentration, a.shape)
    direct = divergence(a, b) + a
    if dirichlet.surely_small(prior.concentration):
        return jnp.sum(direct, axis=-1)
    at_large = b * excess(a / b, (a - b) / b) + remainder(a, b, a - b)
    return jnp.sum(jnp.where(b < dirichlet.DIRECT_BELOW, direct, at_large), axis=-1)


def log_prob(posterior: Gamma, log_g: Float[Array, "*B K"]) -> Float[Array, "*B"]:
    """log q(g), a density on the positive numbers."""
    a = posterior.concentration
    return jnp.sum((a - 1.0) * log_g - jnp.exp(log_g) - gammaln(a), axis=-1)


def point(posterior: Gamma) -> Float[Array, "*B K"]:
    """E log g = psi(a)."""
    return digamma(posterior.concentration)


head_mean = point


def decoder_mean(posterior: Gamma) -> Float[Array, "*B K"]:
    """E g = a."""
    return posterior.concentration


def to_decoder(log_g: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """g."""
    return jnp.exp(log_g)


to_head = geometry.unchanged
retract = geometry.euclidean_step
raise_index = geometry.raise_euclidean  # the Fisher information of a shift of log g is a constant, the shape
