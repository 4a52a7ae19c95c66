"""Logistic-normal latents (Aitchison & Shen 1980): the Dirichlet's simplex with the Gaussian's reparameterisation.

    z = softmax(h),    h ~ N(m, diag(s^2)) on R^K

z does not see a common shift of h, so all densities here are those of z: with w = 1/s^2 and d = log z - m, and writing
Q(d; w) = sum w d^2 - (sum w d)^2/sum w for the quadratic form that ignores shifts,

    log q(z) = -[Q(d; w) + log det + (K - 1) log 2 pi]/2 - sum log z,    log det = sum log s^2 + log sum w

`coordinates` of a sample are log z. The prior matches a symmetric Dirichlet by Laplace's approximation in the softmax basis
(MacKay 1998; Srivastava & Sutton 2017, arXiv 1703.01488): m = 0, s^2 = (1 - 1/K)/b.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.latents import gaussian, geometry
from dirvae.latents.gaussian import Gaussian
from dirvae.types import Key, LatentSample


def prior(components: int, concentration: float) -> Gaussian:
    """The Laplace match of Dir(b, ..., b)."""
    scale = math.sqrt((1.0 - 1.0 / components) / concentration)
    return Gaussian(jnp.zeros(components), jnp.full(components, math.log(scale), jnp.float32))


feature_count = gaussian.feature_count
posterior = gaussian.posterior


def sample(key: Key, posterior: Gaussian) -> LatentSample:
    """log_softmax(m + s e), e ~ N(0, I)."""
    return LatentSample(jax.nn.log_softmax(gaussian.sample(key, posterior).coordinates))


def _shift_free(d: Float[Array, "*B K"], log_scale: Float[Array, "*B K"]) -> Float[Array, "*B"]:
    """Q(d; w) with w = 1/s^2, as a weighted sum of squares about the weighted mean.

    The mean's weights are a softmax: under jit, XLA's CPU backend (jax 0.10.2) gets sum w wrong where w is broadcast.
    """
    centre = jnp.sum(jax.nn.softmax(-2.0 * log_scale) * d, axis=-1, keepdims=True)
    return jnp.sum(jnp.exp(-2.0 * log_scale) * jnp.square(d - centre), axis=-1)


def _log_determinant(log_scale: Float[Array, "*B K"]) -> Float[Array, "*B"]:
    return 2.0 * jnp.sum(log_scale, axis=-1) + jax.nn.logsumexp(-2.0 * log_scale, axis=-1)


def kl(posterior: Gaussian, prior: Gaussian) -> Float[Array, "*B"]:
    """KL between the two distributions of z, in nats: that of their log ratios, Gaussians of K - 1 dimensions.

    At most the KL of the K-dimensional Gaussians of h, which also pays for the shift that z does not see.
    """
    components = posterior.mean.shape[-1]
    prior = gaussian.like(prior, posterior.mean)
    ratio = jnp.exp(2.0 * (posterior.log_scale - prior.log_scale))
    trace = jnp.sum((1.0 - jax.nn.softmax(-2.0 * prior.log_scale)) * ratio, axis=-1)
    distance = _shift_free(posterior.mean - prior.mean, prior.log_scale)
    determinants = _log_determinant(prior.log_scale) - _log_determinant(posterior.log_scale)
    return 0.5 * (trace + distance - (components - 1) + determinants)


def log_prob(posterior: Gaussian, log_z: Float[Array, "*B K"]) -> Float[Array, "*B"]:
    """log q(z), a density with respect to the first K - 1 components of z."""
    components = posterior.mean.shape[-1]
    distance = _shift_free(log_z - posterior.mean, posterior.log_scale)
    normaliser = _log_determinant(posterior.log_scale) + (components - 1) * math.log(2.0 * math.pi)
    return -0.5 * (distance + normaliser) - jnp.sum(log_z, axis=-1)


def point(posterior: Gaussian) -> Float[Array, "*B K"]:
    """log_softmax(m), the Aitchison centre."""
    return jax.nn.log_softmax(posterior.mean)


def decoder_mean(posterior: Gaussian) -> Float[Array, "*B K"]:
    """K softmax(m): E[K z] has no closed form; this is the decoder's input at the Aitchison centre."""
    return geometry.scaled_composition(point(posterior))


def head_mean(posterior: Gaussian) -> Float[Array, "*B K"]:
    """E[clr z] = m - mean m."""
    return geometry.centre(posterior.mean)


to_decoder = geometry.scaled_composition
to_head = geometry.centre
retract = geometry.aitchison_step
raise_index = geometry.raise_on_simplex
