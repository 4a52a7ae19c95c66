"""The schedule's landmarks, what is decayed and clipped, and the average of the parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dirvae.config import OptimizerConfig
from dirvae.training import optimizer

PARAMS = {"kernel": jnp.full((2, 3), 2.0), "bias": jnp.full(3, 2.0), "scale": jnp.float32(2.0)}


def gradients(factor=1.0):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda p: factor * jnp.asarray(rng.normal(size=p.shape), jnp.float32), PARAMS)


def run(config, sequence, steps=100):
    transform = optimizer.build(config, steps)
    params, state = PARAMS, transform.init(PARAMS)
    for gradient in sequence:
        updates, state = transform.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def test_cosine_schedule():
    rate = optimizer.schedule(OptimizerConfig(learning_rate=0.1, warmup=0.1), 1000)
    found = [float(rate(step)) for step in (0, 50, 100, 550, 1000)]
    np.testing.assert_allclose(found, [0.0, 0.05, 0.1, 0.05, 0.0], atol=1e-6)


def test_constant_schedule():
    rate = optimizer.schedule(OptimizerConfig(learning_rate=0.1, warmup=0.1, schedule="constant"), 1000)
    np.testing.assert_allclose([float(rate(step)) for step in (0, 50, 100, 999)], [0.0, 0.05, 0.1, 0.1], atol=1e-6)


@pytest.mark.parametrize("steps", [2, 5])
def test_schedules_of_very_short_runs_are_finite(steps):
    for kind in ("cosine", "constant"):
        rate = optimizer.schedule(OptimizerConfig(schedule=kind), steps)
        assert np.isfinite([float(rate(step)) for step in range(steps + 1)]).all()


def test_a_learned_prior_does_not_decay():
    params = {"prior": {"vectors_0": jnp.full((2, 3), 2.0)}, "encoder": PARAMS}
    still = jax.tree.map(jnp.zeros_like, params) | {"encoder": gradients() | {"kernel": jnp.zeros((2, 3))}}
    transform = optimizer.build(OptimizerConfig(warmup=0.0, schedule="constant", weight_decay=0.5), 100)
    _, state = transform.update(still, transform.init(params), params)  # the first step's rate is 0
    updates, _ = transform.update(still, state, params)
    np.testing.assert_array_equal(updates["prior"]["vectors_0"], np.zeros((2, 3)))
    assert np.all(updates["encoder"]["kernel"] < 0)


def test_only_kernels_decay():
    settings = {"learning_rate": 0.1, "warmup": 0.0, "schedule": "constant"}
    sequence = [gradients() | {"kernel": jnp.zeros((2, 3))}] * 3
    decayed, plain = (run(OptimizerConfig(**settings, weight_decay=decay), sequence) for decay in (0.5, 0.0))
    np.testing.assert_array_equal(plain["kernel"], PARAMS["kernel"])
    np.testing.assert_allclose(decayed["kernel"], 2.0 * (1 - 0.1 * 0.5) ** 2, rtol=1e-5)  # the first step's rate is 0
    np.testing.assert_array_equal(decayed["bias"], plain["bias"])
    np.testing.assert_array_equal(decayed["scale"], plain["scale"])
    assert np.all(plain["bias"] != PARAMS["bias"])


def test_adam_by_hand():
    """m <- .9 m + .1 g, v <- .999 v + .001 g^2, p <- p - rate m^/(sqrt v^ + eps), without decay."""
    config = OptimizerConfig(learning_rate=0.01, warmup=0.02, schedule="constant", weight_decay=0.0, clip_norm=1e9)
    sequence = [gradients(), gradients(-0.3), gradients(2.0)]
    found = run(config, sequence)["bias"]
    p, m, v = np.full(3, 2.0), 0.0, 0.0
    for t, gradient in enumerate(sequence, start=1):
        g = np.float64(gradient["bias"])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.01 * min(1.0, (t - 1) / 2)
        p = p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(found, p, rtol=1e-5)


def test_gradients_are_clipped_by_their_global_norm():
    config = OptimizerConfig(learning_rate=0.1, schedule="constant", clip_norm=1.0)
    size = float(optax.tree.norm(gradients()))
    unit = gradients(1.0 / size)
    for found, expected in zip(
        jax.tree.leaves(run(config, [unit, gradients(1e4), gradients(0.01)])),
        jax.tree.leaves(run(config, [unit, unit, gradients(0.01)])),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_average_by_hand():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3)).astype(np.float32)
    average, expected = {"w": jnp.zeros(3)}, np.zeros(3)
    for step, value in enumerate(values):
        average = optimizer.update_average(average, {"w": jnp.asarray(value)}, 0.7, jnp.int32(step))
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    np.testing.assert_allclose(average["w"], expected, rtol=1e-4)


def test_without_decay_the_average_is_the_parameters():
    found = optimizer.update_average(PARAMS, gradients(), 0.0, jnp.int32(100))
    jax.tree.map(np.testing.assert_array_equal, found, gradients())
