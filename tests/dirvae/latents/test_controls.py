"""The two families that are controls: gammas against SciPy, TFP and the Dirichlet, and no distribution at all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from tensorflow_probability.substrates.jax import distributions as tfd

from dirvae.latents import deterministic, dirichlet, gamma

SHAPES = np.float32([[0.3, 5.0, 0.1, 0.6], [2.0, 0.01, 40.0, 1.0]])


@pytest.mark.parametrize(
    ("a", "b", "expected"), [([1, 2, 3], [1, 1, 1], 1.5752058), ([0.3, 5.0, 0.1, 0.6], [0.5] * 4, 6.858136)]
)
def test_divergence_vectors(a, b, expected):
    q, p = (gamma.Gamma(jnp.asarray(values, jnp.float32)) for values in (a, b))
    np.testing.assert_allclose(gamma.kl(q, p), expected, rtol=1e-6)


def test_divergence_against_tfp():
    found = gamma.kl(gamma.Gamma(jnp.asarray(SHAPES)), gamma.prior(4, 0.5))
    expected = tfd.kl_divergence(tfd.Gamma(SHAPES, 1.0), tfd.Gamma(np.full_like(SHAPES, 0.5), 1.0)).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_it_is_looser_than_the_dirichlets_by_the_divergence_of_the_sums():
    q, p = jnp.asarray(SHAPES), gamma.prior(4, 0.5)
    sums = gamma.kl(gamma.Gamma(q.sum(-1, keepdims=True)), gamma.Gamma(jnp.float32([2.0])))
    whole = dirichlet.kl(dirichlet.Dirichlet(q), dirichlet.Dirichlet(*p)) + sums
    np.testing.assert_allclose(gamma.kl(gamma.Gamma(q), p), whole, rtol=1e-5)


def test_density_of_a_draw():
    log_g = np.float32([[-1.0, 1.5, -30.0, 0.2], [0.3, -200.0, 3.5, 0.0]])
    exact = np.exp(log_g.astype(np.float64))
    expected = scipy.stats.gamma(SHAPES.astype(np.float64)).logpdf(exact).sum(-1)
    np.testing.assert_allclose(
        gamma.log_prob(gamma.Gamma(jnp.asarray(SHAPES)), jnp.asarray(log_g)), expected, rtol=1e-5
    )


def test_normalised_it_is_the_dirichlet():
    key, wide = jax.random.key(0), jnp.broadcast_to(jnp.asarray(SHAPES[0]), (3, 4))
    raw = gamma.sample(key, gamma.Gamma(wide)).coordinates
    same = dirichlet.sample(key, dirichlet.Dirichlet(wide)).coordinates
    np.testing.assert_allclose(jax.nn.log_softmax(raw), same, rtol=1e-6)


def test_a_point_mass_costs_nothing_and_is_read_as_it_is():
    features = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    prior = deterministic.prior(4, 0.5)
    posterior = deterministic.posterior(features, prior, "exp", 0.01)
    draw = deterministic.sample(jax.random.key(0), posterior).coordinates
    for read in (deterministic.point, deterministic.decoder_mean, deterministic.head_mean):
        np.testing.assert_array_equal(read(posterior), draw)
    np.testing.assert_array_equal(draw, features)
    np.testing.assert_array_equal(deterministic.kl(posterior, prior), np.zeros(3))
    with pytest.raises(TypeError, match="no density"):
        deterministic.log_prob(posterior, draw)


@pytest.mark.parametrize(("a", "b"), [(50.05, 50.0), (1001.0, 1000.0), (1e4, 1e3), (9.0, 1e4)])
def test_the_gammas_divergence_of_large_shapes_does_not_cancel(a, b):
    """lgamma(b) - lgamma(a) + (a - b) psi(a) in float64."""
    a, b = np.float32(a), np.float32(b)
    found = gamma.kl(gamma.Gamma(jnp.full((1, 64), a)), gamma.prior(64, float(b)))[0]
    wide, broad = np.float64(a), np.float64(b)
    one = scipy.special.gammaln(broad) - scipy.special.gammaln(wide) + (wide - broad) * scipy.special.digamma(wide)
    np.testing.assert_allclose(found, 64 * one, rtol=1e-5)
