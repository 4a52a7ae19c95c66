"""Interpolations: straight in the latent's own geometry."""

import jax.numpy as jnp
import numpy as np
import pytest
from support.linear_heads import DIRICHLET, IMAGES, ROWS, WEIGHTS, K, build

from dirvae.explain import traversals


def test_along_a_direction_distances_are_kept_and_signed():
    net, params = build(DIRICHLET, WEIGHTS)
    direction = jnp.asarray(np.random.default_rng(0).normal(size=(ROWS, K)), jnp.float32)
    made = traversals.along(net, params, IMAGES, direction, jnp.array([-2.0, 0.0, 0.5]))
    clr = np.float64(net.latent.to_head(made.coordinates))
    unit = np.float64(direction) - np.float64(direction).mean(axis=-1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    np.testing.assert_allclose(clr[:, 0] - clr[:, 1], -2.0 * unit, atol=1e-4)
    np.testing.assert_allclose(clr[:, 2] - clr[:, 1], 0.5 * unit, atol=1e-4)
    np.testing.assert_allclose(made.distance, np.tile([2.0, 0.0, 0.5], (ROWS, 1)), rtol=1e-5)


def test_class_differences_are_those_of_the_known_labels():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(30, 2, 3)).astype(np.float32)
    target, weight = (rng.integers(0, 2, (30, 2)).astype(np.float32) for _ in range(2))
    found = traversals.class_differences(codes, target, weight)
    for label in range(2):
        known = weight[:, label] > 0
        positive = target[:, label] > 0
        expected = codes[known & positive].mean(axis=0) - codes[known & ~positive].mean(axis=0)
        np.testing.assert_allclose(found[label], expected, atol=1e-6)


def test_a_label_without_positives_is_named():
    target = np.stack([np.arange(6) % 2, np.zeros(6)], axis=1).astype(np.float32)
    with pytest.raises(ValueError, match="label 1 has no positives among 6 images"):
        traversals.class_differences(np.zeros((6, 4), np.float32), target, np.ones((6, 2), np.float32))
