"""Each term of the objective against SciPy, and the ELBO where log p(x) is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy import special

from dirvae import losses
from dirvae.config import LossConfig
from dirvae.latents import dirichlet, gaussian, vector
from dirvae.types import Batch, LatentSample, ModelOutputs, Pixels

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 4, 5, 2)).astype(np.float32)
LOGITS = RNG.normal(size=IMAGES.shape).astype(np.float32)
SCALE = 0.07


@pytest.mark.parametrize(
    ("likelihood", "density"),
    [("laplace", scipy.stats.laplace), ("gaussian", scipy.stats.norm)],
)
def test_densities_of_grey_levels(likelihood, density):
    pixels = Pixels(jnp.asarray(LOGITS), jnp.float32(np.log(SCALE)))
    found = losses.negative_log_likelihood(jnp.asarray(IMAGES), pixels, likelihood)
    expected = -density(special.expit(LOGITS.astype(np.float64)), SCALE).logpdf(IMAGES).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_bernoulli_pixels():
    binary = (IMAGES > 0.5).astype(np.float32)
    pixels = Pixels(jnp.asarray(LOGITS), jnp.float32(0.0))
    found = losses.negative_log_likelihood(jnp.asarray(binary), pixels, "bernoulli")
    expected = -scipy.stats.bernoulli(special.expit(LOGITS)).logpmf(binary).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def cross_entropy(target, weight, **options):
    logits = np.float32([[2.0, -1.0, 0.3], [-40.0, 40.0, 0.0]])
    found = losses.cross_entropy(jnp.asarray(logits), jnp.asarray(target), jnp.asarray(weight), **options)
    return np.asarray(found), logits.astype(np.float64)


TARGET = np.float32([[1, 0, 1], [0, 1, 0]])
ONES = np.ones_like(TARGET)


def test_cross_entropy_is_minus_the_log_probability():
    found, logits = cross_entropy(TARGET, ONES)
    expected = -scipy.stats.bernoulli(special.expit(logits)).logpmf(TARGET).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_confident_mistakes_cost_their_logit():
    found, _ = cross_entropy(1 - TARGET, ONES)
    np.testing.assert_allclose(found[1], 80.0 + np.log(2.0), rtol=1e-6)


def test_masked_labels_cost_nothing_and_have_no_gradient():
    weight = np.float32([[1, 0, 0], [0, 0, 0]])
    found, logits = cross_entropy(TARGET, weight)
    np.testing.assert_allclose(found, [-special.log_expit(logits[0, 0]), 0.0], rtol=1e-6)
    slope = jax.grad(lambda x: jnp.sum(losses.cross_entropy(x, jnp.asarray(TARGET), jnp.asarray(weight))))(
        jnp.zeros((2, 3))
    )
    np.testing.assert_array_equal(slope != 0, weight > 0)


def test_class_weights_multiply_the_positives():
    balance = np.float32([2.0, 3.0, 5.0])
    found, logits = cross_entropy(TARGET, ONES, positive_weight=jnp.asarray(balance))
    expected = -np.sum(np.where(TARGET > 0, balance * special.log_expit(logits), special.log_expit(-logits)), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_class_weights_are_undone_in_probabilities():
    """With weight w on the positives, the best constant logit of labels with prevalence p is log(w p/(1 - p))."""
    target = jnp.asarray(np.float32([1] * 3 + [0] * 9)[:, None])
    balance = losses.positive_weights(np.asarray(target), np.ones((12, 1)))
    np.testing.assert_allclose(balance, [3.0])
    logits = jnp.linspace(-4, 4, 3201)
    ones = jnp.ones((12, 1))
    costs = jax.vmap(lambda x: jnp.sum(losses.cross_entropy(x * ones, target, ones, jnp.asarray(balance))))(logits)
    best = logits[jnp.argmin(costs)]
    odds = np.exp(np.asarray(best, np.float64)) / balance
    np.testing.assert_allclose(odds / (1.0 + odds), 0.25, atol=2e-3)


def test_class_weights_count_only_what_the_masks_keep():
    target, weight = np.float32([[1, 0], [0, 0], [0, 0], [0, 1]]), np.float32([[1, 1], [1, 1], [0, 1], [1, 0]])
    np.testing.assert_allclose(losses.positive_weights(target, weight), [2.0, 3.0])
    np.testing.assert_allclose(losses.positive_weights(target, weight, limit=1.5), [1.5, 1.5])


def outputs(posterior, coordinates, pixels):
    return ModelOutputs(posterior, LatentSample(coordinates), pixels, jnp.zeros((len(coordinates), 1)))


def batch(images):
    rows = len(images)
    zeros = jnp.zeros((rows, 1))
    return Batch(images, zeros, zeros, jnp.ones(rows), jnp.arange(rows))


def logit(location):
    return jnp.log(location) - jnp.log1p(-location)


def test_the_elbo_of_a_linear_gaussian_model_at_its_posterior_is_the_evidence():
    """x = c + w z + s e: E_q[-log p(x|z)] + KL(q || p) = -log N(x; c, w^2 + s^2), the expectation by Gauss-Hermite."""
    c, w, s, x = 0.5, 0.06, 0.04, 0.58
    precision = 1 + (w / s) ** 2
    mean, variance = (w * (x - c) / s**2) / precision, 1 / precision
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    z = jnp.float32(mean + np.sqrt(variance) * nodes)[:, None]
    latent = vector(gaussian, 1, 0.5, "exp", 0.01)
    q = gaussian.Gaussian(jnp.full((8, 1), mean), jnp.full((8, 1), 0.5 * np.log(variance)))
    pixels = Pixels(logit(c + w * z)[:, None, None, :], jnp.float32(np.log(s)))
    images = jnp.full((8, 1, 1, 1), x)
    found = losses.terms(outputs(q, z, pixels), images, batch(images), latent, "gaussian")
    bound = np.sum(weights / weights.sum() * np.float64(losses.weighted(found, jnp.float32(1.0), 0.0)))
    np.testing.assert_allclose(bound, -scipy.stats.norm(c, np.hypot(w, s)).logpdf(x), rtol=1e-4)


def test_the_elbo_of_a_beta_bernoulli_model_at_its_posterior_is_the_evidence():
    """x ~ Bernoulli(z_1), z ~ Dir(b): the posterior of x = 1 is Dir(b + (1, 0)), and p(x = 1) = b_1/b_0."""
    b = jnp.array([0.4, 1.1])
    latent = vector(dirichlet, 2, 0.5, "exp", 0.01)._replace(prior=dirichlet.Dirichlet(b))
    q = dirichlet.Dirichlet(jnp.broadcast_to(b + jnp.array([1.0, 0.0]), (6, 2)))
    log_z = dirichlet.sample(jax.random.key(0), q).coordinates
    pixels = Pixels((log_z[:, :1] - log_z[:, 1:])[:, None, None, :], jnp.float32(0.0))
    images = jnp.ones((6, 1, 1, 1))
    found = losses.terms(outputs(q, log_z, pixels), images, batch(images), latent, "bernoulli")
    ratio = dirichlet.log_prob(q, log_z) - dirichlet.log_prob(dirichlet.Dirichlet(jnp.broadcast_to(b, (6, 2))), log_z)
    np.testing.assert_allclose(found.reconstruction + ratio, -np.log(0.4 / 1.5), rtol=1e-4)
    expected_log = special.digamma(1.4) - special.digamma(2.5)
    np.testing.assert_allclose(found.kl - expected_log, -np.log(0.4 / 1.5), rtol=1e-4)


def test_the_objective_weighs_the_terms():
    values = losses.LossTerms(*jnp.asarray(RNG.random((3, 4)), jnp.float32))
    found = losses.weighted(values, jnp.float32(0.5), 100.0)
    np.testing.assert_allclose(found, values[0] + 0.5 * values[1] + 100 * values[2], rtol=1e-6)


def test_the_divergence_warms_up():
    config = LossConfig(beta=4.0, kl_warmup=0.2, target_kl=0.0)
    found = [
        float(losses.kl_weight(jnp.int32(step), losses.unsteered(config), 1000, config))
        for step in (0, 50, 100, 200, 999)
    ]
    np.testing.assert_allclose(found, [0.0, 1.0, 2.0, 4.0, 4.0], rtol=1e-6)
    unramped = LossConfig(beta=4.0, kl_warmup=0.0, target_kl=0.0)
    assert losses.kl_weight(jnp.int32(0), losses.unsteered(unramped), 1000, unramped) == 4.0


def test_a_target_replaces_beta_by_its_multiplier():
    config = LossConfig(beta=3.0, target_kl=20.0)
    start = losses.unsteered(config)
    weight = lambda steering: float(losses.kl_weight(jnp.int32(0), steering, 1000, config))  # noqa: E731
    assert weight(start) == pytest.approx(3.0)
    on_target = losses.steered(start, jnp.float32(20.0), config)
    assert weight(on_target) == pytest.approx(3.0, rel=1e-5)
    assert (
        weight(losses.steered(start, jnp.float32(19.0), config))
        < 3.0
        < weight(losses.steered(start, jnp.float32(21.0), config))
    )
    no_target = LossConfig(beta=3.0, target_kl=0.0)
    assert losses.steered(start, jnp.float32(1e9), no_target) is start
    assert losses.unsteered(LossConfig(beta=0.0, target_kl=1.0)).level == pytest.approx(np.log(losses.MIN_BETA))


def test_the_push_is_bounded_and_the_level_waits_below():
    """Proportional and integral by hand, where the push is free; at its lower limit the level keeps still."""
    config = LossConfig(beta=1.0, target_kl=20.0, kl_gain=0.02)
    steering = losses.unsteered(config)
    level, excess = 0.0, 0.0
    for _ in range(50):
        steering = losses.steered(steering, jnp.float32(22.0), config)
        excess += (1.0 - losses.EXCESS_AVERAGE) * (np.log(1.1) - excess)
        level += 0.02 * excess
    np.testing.assert_allclose([steering.excess, steering.level], [excess, level], rtol=1e-4)
    weight = losses.kl_weight(jnp.int32(0), steering, 1000, config)
    assert weight == pytest.approx(np.exp(level + losses.SHARPNESS * excess), rel=1e-4)
    below, above = losses.unsteered(config), losses.unsteered(config)
    for _ in range(50):
        below, above = losses.steered(below, jnp.float32(0.0), config), losses.steered(above, jnp.float32(1e9), config)
    assert below.level == 0.0
    assert losses.kl_weight(jnp.int32(0), below, 1000, config) == pytest.approx(np.exp(losses.PUSH[0]), rel=1e-4)
    assert above.level > 1.0  # a push at its upper limit was not enough
    bounded = np.exp(above.level + losses.PUSH[1])
    assert losses.kl_weight(jnp.int32(0), above, 1000, config) == pytest.approx(bounded, rel=1e-4)
