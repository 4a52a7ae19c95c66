"""Bounds of log p(x) and mutual information where both are known: linear-Gaussian models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from support.settings import plain

from dirvae import latents, losses
from dirvae.latents import gaussian
from dirvae.metrics import iwae

RNG = np.random.default_rng(0)
K, D, NOISE = 3, 6, 0.7
W = RNG.normal(size=(D, K))  # x = W z + NOISE e, z ~ N(0, I)
X = (RNG.normal(size=(20, K)) @ W.T + NOISE * RNG.normal(size=(20, D))).astype(np.float32)
EXACT = scipy.stats.multivariate_normal(np.zeros(D), W @ W.T + NOISE**2 * np.eye(D)).logpdf(X)
COVARIANCE = np.linalg.inv(np.eye(K) + W.T @ W / NOISE**2)


def log_weights(samples, spread=1.3):
    """Of a posterior with the right mean and too wide a diagonal covariance."""
    mean = (X @ W @ COVARIANCE.T / NOISE**2).astype(np.float32)
    scale = np.broadcast_to(np.log(spread * np.sqrt(np.diag(COVARIANCE))).astype(np.float32), mean.shape)
    latent = latents.build(plain({"prior": "gaussian", "latents": K}).model)

    def log_likelihood(z):
        distance = jnp.sum(jnp.square(X[None] - z @ W.T.astype(np.float32)), axis=-1) / NOISE**2
        return -0.5 * (distance + D * np.log(2 * np.pi * NOISE**2))

    return losses.log_weights(latent, jax.random.key(0), gaussian.Gaussian(mean, scale), samples, log_likelihood)


def test_the_bound_rises_to_the_exact_likelihood_with_the_number_of_samples():
    many = iwae.bounds(np.asarray(log_weights(5000)))
    few, one = (iwae.bounds(np.asarray(log_weights(samples))) for samples in (64, 1))
    np.testing.assert_array_equal(one.elbo, one.importance_weighted)
    gaps = [EXACT.mean() - value for value in (many.elbo.mean(), few.importance_weighted.mean())]
    assert gaps[0] > gaps[1] > 0
    assert gaps[0] > 0.1
    assert abs(EXACT.mean() - many.importance_weighted.mean()) < min(0.02, gaps[1])
    assert (many.elbo < EXACT).all()
    assert ((many.effective_samples > 1) & (many.effective_samples < 5000)).all()


def test_equal_weights_all_count_and_a_single_one_alone():
    found = iwae.bounds(np.array([[-9000.0, -9000.0], [-9000.0, 0.0], [-9000.0, -9000.0]]))
    np.testing.assert_allclose(found.effective_samples, [3, 1])
    np.testing.assert_allclose(found.importance_weighted, [-9000, -np.log(3)])
    np.testing.assert_allclose(found.elbo, [-9000, -6000])


@pytest.mark.parametrize("prior", ["dirichlet", "gaussian", "logistic_normal", "gamma"])
def test_densities_of_prior_and_posterior_share_the_measure_of_the_draws(prior):
    """With p(x|z) = 1 the weights are p/q, whose mean is 1, and the ELBO is -KL."""
    latent = latents.build(plain({"prior": prior, "latents": 4}).model)
    features = RNG.uniform(-0.3, 0.3, (3, latent.spec.features)).astype(np.float32)  # p/q has a finite variance
    posterior = latent.posterior(jnp.asarray(features))
    weights = losses.log_weights(latent, jax.random.key(1), posterior, 40_000, lambda z: jnp.zeros(z.shape[:2]))
    found = iwae.bounds(np.asarray(weights))
    np.testing.assert_allclose(found.elbo, -np.asarray(latent.kl(posterior, latent.prior)), atol=0.02)
    np.testing.assert_allclose(found.importance_weighted, 0.0, atol=0.05)


def test_information_of_a_gaussian_channel():
    """z = x + s e with x ~ N(0, 1): I = log(1 + 1/s^2)/2; where that is beyond log N, the estimate says log N."""
    x = RNG.normal(size=2000)

    def estimate(s, count):
        z = x[:count] + s * RNG.normal(size=count)
        return iwae.mutual_information(scipy.stats.norm(x[None, :count], s).logpdf(z[:, None]))

    found = estimate(0.5, 2000)
    assert abs(found.value - 0.5 * np.log(5)) < 4 * found.error
    assert found.error < 0.03
    assert estimate(1e-6, 50).value == pytest.approx(np.log(50), rel=1e-6)
    assert estimate(1e6, 50).value == pytest.approx(0.0, abs=1e-4)
