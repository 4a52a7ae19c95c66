"""Directions and steps in latent coordinates.

A cotangent is the gradient of tau -> logit(retract(c, tau)) at tau = 0. A metric raises it to a direction: `identity`
leaves it (steepest ascent per unit of the coordinates' own length), a covariance matrix multiplies it (the shortest path in
Mahalanobis distance to a target logit; it turns the classifier's filter into the data's pattern, Haufe et al. 2014), and
`fisher` divides by the Fisher information of the simplex (natural gradient, i.e. exponentiated gradient).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Metric = str | Float[Array, "D D"]
"""'identity', 'fisher', or the covariance of the flattened coordinates of one example."""


def centre(log_z: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """Centred log ratios clr(z) = log z - mean log z (Aitchison 1982); they do not depend on normalisation."""
    return log_z - jnp.mean(log_z, axis=-1, keepdims=True)


def scaled_composition(log_z: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """K z, so that a component's typical size is 1 whatever K is."""
    return log_z.shape[-1] * jnp.exp(log_z)


def aitchison_step(log_z: Float[Array, "*B K"], tangent: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """log z <- log_softmax(log z + v): a straight line in Aitchison's geometry, on the simplex for every v."""
    return jax.nn.log_softmax(log_z + tangent)


def euclidean_step(z: Float[Array, "*B K"], tangent: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """z <- z + v."""
    return z + tangent


def raise_on_simplex(log_z: Float[Array, "*B K"], cotangent: Float[Array, "*B K"], metric: Metric) -> Array:
    """Direction in log coordinates. Fisher: the metric of z in log coordinates is diag(z) on centred vectors."""
    if isinstance(metric, str) and metric == "fisher":
        natural = cotangent * jnp.exp(-jnp.maximum(log_z, -20.0))
        return centre(natural)
    return _raise(cotangent, metric)


def raise_euclidean(z: Float[Array, "*B K"], cotangent: Float[Array, "*B K"], metric: Metric) -> Array:
    """Direction for a Gaussian; relative to its prior N(0, I) the Fisher metric is the identity."""
    return _raise(cotangent, "identity" if isinstance(metric, str) and metric == "fisher" else metric)


def _raise(cotangent: Float[Array, "*B K"], metric: Metric) -> Array:
    if isinstance(metric, str):
        if metric != "identity":
            raise ValueError(f"metric {metric!r} is not identity, fisher or a covariance matrix")
        return cotangent
    return (metric @ cotangent.reshape(-1)).reshape(cotangent.shape)
