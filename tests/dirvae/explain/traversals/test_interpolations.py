"""Interpolations: straight in the latent's own geometry."""

import jax.numpy as jnp
import numpy as np
import pytest
from support.linear_heads import DIRICHLET, GAUSSIAN, IMAGES, ROWS, WEIGHTS, K, build

from dirvae.explain import traversals


def between(first, second, prior):
    """The geodesic from images of nought, encoded as `first`, to images of one, encoded as `second`."""
    net, params = build(first, WEIGHTS, prior)
    net = net._replace(encode=lambda params, images: second if float(images.max()) > 0 else first)
    return traversals.geodesic(net, params, IMAGES, IMAGES + 1.0, 5), net


def test_a_geodesic_of_the_simplex_runs_through_geometric_means():
    other = type(DIRICHLET)(DIRICHLET.concentration[::-1])
    made, net = between(DIRICHLET, other, "dirichlet")
    start, end = (np.float64(net.latent.point(q)) for q in (DIRICHLET, other))
    share = np.linspace(0, 1, 5)[None, :, None]
    mean = np.exp((1 - share) * start[:, None] + share * end[:, None])
    expected = mean / mean.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(np.exp(np.float64(made.coordinates)), expected, rtol=1e-4)
    apart = end - start - (end - start).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        made.distance, np.linalg.norm(apart, axis=-1)[:, None] * share[..., 0], rtol=1e-4, atol=1e-5
    )


def test_a_gaussian_geodesic_is_a_straight_line():
    made, _ = between(GAUSSIAN, GAUSSIAN._replace(mean=GAUSSIAN.mean + 1.0), "gaussian")
    moved = np.asarray(made.coordinates - made.coordinates[:, :1])
    np.testing.assert_allclose(moved, np.broadcast_to(np.linspace(0, 1, 5)[:, None], moved.shape), atol=1e-5)


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
