"""Gamma variates in log space and their implicit derivative, against SciPy, forty digits and an independent series."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy import special

from dirvae.latents.log_gamma import implicit_derivative, log_gamma_variate

EXTREMES = np.geomspace(1e-3, 1e3, 13).astype(np.float32)


def log_gammas(concentration, count=4000):
    wide = jnp.broadcast_to(jnp.asarray(concentration, jnp.float32), (count, len(concentration)))
    return np.asarray(jax.jit(log_gamma_variate)(jax.random.key(0), wide), np.float64)


def test_gamma_variates_are_uniform_under_their_distribution_function():
    """For every concentration, in log space where g itself underflows (there F = g^a/Gamma(a + 1))."""
    log_g = log_gammas(EXTREMES)
    for a, column in zip(EXTREMES.astype(np.float64), log_g.T, strict=True):
        tail = np.exp(np.minimum(a * column - special.gammaln(a + 1), 0.0))
        uniform = np.where(column < -30, tail, special.gammainc(a, np.exp(np.maximum(column, -30))))
        assert scipy.stats.kstest(uniform, "uniform").pvalue > 1e-3, a


def log_derivative(a, log_g):
    """d log g/d a at a fixed quantile in float64, by the series F = g^a e^-g/Gamma(a + 1) sum_n t_n.

    t_n = g^n/((a + 1) ... (a + n)) and d log t_n/d a = -h_n with h_n = sum_j 1/(a + j); all terms are positive.
    """
    n = np.arange(1, 4000)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / (a + n))])
    terms = np.exp(np.concatenate([[0.0], np.cumsum(log_g - np.log(a + n))]))
    by_concentration = log_g - special.digamma(a + 1) - np.sum(terms * harmonic) / np.sum(terms)
    by_log_g = a / np.sum(terms)
    return -by_concentration / by_log_g


# (a, log g, d log g/d a), the first two as float32; differentiated with 40 digits by mpmath.
PUBLISHED = (
    (0.01, -300.0, 29943.9121235),
    (0.01, -21.0, 2043.91150147),
    (0.01, -5.0, 447.546705499),
    (0.01, 0.5, 42.531421439),
    (0.1, -90.0, 895.762437269),
    (0.1, -19.5, 190.762448392),
    (0.1, -2.0, 19.0668081596),
    (0.1, 1.0, 3.39129807778),
    (1.0, -22.0, 22.4227843383),
    (1.0, -7.0, 7.42639780164),
    (1.0, -0.4, 1.41809200985),
    (1.0, 2.0, 0.365114263392),
    (10.0, 1.0, 0.181711480988),
    (10.0, 2.3, 0.101813814432),
    (10.0, 3.0, 0.0702984228062),
    (50.0, 3.5, 0.0244833788495),
    (50.0, 3.9, 0.0201876697043),
    (50.0, 4.2, 0.0173157572371),
)


@pytest.mark.parametrize(("a", "log_g", "expected"), PUBLISHED)
def test_pathwise_derivative_against_forty_digits(a, log_g, expected):
    a, log_g = np.float32(a), np.float32(log_g)
    np.testing.assert_allclose(implicit_derivative(jnp.asarray(a), jnp.asarray(log_g)), expected, rtol=5e-6)
    np.testing.assert_allclose(log_derivative(np.float64(a), np.float64(log_g)), expected, rtol=1e-9)


def test_pathwise_derivative_at_fixed_quantiles():
    quantiles = np.array([1e-6, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
    for a in np.float32([1e-3, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 11.99, 12.01, 50.0, 1e3]).astype(np.float64):
        tail = (np.log(quantiles) + special.gammaln(a + 1)) / a
        g = special.gammaincinv(a, quantiles)
        log_g = np.where(tail < -30, tail, np.log(np.maximum(g, 1e-300))).astype(np.float32)
        found = implicit_derivative(jnp.full(len(log_g), a, jnp.float32), jnp.asarray(log_g))
        expected = [log_derivative(a, x) for x in log_g.astype(np.float64)]
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=str(a))


def test_the_sampler_carries_that_derivative():
    a = jnp.asarray(np.tile(EXTREMES, (20, 1)))
    log_g, slope = jax.jit(lambda a: jax.jvp(lambda b: log_gamma_variate(jax.random.key(2), b), (a,), (a,)))(a)
    np.testing.assert_allclose(slope, a * implicit_derivative(a, log_g), rtol=1e-5)
    assert (log_g < -104.0).sum() > 20  # the underflow is among what was tested
    assert np.isfinite(slope).all()


def test_the_derivative_is_finite_and_smooth_where_its_expansions_meet():
    a = np.float32([0.01, 1.0, 5.0, 11.9])
    for shift in (-1e-3, 1e-3):
        meeting = np.log(a + 1.5 + shift).astype(np.float32)
        expected = [log_derivative(x, y) for x, y in zip(a.astype(np.float64), meeting.astype(np.float64), strict=True)]
        np.testing.assert_allclose(implicit_derivative(jnp.asarray(a), jnp.asarray(meeting)), expected, rtol=1e-5)
    far = jnp.asarray(np.float32([-1e6, -200.0, 4.0, 5.0]))
    assert np.isfinite(implicit_derivative(jnp.full(4, 0.01), far)).all()


def test_the_derivative_can_be_differentiated_again():
    slope = jax.grad(lambda a: implicit_derivative(a, jnp.float32(-0.5)))
    step = 1e-4
    between = [log_derivative(2.0 + sign * step, -0.5) for sign in (-1, 1)]
    np.testing.assert_allclose(slope(jnp.float32(2.0)), (between[1] - between[0]) / (2 * step), rtol=1e-4)
