"""Directions and steps in latent coordinates.

A cotangent is the gradient of tau -> logit(retract(c, tau)) at tau = 0. A metric raises it to a direction:

  identity    leaves it: steepest ascent per unit of the coordinates' own length
  covariance  multiplies it by a matrix: the shortest path in Mahalanobis distance to a target logit. It turns the classifier's
              filter into the data's pattern (Haufe et al. 2014).
  fisher      applies the pseudo-inverse of the Fisher information of the simplex: the natural gradient

On a simplex every direction is centred, since a common shift of log z does not move z. Its norm is then Aitchison's.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Metric = str | Float[Array, "D D"]
"""'identity', 'fisher', or the covariance of the flattened coordinates of one example; traversals also know 'pull_back'."""

RAREST = -20.0  # log z below which the Fisher metric counts a component as no rarer, so that no direction is infinite


def centre(log_z: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """Centred log ratios clr(z) = log z - mean log z (Aitchison 1982); they do not depend on normalisation."""
    return log_z - jnp.mean(log_z, axis=-1, keepdims=True)


def log_ratios(log_z: Float[Array, "*B nK"], components: int) -> Float[Array, "*B nK1"]:
    """Additive log ratios log z_k - log z_0, k = 1 ... K - 1, of each of n compositions beside each other (Aitchison 1982).

    They are the same from log z and from centred log ratios.
    """
    each = log_z.reshape(*log_z.shape[:-1], -1, components)
    return (each[..., 1:] - each[..., :1]).reshape(*log_z.shape[:-1], -1)


def scaled_composition(log_z: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """K z, so that a component's typical size is 1 whatever K is."""
    return log_z.shape[-1] * jnp.exp(log_z)


def aitchison_step(log_z: Float[Array, "*B K"], tangent: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """log z <- log_softmax(log z + v): a straight line in Aitchison's geometry, on the simplex for every v."""
    return jax.nn.log_softmax(log_z + tangent)


def euclidean_step(z: Float[Array, "*B K"], tangent: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """z <- z + v."""
    return z + tangent


def unchanged(coordinates: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """Returns the coordinates, which are what networks read of a family without a map of its own."""
    return coordinates


def raise_on_simplex(log_z: Float[Array, "*B K"], cotangent: Float[Array, "*B K"], metric: Metric) -> Array:
    """Direction in log coordinates, for a cotangent that sums to 0 over K, as every gradient through `retract` does.

    Fisher: the metric of z in log coordinates is diag(z) - z z^T; on such a cotangent c its pseudo-inverse is c/z, centred.
    """
    if isinstance(metric, str) and metric == "fisher":
        return centre(cotangent * jnp.exp(-jnp.maximum(log_z, RAREST)))
    return centre(_raise(cotangent, metric))


def raise_euclidean(z: Float[Array, "*B K"], cotangent: Float[Array, "*B K"], metric: Metric) -> Array:
    """Direction for a Gaussian; relative to its prior N(0, I) the Fisher metric is the identity."""
    return _raise(cotangent, "identity" if isinstance(metric, str) and metric == "fisher" else metric)


def restrict(v: Float[Array, "*B K"], mask: Float[Array, "*B K"], simplex: bool) -> Float[Array, "*B K"]:
    """Orthogonal projection of v onto the directions that move masked coordinates only.

    On a simplex those are the centred u with u_k = 0 off the mask: the other components keep the ratios among themselves. With
    m of K components masked, u_k = v_k + (sum of v over the mask)/(K - m), for a centred v.
    """
    if not simplex:
        return mask * v
    inside = mask * centre(v)
    others = jnp.sum(1.0 - mask, axis=-1, keepdims=True)
    share = jnp.sum(inside, axis=-1, keepdims=True) / jnp.maximum(others, 1.0)
    return centre(inside + mask * share)


def covariance(codes: Float[np.ndarray, "N D"], shrinkage: float | None = None) -> Float[np.ndarray, "D D"]:
    """(1 - s) S + s tr(S)/D I, S the sample covariance of flattened coordinates (log ratios, on a simplex).

    `shrinkage` s; None: the intensity of least expected squared error (Ledoit & Wolf 2004), which falls as 1/N.

    Raises:
      ValueError: for fewer than two rows, or a share outside [0, 1].
    """
    rows, size = codes.shape
    if rows < 2:
        raise ValueError(f"a covariance needs at least two images, not {rows}")
    if shrinkage is not None and not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage={shrinkage} must lie between 0 and 1")
    sample = np.atleast_2d(np.cov(np.asarray(codes, np.float64), rowvar=False))
    share = _intensity(np.asarray(codes, np.float64)) if shrinkage is None else shrinkage
    return (1 - share) * sample + share * np.trace(sample) / size * np.eye(size)


def _intensity(codes: Float[np.ndarray, "N D"]) -> float:
    """min(b, d)/d with d = |S - tr(S)/D I|^2 and b = mean_i |x_i x_i^T - S|^2/N, norms of Frobenius, S with divisor N."""
    rows, size = codes.shape
    x = codes - codes.mean(axis=0)
    sample = x.T @ x / rows
    distance = np.sum(sample**2) - np.trace(sample) ** 2 / size
    scatter = (np.mean(np.sum(x**2, axis=1) ** 2) - np.sum(sample**2)) / rows
    return float(min(scatter, distance) / distance) if distance > 0 else 0.0


def _raise(cotangent: Float[Array, "*B K"], metric: Metric) -> Array:
    if isinstance(metric, str):
        if metric != "identity":
            raise ValueError(f"metric {metric!r} is not identity, fisher or a covariance matrix")
        return cotangent
    return (cotangent.reshape(-1, len(metric)) @ metric.T).reshape(cotangent.shape)
