"""Traversals with heads whose gradients are known, decoded by a decoder that shows the coordinates themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import rankdata
from support import unit_gain
from support.linear_heads import DIRICHLET, GAUSSIAN, IMAGES, ROWS, WEIGHTS, K, build
from support.settings import plain_model

from dirvae import model
from dirvae.explain import traversals
from dirvae.explain.traversals import Options
from dirvae.latents import dirichlet
from dirvae.latents.dirichlet import Dirichlet


def coordinates(path):
    """[B, T, K], from what the decoder above shows."""
    shown = np.float64(path.images[:, :, 0, 0])
    return np.log(shown) - np.log1p(-shown)


def follow(net, params, sign=1.0, **changed):
    label, signs = jnp.full(ROWS, 1), jnp.full(ROWS, sign)
    return traversals.on_manifold(net, params, IMAGES, label, signs, OPTIONS._replace(**changed))


OPTIONS = Options(steps=20, step_size=0.05, target_probability=0.999, stop="code")


@pytest.mark.parametrize(("sign", "metric"), [(1.0, "identity"), (-1.0, "identity"), (1.0, "fisher")])
def test_the_probability_moves_one_way_on_the_simplex(sign, metric):
    path = follow(*build(DIRICHLET, WEIGHTS), sign, metric=metric)
    assert path.images.shape == (ROWS, 21, 1, 1, K)
    assert np.all(np.diff(sign * path.probability[:, :, 1], axis=1) > 0)
    np.testing.assert_allclose(path.probability[:, :, 0], 0.5)
    np.testing.assert_allclose(np.exp(coordinates(path)).sum(axis=-1), 1.0, rtol=1e-4)


def test_a_linear_head_is_followed_along_its_centred_weights():
    """In Aitchison's geometry the path is straight: clr moves by step_size along the unit vector of w - mean w."""
    path = follow(*build(DIRICHLET, WEIGHTS))
    z = coordinates(path)
    moved = z - z.mean(axis=-1, keepdims=True)
    unit = (WEIGHTS - WEIGHTS.mean()) / np.linalg.norm(WEIGHTS - WEIGHTS.mean())
    expected = np.arange(21)[None, :, None] * 0.05 * unit
    np.testing.assert_allclose(moved - moved[:, :1], np.broadcast_to(expected, moved.shape), atol=1e-3)
    np.testing.assert_allclose(path.distance, np.broadcast_to(0.05 * np.arange(21), (ROWS, 21)), rtol=1e-5)


def test_frame_nought_is_the_encoded_point():
    net, params = build(DIRICHLET, WEIGHTS)
    np.testing.assert_allclose(
        coordinates(follow(net, params))[:, 0], net.latent.point(DIRICHLET), rtol=1e-3, atol=1e-3
    )


def test_the_retraction_is_inside_the_derivative():
    """w = (1.1, 1, ..., 1): along w itself, renormalised, the logit hardly moves; along its gradient it must rise.

    At the uniform start w . clr is 0; a step of length t along the gradient raises it by t |w - mean w|.
    """
    weights = np.ones(K)
    weights[0] = 1.1
    path = follow(*build(Dirichlet(jnp.ones((ROWS, K))), weights))
    logits = np.log(path.probability[:, :, 1]) - np.log1p(-path.probability[:, :, 1])
    rise = 0.05 * np.linalg.norm(weights - weights.mean())
    np.testing.assert_allclose(np.diff(logits, axis=1), rise, rtol=0.04)  # differences of float32 logits
    assert np.all(np.diff(coordinates(path)[:, :, 0], axis=1) > 0)


def test_a_path_stops_at_its_target():
    path = follow(*build(GAUSSIAN, WEIGHTS, "gaussian"), steps=60, step_size=0.2, target_probability=0.8)
    for probability, distance, frames in zip(path.probability[..., 1], path.distance, coordinates(path), strict=True):
        first = int(np.argmax(probability >= 0.8))
        assert probability[first] >= 0.8
        assert np.all(probability[:first] < 0.8)
        np.testing.assert_array_equal(probability[first:], probability[first])
        np.testing.assert_array_equal(frames[first:], np.broadcast_to(frames[first], frames[first:].shape))
        np.testing.assert_allclose(distance, 0.2 * np.minimum(np.arange(61), first), rtol=1e-5)


