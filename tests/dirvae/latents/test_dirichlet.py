"""The Dirichlet's sampler, its gradients and its divergence against closed forms, SciPy and TensorFlow Probability."""

import doctest

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import tensorflow_probability.substrates.jax as tfp
from scipy import special
from tensorflow_probability.substrates.jax.distributions import gamma as tfp_gamma

from dirvae.latents import dirichlet
from dirvae.latents.dirichlet import Dirichlet

FLOOR = 0.01  # the config's
EXTREMES = np.geomspace(1e-3, 1e3, 13).astype(np.float32)


def test_the_example_in_the_module_runs():
    found = doctest.testmod(dirichlet)
    assert found.attempted > 5
    assert found.failed == 0


# Sampler.


def test_marginals_are_beta():
    a = np.array([0.1, 0.5, 2.0, 30.0], np.float32)
    wide = jnp.broadcast_to(jnp.asarray(a), (4000, 4))
    z = np.exp(np.asarray(dirichlet.sample(jax.random.key(1), Dirichlet(wide)).coordinates, np.float64))
    for k in range(4):
        assert scipy.stats.kstest(z[:, k], scipy.stats.beta(a[k], a.sum() - a[k]).cdf).pvalue > 1e-3


@pytest.fixture(scope="module")
def jacobian():
    """(log z [N, K], d log z/d a_j [N, K] for each j) of N draws, for the concentrations of a row."""

    @jax.jit
    def draw(rows):
        sample = lambda a: dirichlet.sample(jax.random.key(3), Dirichlet(a)).coordinates  # noqa: E731
        unit = jnp.eye(rows.shape[1])
        along = jax.vmap(lambda e: jax.jvp(sample, (rows,), (jnp.broadcast_to(e, rows.shape),))[1])
        return sample(rows), along(unit)

    return draw


def assert_expected(values, expected):
    """Within three standard errors or a thousandth."""
    values = np.asarray(values, np.float64)
    error = np.maximum(3 * values.std(axis=0) / np.sqrt(len(values)), 1e-3 * np.abs(expected))
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - expected), error)


@pytest.mark.parametrize("a", [(0.03, 0.1, 0.5, 2.0), (1.0, 10.0, 100.0, 1000.0)])
def test_expected_gradients_of_the_mean(jacobian, a):
    """d E z_k/d a_j = (delta_jk a_0 - a_k)/a_0^2."""
    a = np.float32(a)
    log_z, slopes = jacobian(jnp.broadcast_to(jnp.asarray(a), (20_000, 4)))
    exact = (np.eye(4) * a.sum() - a[None]) / a.sum() ** 2
    for j in range(4):
        assert_expected(np.exp(log_z) * slopes[j], exact[j])


@pytest.mark.parametrize("a", [(1e-3, 3e-3, 0.01, 0.5), (0.01, 0.01, 0.02, 20.0)])
def test_expected_gradients_of_the_log_at_small_concentrations(jacobian, a):
    """d E log z_k/d a_j = delta_jk psi'(a_k) - psi'(a_0)."""
    a = np.float32(a).astype(np.float64)
    _, slopes = jacobian(jnp.broadcast_to(jnp.asarray(a, jnp.float32), (20_000, 4)))
    exact = np.diag(special.polygamma(1, a)) - special.polygamma(1, a.sum())
    for j in range(4):
        assert_expected(slopes[j], exact[j])


def test_no_nan_in_values_or_gradients_over_all_concentrations(jacobian):
    """Every pair of concentrations from 1e-3 to 1e3, 200 draws each."""
    first, second = np.meshgrid(EXTREMES, EXTREMES)
    pairs = np.tile(np.stack([first.ravel(), second.ravel(), first.ravel(), np.ones(169)], axis=1), (118, 1))
    log_z, slopes = jacobian(jnp.asarray(pairs[:20_000], jnp.float32))
    assert np.isfinite(log_z).all()
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(jax.nn.logsumexp(log_z, axis=-1), 0.0, atol=2e-6)


def test_gradients_agree_with_tfp_where_those_are_finite():
    a = jnp.asarray(np.random.default_rng(0).uniform(1.0, 20.0, (50, 4)), jnp.float32)
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(50, 4)), jnp.float32)
    key = jax.random.key(4)
    ours = lambda a: jnp.sum(weights * jnp.exp(dirichlet.sample(key, Dirichlet(a)).coordinates))  # noqa: E731

    def theirs(a):
        log_g = tfp_gamma.random_gamma((), a, seed=jax.random.key_data(key), log_space=True)
        return jnp.sum(weights * jax.nn.softmax(log_g))

    np.testing.assert_allclose(jax.jit(jax.grad(ours))(a), jax.jit(jax.grad(theirs))(a), rtol=1e-4, atol=1e-7)


# Posterior.


