"""Augmentation: nothing at zero ranges, within bounds, by each image's own key, and left stays left."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirvae.config import LossConfig
from dirvae.training.augment import augment

STILL = LossConfig(rotate_degrees=0.0, translate=0.0, zoom=0.0, brightness=0.0, contrast=0.0)
SIDE, ROWS = 32, 64


def keys(seed=0):
    return jax.random.split(jax.random.key(seed), ROWS)


def run(images, seed=0, **ranges):
    return np.asarray(jax.jit(lambda k, x: augment(k, x, dataclasses.replace(STILL, **ranges)))(keys(seed), images))


def blob(row, column, width=2.5):
    """A bright spot on black, repeated as a batch."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return jnp.asarray(np.tile(spot[None, ..., None], (ROWS, 1, 1, 1)), jnp.float32)


def centroid(images):
    """[B, 2]: mean row and column of the light."""
    light = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    grid = np.mgrid[:SIDE, :SIDE]
    return np.stack([(light * axis).sum(axis=(1, 2)) for axis in grid], axis=1)


def spread(images):
    """[B]: root mean square distance of the light from its centroid, per axis."""
    light, centre = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True), centroid(images)
    grid = np.mgrid[:SIDE, :SIDE]
    squares = sum((axis[None] - centre[:, i, None, None]) ** 2 for i, axis in enumerate(grid))
    return np.sqrt((light * squares).sum(axis=(1, 2)) / 2)


@pytest.fixture(scope="module")
def noise():
    return jax.random.uniform(jax.random.key(9), (ROWS, SIDE, SIDE, 1))


def test_zero_ranges_change_nothing(noise):
    np.testing.assert_allclose(run(noise), noise, atol=2e-6)


def test_intensities_stay_within_bounds(noise):
    found = run(noise, rotate_degrees=20.0, translate=0.2, zoom=0.3, brightness=0.5, contrast=0.9)
    assert found.shape == noise.shape
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    assert np.isfinite(found).all()


def test_keys_belong_to_images(noise):
    whole = dataclasses.replace(LossConfig(), flip=True)
    order = np.random.default_rng(0).permutation(ROWS)
    straight = augment(keys(), noise, whole)
    np.testing.assert_allclose(augment(keys()[order], noise[order], whole), straight[order], atol=1e-6)
    assert np.abs(np.asarray(augment(keys(1), noise, whole)) - straight).max() > 0.05


def test_shifts_are_uniform_up_to_the_range_on_both_axes():
    moved = centroid(run(blob(15.5, 15.5), translate=0.1)) - 15.5
    assert np.abs(moved).max() <= 0.1 * SIDE + 0.05
    for axis in range(2):
        assert moved[:, axis].min() < -0.05 * SIDE
        assert moved[:, axis].max() > 0.05 * SIDE
        assert abs(moved[:, axis].mean()) < 4 * 0.1 * SIDE / np.sqrt(3 * ROWS)


def test_rotation_turns_about_the_centre():
    found = centroid(run(blob(15.5, 25.5), rotate_degrees=20.0)) - 15.5
    np.testing.assert_allclose(np.hypot(*found.T), 10.0, atol=0.15)
    angle = np.degrees(np.arctan2(found[:, 0], found[:, 1]))
    assert np.abs(angle).max() <= 20.5
    assert angle.min() < -10
    assert angle.max() > 10
    np.testing.assert_allclose(centroid(run(blob(15.5, 15.5), rotate_degrees=20.0)), 15.5, atol=0.05)


def test_zoom_scales_about_the_centre():
    found = run(blob(15.5, 15.5, 4.0), zoom=0.2)
    np.testing.assert_allclose(centroid(found), 15.5, atol=0.05)
    scale = spread(found) / spread(np.asarray(blob(15.5, 15.5, 4.0)))
    assert 0.78 < scale.min() < 0.92
    assert 1.08 < scale.max() < 1.22


def test_borders_repeat_the_nearest_pixel():
    white = jnp.ones((ROWS, SIDE, SIDE, 1))
    np.testing.assert_allclose(run(white, translate=0.2, rotate_degrees=10.0, zoom=0.1), 1.0, atol=1e-6)


def test_brightness_and_contrast_are_affine_in_the_grey_level(noise):
    middle = 0.4 + 0.2 * noise
    found = run(middle, brightness=0.1, contrast=0.3)
    for before, after in zip(np.asarray(middle), found, strict=True):
        gain, offset = np.polyfit(before.ravel(), after.ravel(), 1)
        np.testing.assert_allclose(after, gain * before + offset, atol=1e-5)
        assert 0.7 - 1e-3 <= gain <= 1.3 + 1e-3
        assert abs(after.mean() - before.mean()) <= 0.1 + 1e-4


def test_left_stays_left_unless_flips_are_wanted():
    left = blob(15.5, 6.0)
    assert np.all(centroid(run(left, rotate_degrees=3.0, translate=0.02, zoom=0.03))[:, 1] < 10)
    flipped = centroid(run(left, flip=True))[:, 1] > 15.5
    assert 0.25 < flipped.mean() < 0.75