def test_lowering_stops_at_the_complement():
    path = follow(*build(GAUSSIAN, WEIGHTS, "gaussian"), sign=-1.0, steps=60, step_size=0.2, target_probability=0.8)
    last = np.asarray(path.probability[:, -1, 1])
    assert np.all(last <= 0.2 + 1e-6)
    assert np.all(last > 0.1)


def test_a_flat_head_goes_nowhere():
    path = follow(*build(DIRICHLET, np.ones(K)))
    np.testing.assert_allclose(coordinates(path), coordinates(path)[:, :1].repeat(21, axis=1), atol=1e-4)
    zero = follow(*build(GAUSSIAN, np.zeros(K), "gaussian"))
    np.testing.assert_array_equal(zero.distance, np.zeros((ROWS, 21)))


def test_paths_do_not_depend_on_the_batch():
    net, params = build(DIRICHLET, WEIGHTS)
    together = follow(net, params)
    alone, params = build(Dirichlet(DIRICHLET.concentration[1:2]), WEIGHTS)
    one = traversals.on_manifold(alone, params, IMAGES[:1], jnp.array([1]), jnp.array([1.0]), OPTIONS)
    np.testing.assert_allclose(coordinates(one)[0], coordinates(together)[1], rtol=1e-4, atol=1e-4)


def released(net, params, family, sign=1.0):
    return traversals.harkness2023.traverse(net, params, IMAGES, jnp.full(ROWS, 1), jnp.full(ROWS, sign), family)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_published_path_on_the_simplex(sign):
    """d p/d z_k = p (1 - p) (w_k - mean w)/z_k once; +.002/(2.5 x 3) a step in its three largest; no renormalisation."""
    net, params = build(DIRICHLET, WEIGHTS)
    path = released(net, params, "dirichlet", sign)
    z = np.exp(coordinates(path))
    assert z.shape == (ROWS, 51, K)
    start = np.exp(np.float64(net.latent.point(DIRICHLET)))
    gradient = sign * (WEIGHTS - WEIGHTS.mean()) / start
    for row in range(ROWS):
        chosen = np.argsort(gradient[row])[-3:]
        expected = np.tile(start[row], (51, 1))
        expected[:, chosen] += np.arange(51)[:, None] * 0.002 / 7.5
        np.testing.assert_allclose(z[row], expected, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(z[:, -1].sum(axis=-1), 1.04, rtol=1e-3)


def test_the_published_path_for_a_gaussian():
    path = released(*build(GAUSSIAN, WEIGHTS, "gaussian"), "gaussian")
    moved = coordinates(path) - coordinates(path)[:, :1]
    chosen = np.argsort(WEIGHTS)[-3:]
    expected = np.zeros((51, K))
    expected[:, chosen] = np.arange(51)[:, None] * 0.5 / 7.5
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=5e-3)
    assert path.distance[0, -1] == pytest.approx(50 * 0.5 / 7.5 * np.sqrt(3), rel=1e-5)


def test_the_published_path_survives_components_that_underflow():
    """At the floor of the concentrations exp(E log z) is e^-100, which float32 does not hold."""
    concentration = jnp.full((ROWS, K), 0.01).at[:, 0].set(50.0)
    net, params = build(Dirichlet(concentration), WEIGHTS)
    assert np.exp(np.float32(net.latent.point(Dirichlet(concentration))))[0, 1] < 1e-38
    path = released(net, params, "dirichlet")
    assert np.isfinite(path.probability).all()


@pytest.mark.parametrize(
    "structure",
    [
        pytest.param({"structure": "spatial", "grid": 2, "head": "pooled"}, marks=pytest.mark.slow),
        {"structure": "product", "groups": 2},
        pytest.param({"structure": "hierarchical", "grid": 2, "groups": 2}, marks=pytest.mark.slow),
    ],
)
def test_structured_latents(structure):
    net = model.build(plain_model({"latents": 5, "widths": "4", "hidden": 4} | structure), 2, 8)
    params = unit_gain.parameters(net)
    images = jax.random.uniform(jax.random.key(1), (2, 8, 8, 1))
    label, sign = jnp.array([0, 1]), jnp.array([1.0, -1.0])
    options = Options(5, 0.02, 0.999)
    run = jax.jit(lambda: traversals.on_manifold(net, params, images, label, sign, options))
    path = run()
    assert path.images.shape == (2, 6, 8, 8, 1)
    own = np.asarray(path.probability)[np.arange(2), :, label]
    assert np.all(np.diff(np.asarray(sign)[:, None] * own, axis=1) > 0)
    assert traversals.harkness2023.traverse(net, params, images, label, sign, "dirichlet", 3).images.shape == (
        2,
        4,
        8,
        8,
        1,
    )


