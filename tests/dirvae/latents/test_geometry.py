"""Steps and directions on the simplex, in Aitchison's and in Fisher's geometry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirvae.latents import geometry


def points(seed=0, rows=4, components=5):
    return jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (rows, components)))


def test_centred_log_ratios_are_those_of_the_geometric_mean():
    log_z = points()
    z = np.exp(np.float64(log_z))
    expected = np.log(z / np.prod(z, axis=-1, keepdims=True) ** (1 / 5))
    np.testing.assert_allclose(geometry.centre(log_z), expected, atol=1e-6)


def test_the_scaled_composition_has_mean_one():
    np.testing.assert_allclose(geometry.scaled_composition(points()).mean(axis=-1), 1.0, rtol=1e-6)


def test_a_step_multiplies_the_components_and_closes():
    log_z, v = points(), jax.random.normal(jax.random.key(1), (4, 5))
    product = np.exp(log_z) * np.exp(v)
    expected = product / product.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(np.exp(geometry.aitchison_step(log_z, v)), expected, rtol=1e-5)


def test_a_common_shift_is_no_step():
    log_z = points()
    np.testing.assert_allclose(geometry.aitchison_step(log_z, jnp.full_like(log_z, 7.0)), log_z, atol=2e-6)


def test_fisher_directions_solve_the_metric():
    """(diag(z) - z z^T) v = c for a cotangent c that sums to 0, and v is centred."""
    log_z, cotangent = points(), geometry.centre(jax.random.normal(jax.random.key(1), (4, 5)))
    direction = np.float64(geometry.raise_on_simplex(log_z, cotangent, "fisher"))
    for z, c, v in zip(np.exp(np.float64(log_z)), np.float64(cotangent), direction, strict=True):
        information = np.diag(z) - np.outer(z, z)
        np.testing.assert_allclose(information @ v, c, atol=1e-5)
        np.testing.assert_allclose(v, np.linalg.pinv(information, rcond=1e-5) @ c, rtol=1e-4, atol=1e-4)


def test_fisher_directions_stay_finite_where_a_component_has_vanished():
    log_z = jnp.array([-0.0, -300.0, -1e4])
    direction = geometry.raise_on_simplex(log_z, jnp.array([1.0, -0.5, -0.5]), "fisher")
    assert np.isfinite(direction).all()


def test_a_covariance_multiplies_each_examples_flattened_cotangent():
    rng = np.random.default_rng(0)
    metric, cotangent = rng.normal(size=(6, 6)).astype(np.float32), rng.normal(size=(3, 2, 3)).astype(np.float32)
    found = geometry.raise_euclidean(jnp.asarray(cotangent), jnp.asarray(cotangent), jnp.asarray(metric))
    expected = np.stack([(metric @ row.reshape(-1)).reshape(2, 3) for row in cotangent])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_standard_normals_fisher_metric_is_the_identity():
    c = points()
    np.testing.assert_array_equal(geometry.raise_euclidean(c, c, "fisher"), c)


@pytest.mark.parametrize("chosen", [[1], [0, 2, 3], [0, 1, 2, 3, 4], []])
def test_a_restriction_projects_onto_the_directions_of_the_mask(chosen):
    """Onto the span of the centred unit vectors of the masked components."""
    v, mask = jax.random.normal(jax.random.key(2), (4, 5)), np.zeros(5, np.float32)
    mask[chosen] = 1.0
    span = (np.eye(5) - 1 / 5)[:, chosen]
    expected = np.float64(v) @ (span @ np.linalg.pinv(span, rcond=1e-10)).T
    wide = jnp.broadcast_to(jnp.asarray(mask), (4, 5))
    np.testing.assert_allclose(geometry.restrict(v, wide, simplex=True), expected, atol=1e-6)
    np.testing.assert_array_equal(geometry.restrict(v, wide, simplex=False), v * wide)


def test_without_shrinkage_the_covariance_is_the_samples():
    codes = np.random.default_rng(0).normal(size=(20, 4))
    np.testing.assert_allclose(geometry.covariance(codes, 0.0), np.cov(codes.T), rtol=1e-12)
    assert geometry.covariance(codes[:, :1], 0.0).shape == (1, 1)


def test_the_intensity_is_that_of_ledoit_and_wolf():
    codes = np.random.default_rng(0).normal(size=(15, 4)) * [1.0, 2.0, 3.0, 4.0]
    x = codes - codes.mean(axis=0)
    sample = sum(np.outer(row, row) for row in x) / 15
    scatter = sum(np.sum((np.outer(row, row) - sample) ** 2) for row in x) / 15**2
    share = scatter / np.sum((sample - np.trace(sample) / 4 * np.eye(4)) ** 2)
    assert 0 < share < 1
    np.testing.assert_allclose(geometry.covariance(codes), geometry.covariance(codes, share), rtol=1e-9)


def test_shrinkage_helps_where_images_are_few_and_vanishes_where_they_are_many():
    rng, scales = np.random.default_rng(0), np.linspace(0.5, 1.5, 40)
    truth = np.diag(scales**2)
    few, many = (rng.normal(size=(rows, 40)) * scales for rows in (30, 40000))
    error = lambda found: np.linalg.norm(found - truth)  # noqa: E731
    assert error(geometry.covariance(few)) < 0.6 * error(geometry.covariance(few, 0.0))
    np.testing.assert_allclose(geometry.covariance(many), np.cov(many.T), atol=0.01)


@pytest.mark.parametrize(
    ("rows", "share", "message"), [(1, None, "at least two images, not 1"), (5, 1.5, "shrinkage=1.5 must lie between")]
)
def test_impossible_covariances_are_refused(rows, share, message):
    with pytest.raises(ValueError, match=message):
        geometry.covariance(np.zeros((rows, 3)), share)
