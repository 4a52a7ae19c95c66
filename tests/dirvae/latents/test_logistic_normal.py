"""The logistic-normal family against the multivariate normal of its log ratios, and its match of the Dirichlet."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from dirvae.latents import gaussian, logistic_normal
from dirvae.latents.gaussian import Gaussian

K = 5
RATIOS = np.hstack([np.eye(K - 1), -np.ones((K - 1, 1))])  # log z -> log z_k - log z_K


def random(seed, rows=20):
    rng = np.random.default_rng(seed)
    return Gaussian(*jnp.asarray(rng.normal(scale=0.7, size=(2, rows, K)), jnp.float32))


def ratios(q, row):
    """Mean and covariance of the log ratios to the last component."""
    covariance = np.diag(np.exp(2 * np.float64(q.log_scale[row])))
    return RATIOS @ np.float64(q.mean[row]), RATIOS @ covariance @ RATIOS.T


def test_density_is_that_of_the_log_ratios_and_their_jacobian():
    q, log_z = random(0), np.asarray(jax.nn.log_softmax(random(1).mean), np.float64)
    found = logistic_normal.log_prob(q, jnp.float32(log_z))
    for row in range(20):
        expected = scipy.stats.multivariate_normal(*ratios(q, row)).logpdf(RATIOS @ log_z[row]) - log_z[row].sum()
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-4)


def test_divergence_is_that_of_the_log_ratios():
    q, prior = random(0), Gaussian(random(3, 1).mean[0], random(3, 1).log_scale[0])
    found = logistic_normal.kl(q, prior)
    other, q_covariance = ratios(gaussian.like(prior, q.mean), 0)
    for row in range(20):
        mean, covariance = ratios(q, row)
        inverse = np.linalg.inv(q_covariance)
        shift = other - mean
        logs = np.linalg.slogdet(q_covariance)[1] - np.linalg.slogdet(covariance)[1]
        expected = (np.trace(inverse @ covariance) + shift @ inverse @ shift - (K - 1) + logs) / 2
        np.testing.assert_allclose(found[row], expected, rtol=1e-4)


def test_divergence_leaves_out_what_z_does_not_see():
    q, prior = random(0), logistic_normal.prior(K, 0.5)
    shifted = q._replace(mean=q.mean + 3.0)
    np.testing.assert_allclose(logistic_normal.kl(shifted, prior), logistic_normal.kl(q, prior), rtol=1e-4)
    assert np.all(logistic_normal.kl(q, prior) < gaussian.kl(q, prior))


@pytest.mark.parametrize("concentration", [0.1, 0.5, 3.0])
def test_the_prior_is_laplaces_match_of_the_dirichlet(concentration):
    """mu_k = ln b_k - mean ln b; Sigma_k = (1 - 2/K)/b_k + sum 1/(K^2 b_i) (Srivastava & Sutton 2017)."""
    prior = logistic_normal.prior(K, concentration)
    b = np.full(K, concentration)
    np.testing.assert_allclose(prior.mean, np.log(b) - np.log(b).mean())
    np.testing.assert_allclose(np.exp(2 * prior.log_scale), (1 - 2 / K) / b + np.sum(1 / (K**2 * b)), rtol=1e-5)