@pytest.mark.slow
def test_on_two_levels_a_covariance_moves_both():
    """Although the head reads but the global part; the identity moves that alone."""
    fields = {"structure": "hierarchical", "grid": 2, "latents": 5, "widths": "4", "hidden": 4}
    net = model.build(plain_model(fields), 2, 8)
    params, size = unit_gain.parameters(net), net.latent.spec.channels
    root = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    images, first = jax.random.uniform(jax.random.key(1), (1, 8, 8, 1)), np.prod(net.latent.spec.parts[0].event)
    for metric, both in (("identity", False), (jnp.asarray(root @ root.T), True)):
        options = Options(3, 0.1, 0.999, metric=metric)
        path = traversals.on_manifold(net, params, images, jnp.array([0]), jnp.array([1.0]), options)
        moved = np.abs(path.coordinates[0, -1] - path.coordinates[0, 0])
        assert moved[:first].max() > 1e-3
        assert (moved[first:].max() > 1e-3) == both
        for part, event in zip(np.split(np.float64(path.coordinates[0, -1]), [first]), (5, 4), strict=True):
            np.testing.assert_allclose(np.exp(part).reshape(-1, event).sum(axis=-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_released_procedure_moves_small_components(sign):
    """d p/d z_k is proportional to (w_k - mean w)/z_k on the simplex, and to w_k for a Gaussian."""
    label, signs = jnp.full(ROWS, 1), jnp.full(ROWS, sign)
    z = np.exp(np.float64(dirichlet.point(DIRICHLET)))
    steepest = np.argsort(-sign * (WEIGHTS - WEIGHTS.mean()) / z, axis=1)[:, :3]
    found = traversals.harkness2023.ranks(*build(DIRICHLET, WEIGHTS), IMAGES, label, signs, "dirichlet")
    np.testing.assert_array_equal(found, np.take_along_axis(rankdata(z, axis=1), steepest, axis=1))
    assert np.median(found) < K / 5
    found = traversals.harkness2023.ranks(*build(GAUSSIAN, WEIGHTS, "gaussian"), IMAGES, label, signs, "gaussian")
    ranks = rankdata(np.abs(np.float64(GAUSSIAN.mean)), axis=1)
    np.testing.assert_array_equal(found, ranks[:, np.argsort(-sign * WEIGHTS)[:3]])


GOLDEN = {
    ("dirichlet", "identity"): [[0.594008, 0.476116], [0.588312, 0.482568]],
    ("dirichlet", "fisher"): [[0.585496, 0.498782], [0.577405, 0.514302]],
    ("dirichlet", "covariance"): [[0.585477, 0.497189], [0.583285, 0.501421]],
    ("gaussian", "identity"): [[0.637430, 0.408513], [0.633161, 0.392517]],
    ("gaussian", "covariance"): [[0.616435, 0.475821], [0.616264, 0.465050]],
}


@pytest.mark.parametrize(("prior", "metric"), GOLDEN)
def test_the_end_of_a_path_is_what_it_was(prior, metric):
    settings = {
        "prior": prior,
        "structure": "product",
        "groups": 2,
        "latents": 5,
        "head": "mlp",
        "widths": "4",
        "hidden": 4,
    }
    net = model.build(plain_model(settings), 2, 8)
    params, images = unit_gain.parameters(net), np.random.default_rng(3).random((2, 8, 8, 1)).astype(np.float32)
    factor = np.random.default_rng(4).normal(size=(10, 10))
    named = jnp.asarray(factor @ factor.T / 10, jnp.float32) if metric == "covariance" else metric
    label, sign = jnp.array([0, 1]), jnp.array([1.0, -1.0])
    path = traversals.on_manifold(net, params, jnp.asarray(images), label, sign, Options(6, 0.3, 0.97, metric=named))
    np.testing.assert_allclose(path.probability[:, -1], GOLDEN[prior, metric], atol=1e-5)
