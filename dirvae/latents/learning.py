"""A Dirichlet prior that is learned with the model, after Joo et al. 2020 (arXiv 1901.02739).

    gradient: b = floor + exp t, and the ELBO's gradient with respect to t, of which only the KL depends on it
    moments:  b from m = E z and s = E |z|^2 under the aggregated posterior q(z) = E_x q(z|x), in closed form for each q(z|x):

        b = b_0 m,    b_0 = (1 - s)/(s - |m|^2),    since a Dirichlet has s = (b_0 |m|^2 + 1)/(b_0 + 1)

The paper averages such ratios over components. Here numerator and denominator are summed first, since a component that is hardly
ever in use has the ratio of two numbers near 0. Moving averages of m and s, unlike those of b, are free of bias.

What is learned starts at the configured prior and is part of the model's parameters, params["prior"]. Each vector of a
product has a prior of its own, the cells of a field share theirs. Zero features still give the posterior that is the
configured prior.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.latents.dirichlet import MAX_CONCENTRATION, Dirichlet
from dirvae.latents.family import Latent
from dirvae.types import Params, PyTree

RATE = 0.01  # of the moving averages of moments, a step
LEAST_SPREAD = 1e-6  # of s - |m|^2


class Moments(NamedTuple):
    """Moments of a distribution on the simplex: E z and E |z|^2."""

    first: Float[Array, "*B K"]
    second: Float[Array, "*B"]


def moments(q: Dirichlet) -> Moments:
    """E z = a/a_0, E |z|^2 = sum a (a + 1)/(a_0 (a_0 + 1))."""
    a = q.concentration
    total = jnp.sum(a, axis=-1, keepdims=True)
    return Moments(a / total, jnp.sum(a * (a + 1.0) / (total * (total + 1.0)), axis=-1))


def of_moments(known: Moments, floor: float) -> Dirichlet:
    """The Dirichlet of such a mean and mean square, its concentrations kept from `floor` to MAX_CONCENTRATION."""
    spread = jnp.maximum(known.second - jnp.sum(jnp.square(known.first), axis=-1), LEAST_SPREAD)
    total = (1.0 - known.second) / spread
    return Dirichlet(jnp.clip(total[..., None] * known.first, floor, MAX_CONCENTRATION))


def initial(latent: Latent, how: str, floor: float) -> Params:
    """params["prior"] that says what the configured prior says: {"vectors_0": ...}, on two levels also {"vectors_1": ...}."""

    def start(prior: Dirichlet) -> Params:
        return moments(prior)._asdict() if how == "moments" else jnp.log(prior.concentration - floor)

    return _named([start(prior) for prior in _vectors(latent.prior)])


def learned(latent: Latent, params: Params, how: str, floor: float) -> Latent:
    """The latent with the prior that the parameters hold; the latent itself where the prior is fixed."""
    if how == "fixed":
        return latent

    def read(known: Params) -> Dirichlet:
        if how == "moments":
            return of_moments(Moments(**jax.lax.stop_gradient(known)), floor)
        return Dirichlet(floor + jnp.exp(known))

    structure = jax.tree.structure(latent.prior, is_leaf=_is_dirichlet)
    return latent._replace(prior=structure.unflatten([read(known) for known in params["prior"].values()]))


def batch_moments(latent: Latent, posterior: PyTree, weight: Float[Array, " B"]) -> Params:
    """Sums over the batch of each posterior's moments times its weight, means over a field's cells; like params["prior"]."""

    def summed(q: Dirichlet, prior: Dirichlet) -> Params:
        reduced = jax.tree.map(lambda leaf, like: _over_batch(leaf, like.ndim, weight), moments(q), moments(prior))
        return reduced._asdict()

    return _named([summed(q, p) for q, p in zip(_vectors(posterior), _vectors(latent.prior), strict=True)])


def _over_batch(values: Float[Array, "B ..."], kept: int, weight: Float[Array, " B"]) -> Array:
    means = jnp.mean(values, axis=tuple(range(1, values.ndim - kept)))
    return jnp.tensordot(weight, means, axes=1)


def followed(known: Params, batch: Params) -> Params:
    """Moving averages of moments, one step on."""
    return jax.tree.map(lambda old, new: old + RATE * (new - old), known, batch)


def _is_dirichlet(node: PyTree) -> bool:
    return isinstance(node, Dirichlet)


def _vectors(tree: PyTree) -> list[Dirichlet]:
    """One of a latent, two of one of two levels."""
    return jax.tree.leaves(tree, is_leaf=_is_dirichlet)


def _named(parts: list[Params]) -> Params:
    return {f"vectors_{number}": part for number, part in enumerate(parts)}
