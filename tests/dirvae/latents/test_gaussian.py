"""The Gaussian family against SciPy and TensorFlow Probability."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
import tensorflow_probability.substrates.jax.distributions as tfd

from dirvae.latents import gaussian
from dirvae.latents.gaussian import Gaussian


def random(seed, rows=20, components=6):
    rng = np.random.default_rng(seed)
    return Gaussian(*jnp.asarray(rng.normal(size=(2, rows, components)), jnp.float32))


def test_divergence_against_tfp():
    q, p = random(0), random(1, rows=1)
    prior = Gaussian(p.mean[0], p.log_scale[0])
    peer = [tfd.Normal(g.mean, jnp.exp(g.log_scale)) for g in (q, gaussian.like(prior, q.mean))]
    np.testing.assert_allclose(gaussian.kl(q, prior), tfd.kl_divergence(*peer).sum(-1), rtol=1e-5)


def test_divergence_from_the_standard_normal_in_closed_form():
    q = random(0)
    m, s = np.float64(q.mean), np.exp(np.float64(q.log_scale))
    expected = np.sum((s**2 + m**2 - 1) / 2 - np.log(s), axis=-1)
    np.testing.assert_allclose(gaussian.kl(q, gaussian.prior(6, 0.5)), expected, rtol=1e-5)


def test_density_against_scipy():
    q, z = random(0), random(2).mean
    expected = scipy.stats.norm(q.mean, np.exp(q.log_scale)).logpdf(z).sum(-1)
    np.testing.assert_allclose(gaussian.log_prob(q, z), expected, rtol=1e-4)


def test_draws_follow_the_posterior():
    q = Gaussian(jnp.full(4000, 1.5), jnp.full(4000, np.log(0.3)))
    z = gaussian.sample(jax.random.key(0), q).coordinates
    assert scipy.stats.kstest(np.asarray(z, np.float64), scipy.stats.norm(1.5, 0.3).cdf).pvalue > 1e-3


def test_scales_are_bounded():
    features = jnp.concatenate([jnp.zeros((2, 3)), jnp.array([[1e4] * 3, [-1e4] * 3])], axis=1)
    q = gaussian.posterior(features, gaussian.prior(3, 0.5), "exp", 0.01)
    np.testing.assert_array_equal(q.log_scale[:, 0], gaussian.LOG_SCALES[::-1])