@pytest.mark.parametrize("parametrisation", ["exp", "softplus", "mean_total"])
@pytest.mark.parametrize("concentration", [0.01, 0.5, 200.0])
def test_posteriors_of_extreme_features_are_finite_and_bounded(parametrisation, concentration):
    count = dirichlet.feature_count(5, parametrisation)
    prior = dirichlet.prior(5, concentration)
    features = jnp.asarray(
        np.vstack([np.full((2, count), [[1e4], [-1e4]]), 300 * np.eye(count), np.zeros(count)]), jnp.float32
    )
    make = lambda f: dirichlet.posterior(f, prior, parametrisation, FLOOR).concentration  # noqa: E731
    a, gradient = make(features), jax.grad(lambda f: jnp.sum(jnp.log(make(f))))(features)
    assert (a >= np.float32(FLOOR)).all()
    assert (a <= dirichlet.MAX_CONCENTRATION).all()
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(a[-1], concentration + FLOOR, rtol=1e-5)
    assert np.isfinite(dirichlet.kl(Dirichlet(a), prior)).all()


def test_an_unknown_parametrisation_is_refused():
    with pytest.raises(ValueError, match="'square' is not one of exp, softplus, mean_total"):
        dirichlet.posterior(jnp.zeros((1, 3)), dirichlet.prior(3, 1.0), "square", FLOOR)


def test_the_mean_and_the_total_are_apart():
    prior = dirichlet.prior(3, 2.0)
    make = lambda *f: dirichlet.posterior(jnp.array([f]), prior, "mean_total", 0.0)  # noqa: E731
    np.testing.assert_allclose(
        dirichlet.mean(make(1.0, 2.0, 3.0, 0.0)), dirichlet.mean(make(1.0, 2.0, 3.0, 1.5)), rtol=1e-6
    )
    np.testing.assert_allclose(make(1.0, 2.0, 3.0, 1.5).concentration.sum(), 6.0 * np.exp(1.5), rtol=1e-6)


# Divergence and density.


def divergence(a, b):
    """The textbook form in float64."""
    a, b = np.asarray(a, np.float64), np.broadcast_to(np.asarray(b, np.float64), np.shape(a))
    a0, b0 = a.sum(-1), b.sum(-1)
    total = special.gammaln(a0) - special.gammaln(a).sum(-1) - special.gammaln(b0) + special.gammaln(b).sum(-1)
    return total + ((a - b) * (special.digamma(a) - special.digamma(a0)[..., None])).sum(-1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1, 2, 3), (1, 1, 1), 0.5511974),
        ((1, 1, 1), (1, 2, 3), 1.0988026),
        ((0.3, 5, 0.1, 0.6), (0.5, 0.5, 0.5, 0.5), 4.821157),
        ((0.5, 0.5, 0.5, 0.5), (0.3, 5, 0.1, 0.6), 9.393024),
    ],
)
def test_divergence_vectors(a, b, expected):
    found = dirichlet.kl(Dirichlet(jnp.float32(a)), Dirichlet(jnp.float32(b)))
    np.testing.assert_allclose(found, expected, rtol=5e-6)


@pytest.fixture(scope="module")
def concentrations():
    """1e-3 to 1e3, and half of them near the switch to Stirling's series and exactly at it."""
    rng = np.random.default_rng(0)
    wild, near = np.exp(rng.uniform(*np.log([1e-3, 1e3]), (200, 16))), rng.uniform(7.5, 8.5, (200, 16))
    near[0] = 8.0
    return np.concatenate([wild, near]).astype(np.float32)


def test_divergence_against_float64_and_tfp(concentrations):
    prior = dirichlet.prior(16, 0.5)
    found = dirichlet.kl(Dirichlet(jnp.asarray(concentrations)), prior)
    np.testing.assert_allclose(found, divergence(concentrations, 0.5), rtol=1e-6, atol=1e-4)
    with jax.numpy_rank_promotion("allow"):
        peer = tfp.distributions.kl_divergence(
            tfp.distributions.Dirichlet(jnp.asarray(concentrations)), tfp.distributions.Dirichlet(prior.concentration)
        )
    np.testing.assert_allclose(found, peer, rtol=1e-3, atol=2e-2)  # the peer's own cancellation


def test_gradient_of_the_divergence(concentrations):
    """(a_k - b) psi'(a_k) - sum (a - b) psi'(a_0), the branch point included."""
    prior = dirichlet.prior(16, 0.5)
    gradient = jax.jit(jax.grad(lambda a: jnp.sum(dirichlet.kl(Dirichlet(a), prior))))(jnp.asarray(concentrations))
    a = concentrations.astype(np.float64)
    shared = ((a - 0.5).sum(-1) * special.polygamma(1, a.sum(-1)))[:, None]
    own = (a - 0.5) * special.polygamma(1, a)
    np.testing.assert_array_less(np.abs(gradient - (own - shared)), 1e-5 * (np.abs(own) + shared))


