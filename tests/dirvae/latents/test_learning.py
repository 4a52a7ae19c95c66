"""Learned priors: the method of moments against SciPy, gradients against their closed form, and what is shared by whom."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma
from support.settings import plain_model

from dirvae import latents
from dirvae.latents import learning
from dirvae.latents.dirichlet import Dirichlet
from dirvae.latents.learning import Moments

B, FLOOR = np.array([0.3, 2.0, 0.15, 0.8]), 0.01
STRUCTURES = {
    "global": {"structure": "global"},
    "product": {"structure": "product", "groups": 3},
    "field": {"structure": "spatial", "grid": 2, "groups": 2},
    "levels": {"structure": "hierarchical", "grid": 2, "groups": 3, "local_latents": 5},
}


def make(structure):
    return latents.build(plain_model({"latents": 4, "concentration": 0.7} | STRUCTURES[structure]))


def features(latent, batch):
    return jax.random.normal(jax.random.key(0), (batch, *(latent.spec.grid or ()), latent.spec.features))


def test_moments():
    found, exact = learning.moments(Dirichlet(jnp.asarray(B, jnp.float32))), stats.dirichlet(B)
    np.testing.assert_allclose(found.first, exact.mean(), rtol=1e-5)
    np.testing.assert_allclose(found.second, np.sum(exact.var() + exact.mean() ** 2), rtol=1e-5)


@pytest.mark.parametrize("total", [1.0, 30.0, 0.1])
def test_moments_give_back_their_dirichlet(total):
    found = learning.of_moments(learning.moments(Dirichlet(jnp.asarray(total * B, jnp.float32))), 1e-3)
    np.testing.assert_allclose(found.concentration, total * B, rtol=1e-3)


def test_concentrations_stay_within_their_bounds():
    even = jnp.full(4, 0.25)
    certain = learning.of_moments(Moments(even, jnp.float32(0.25)), FLOOR).concentration
    assert np.isfinite(certain).all()
    assert np.all(certain <= 1e4)
    np.testing.assert_allclose(learning.of_moments(Moments(even, jnp.float32(1.0)), FLOOR).concentration, FLOOR)
    latent = make("global")
    lowest = learning.learned(latent, {"prior": {"vectors_0": jnp.full(4, -80.0)}}, "gradient", FLOOR).prior
    np.testing.assert_allclose(lowest.concentration, FLOOR, rtol=1e-6)


@pytest.mark.parametrize("how", ["moments", "gradient"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_learning_starts_at_the_configured_prior(how, structure):
    latent = make(structure)
    found = learning.learned(latent, {"prior": learning.initial(latent, how, FLOOR)}, how, FLOOR)
    q = latent.posterior(features(latent, 3))
    for one, expected in zip(*map(jax.tree.leaves, (found.prior, latent.prior)), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4)
    np.testing.assert_allclose(latent.kl(q, found.prior), latent.kl(q, latent.prior), rtol=1e-3)


def test_a_fixed_prior_is_left_alone():
    latent = make("product")
    assert learning.learned(latent, {}, "fixed", FLOOR) is latent


def test_the_gradient_is_that_of_the_divergence():
    """d KL(q || Dir(b))/d b_k = psi(b_k) - psi(b_0) - E_q log z_k, times d b/d t = b - floor."""
    latent = make("global")
    q = latent.posterior(features(latent, 50))
    t = jnp.asarray(np.log(B - FLOOR), jnp.float32)

    def mean_kl(t):
        found = learning.learned(latent, {"prior": {"vectors_0": t}}, "gradient", FLOOR)
        return jnp.mean(latent.kl(q, found.prior))

    a = np.float64(q.concentration)
    told = (digamma(a) - digamma(a.sum(axis=1, keepdims=True))).mean(axis=0)
    expected = (B - FLOOR) * (digamma(B) - digamma(B.sum()) - told)
    np.testing.assert_allclose(jax.grad(mean_kl)(t), expected, rtol=1e-3, atol=1e-4)


def test_moments_get_no_gradient():
    latent = make("global")
    q, known = latent.posterior(features(latent, 5)), learning.initial(latent, "moments", FLOOR)
    nats = lambda p: jnp.sum(latent.kl(q, learning.learned(latent, {"prior": p}, "moments", FLOOR).prior))  # noqa: E731
    for leaf in jax.tree.leaves(jax.grad(nats)(known)):
        np.testing.assert_array_equal(leaf, np.zeros_like(leaf))


def test_the_prior_of_sharp_posteriors_is_that_of_their_places():
    """q_i = Dir(1000 z_i) with z_i ~ Dir(b): followed for long, the aggregated posterior's prior is Dir(b)."""
    latent, rng = make("global"), np.random.default_rng(0)
    known = learning.initial(latent, "moments", FLOOR)
    step = jax.jit(
        lambda known, a: learning.followed(known, learning.batch_moments(latent, Dirichlet(a), jnp.full(100, 0.01)))
    )
    for _ in range(800):
        places = rng.dirichlet(B, size=100)
        known = step(known, jnp.asarray(1000.0 * places + 1e-3, jnp.float32))
    found = learning.learned(latent, {"prior": known}, "moments", FLOOR).prior
    np.testing.assert_allclose(found.concentration, B, rtol=0.1)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_vectors_of_a_product_learn_apart_and_cells_together(structure):
    latent = make(structure)
    q = latent.posterior(features(latent, 6))
    weight = jnp.asarray([0.5, 0.25, 0.25, 0.0, 0.0, 0.0])
    found = learning.batch_moments(latent, q, weight)
    start = learning.initial(latent, "moments", FLOOR)
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, start)
    if structure == "field":
        a = np.float64(q.concentration)  # [B, h, w, n, K]
        means = (a / a.sum(axis=-1, keepdims=True)).mean(axis=(1, 2))
        np.testing.assert_allclose(found["vectors_0"]["first"], np.einsum("b,bnk->nk", weight, means), rtol=1e-5)
    for part in found.values():
        np.testing.assert_allclose(part["first"].sum(axis=-1), np.ones(part["second"].shape), rtol=1e-5)