@pytest.mark.parametrize(("a", "components"), [(200.0, 1024), (1e3, 50), (0.01, 1024)])
def test_divergence_of_wide_latents_in_float32(a, components):
    wide = np.full(components, a, np.float32)
    found, expected = (
        dirichlet.kl(Dirichlet(jnp.asarray(wide)), dirichlet.prior(components, 0.5)),
        divergence(wide, 0.5),
    )
    assert abs(float(found) - expected) < max(1e-2, 1e-6 * expected)


def test_density_against_scipy():
    rng = np.random.default_rng(0)
    a, z = rng.uniform(0.3, 8.0, 5), rng.dirichlet(np.ones(5), 20)
    found = dirichlet.log_prob(Dirichlet(jnp.broadcast_to(jnp.float32(a), (20, 5))), jnp.log(jnp.float32(z)))
    expected = [scipy.stats.dirichlet.logpdf(row / row.sum(), a) for row in z]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_moments():
    a = np.float32([0.05, 0.4, 3.0, 40.0])
    q = Dirichlet(jnp.asarray(a))
    np.testing.assert_allclose(dirichlet.mean(q), scipy.stats.dirichlet.mean(a.astype(np.float64)), rtol=1e-6)
    centred = special.digamma(a) - special.digamma(a).mean()
    np.testing.assert_allclose(dirichlet.head_mean(q), centred, rtol=1e-5)
    np.testing.assert_allclose(np.exp(dirichlet.point(q)), special.softmax(special.digamma(a)), rtol=1e-5)


LARGE = {
    "a = b (1 + 1e-3)": (np.full(1024, 50.05), 50.0),
    "a = b + 1": (np.full(1024, 1001.0), 1000.0),
    "a = b": (np.full(1024, 1e4), 1e4),
    "a near b": (1e4 * np.exp(1e-3 * np.random.default_rng(0).normal(size=8)), 1e4),
    "a far above b": (np.full(1024, 1e4), 1e3),
    "some below 8": (np.exp(np.random.default_rng(0).normal(2, 1, 64)), 9.0),
    "b = 2": (np.exp(np.random.default_rng(0).normal(0, 2, 64)), 2.0),
    "b = 1": (np.full(1024, 1.001), 1.0),
    "b = 7.9": (np.full(1024, 7.95), 7.9),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_divergence_of_large_concentrations_does_not_cancel(name):
    """Value and gradient (a_k - b) psi'(a_k) - (a_0 - b_0) psi'(a_0) in float64, to 1e-3 nats or 1e-6 of the value."""
    a, b = np.float32(LARGE[name][0]), np.float32(LARGE[name][1])
    found, slope = jax.jit(jax.value_and_grad(lambda a: dirichlet.kl(Dirichlet(a), dirichlet.prior(len(a), float(b)))))(
        jnp.asarray(a)
    )
    expected = divergence(a, b)
    small = 1e-6 if b >= 8 and (a >= 8).all() else 1e-3
    assert abs(float(found) - expected) < max(small, 1e-6 * expected)
    assert found >= -1e-6
    wide, whole, total = a.astype(np.float64), a.sum(dtype=np.float64), len(a) * np.float64(b)
    own, shared = (wide - b) * special.polygamma(1, wide), (whole - total) * special.polygamma(1, whole)
    np.testing.assert_array_less(np.abs(slope - (own - shared)), 1e-5 * (np.abs(own) + np.abs(shared)) + 1e-12)


def test_the_divergence_of_large_concentrations_is_never_negative():
    rng = np.random.default_rng(1)
    b = np.exp(rng.uniform(np.log(8.0), np.log(1e4), (500, 1)))
    a = np.minimum(
        b * np.exp(rng.normal(0, 1, (500, 1)) * 10 ** rng.uniform(-6, 0, (500, 1)) * rng.normal(size=(500, 32))), 1e4
    )
    a, b = np.float32(np.maximum(a, 8.0)), np.float32(np.broadcast_to(b, a.shape))
    found = np.asarray(dirichlet.kl(Dirichlet(jnp.asarray(a)), Dirichlet(jnp.asarray(b))))
    assert found.min() >= -1e-6
    np.testing.assert_allclose(found, divergence(a, b), rtol=2e-5, atol=1e-6)


def test_the_divergence_of_a_row_does_not_depend_on_the_others():
    a = jnp.asarray(np.float32([[0.3, 5.0, 0.1], [20.0, 30.0, 9.0]]))
    priors = jnp.asarray(np.float32([[0.2, 0.2, 0.2], [10.0, 10.0, 10.0]]))
    both = dirichlet.kl(Dirichlet(a), Dirichlet(priors))
    for row in range(2):
        np.testing.assert_array_equal(both[row], dirichlet.kl(Dirichlet(a[row : row + 1]), Dirichlet(priors[row]))[0])
