"""Attributions against their definitions, on small random models."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import sobel
from support import unit_gain
from support.settings import plain_model

from dirvae import model
from dirvae.explain import attributions, methods

SIZE, LABELS = 16, 3
IMAGES = jax.random.uniform(jax.random.key(1), (2, SIZE, SIZE, 1))
LABEL = jnp.array([2, 0])
KINDS = {
    "gaussian": {"prior": "gaussian", "latents": 5, "head": "linear"},
    "product": {"structure": "product", "groups": 4, "latents": 2, "head": "assigned", "linear_path": True},
    "field": {"structure": "spatial", "grid": 4, "latents": 3, "head": "pooled"},
}


@cache
def small(kind):
    net = model.build(plain_model({"widths": "4,8", "hidden": 8} | KINDS[kind]), LABELS, SIZE)
    return net, unit_gain.parameters(net)


@cache
def logits(kind):
    net, params = small(kind)
    return jax.jit(lambda images: attributions.own_logit(net, params, images, LABEL))


def build(name, net, **options):
    function = getattr(attributions, name)
    return jax.jit(lambda params, images, label: function(net, params, images, label, **options))


@cache
def method(kind, name, **options):
    net, params = small(kind)
    explain = build(name, net, **options)
    return lambda images=IMAGES, label=LABEL: explain(params, images, label)


@pytest.mark.parametrize("kind", KINDS)
def test_the_logit_is_the_one_that_is_evaluated(kind):
    net, params = small(kind)
    expected = np.asarray(net.expected(params, IMAGES).logits)[np.arange(2), LABEL]
    np.testing.assert_allclose(logits(kind)(IMAGES), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_input_gradient_against_differences(kind):
    towards = jax.random.normal(jax.random.key(2), IMAGES.shape)
    slope = (logits(kind)(IMAGES + 1e-2 * towards) - logits(kind)(IMAGES - 1e-2 * towards)) / 2e-2
    found = (method(kind, "input_gradient")() * towards[..., 0]).sum(axis=(1, 2))
    np.testing.assert_allclose(found, slope, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_are_complete(kind):
    """Their sum is logit(x) - logit(x')."""
    net, params = small(kind)
    start = jax.random.uniform(jax.random.key(3), IMAGES.shape[1:])
    found = build("integrated_gradients", net, baseline=start)(params, IMAGES, LABEL)
    expected = logits(kind)(IMAGES) - logits(kind)(jnp.stack([start, start]))
    np.testing.assert_allclose(found.sum(axis=(1, 2)), expected, rtol=0.01, atol=0.01)


def test_integrated_gradients_start_from_a_grey_level_too():
    found = method("gaussian", "integrated_gradients", baseline=0.2)()
    expected = logits("gaussian")(IMAGES) - logits("gaussian")(jnp.full_like(IMAGES, 0.2))
    np.testing.assert_allclose(found.sum(axis=(1, 2)), expected, rtol=0.01, atol=0.01)


def test_smoothgrad_is_the_mean_over_noisy_copies():
    still = method("gaussian", "smoothgrad", samples=2, noise=0.0)()
    np.testing.assert_allclose(still, method("gaussian", "input_gradient")(), rtol=1e-4, atol=1e-6)
    own = attributions.image_keys(jax.random.key(5), IMAGES)
    keys = jax.vmap(lambda key: jax.random.split(key, 2), out_axes=1)(own)
    net, params = small("gaussian")
    found = build("smoothgrad", net, samples=2, noise=0.2, key=jax.random.key(5))(params, IMAGES, LABEL)
    draw = jax.vmap(lambda key: jax.random.normal(key, IMAGES.shape[1:]))
    noisy = [method("gaussian", "input_gradient")(IMAGES + 0.2 * draw(k)) for k in keys]
    np.testing.assert_allclose(found, (noisy[0] + noisy[1]) / 2, rtol=1e-4, atol=1e-6)


def test_occlusion_square_by_square():
    found = method("gaussian", "occlusion", side=6, stride=4)()
    total, count = np.zeros((2, SIZE, SIZE)), np.zeros((SIZE, SIZE))
    for row in (0, 4, 8, 10):
        for column in (0, 4, 8, 10):
            square = (slice(None), slice(row, row + 6), slice(column, column + 6))
            hidden = IMAGES.at[square].set(IMAGES.mean(axis=(1, 2), keepdims=True))
            fall = logits("gaussian")(IMAGES) - logits("gaussian")(hidden)
            total[square] += np.asarray(fall)[:, None, None]
            count[square[1:]] += 1
    np.testing.assert_allclose(found, total / count, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_grad_cam_by_its_definition(kind):
    net, params = small(kind)
    grid = net.grid(params, IMAGES)
    through = lambda grid: attributions.own_logit(net, params, IMAGES, LABEL, grid)  # noqa: E731
    np.testing.assert_allclose(through(grid), logits(kind)(IMAGES), rtol=1e-5)
    jacobian = np.asarray(jax.jacrev(through)(grid))
    weights = np.stack([jacobian[i, i].mean(axis=(0, 1)) for i in range(2)])
    small_map = np.maximum(np.einsum("bhwg,bg->bhw", grid, weights), 0.0)
    assert small_map.max() > 0
    found = method(kind, "grad_cam")()
    np.testing.assert_allclose(
        found, jax.image.resize(jnp.asarray(small_map, jnp.float32), found.shape, "bilinear"), rtol=1e-3, atol=1e-5
    )


def test_latent_shift_with_a_linear_head_goes_exactly_as_far_as_asked():
    """z - lambda w with lambda |w|^2 = drop."""
    net, params = small("gaussian")
    kernel = next(leaf for leaf in jax.tree.leaves(params["classifier"]) if leaf.ndim == 2)[:, LABEL].T
    z = net.encode(params, IMAGES).mean
    gone = z - 4.0 * kernel / (kernel**2).sum(axis=1, keepdims=True)
    expected = (net.decode(params, z).location - net.decode(params, gone).location)[..., 0]
    np.testing.assert_allclose(method("gaussian", "latent_shift", drop=4.0)(), expected, atol=1e-4)


def test_edges_against_scipy():
    x = np.float64(IMAGES[..., 0])
    expected = [np.hypot(sobel(i, 0, mode="nearest"), sobel(i, 1, mode="nearest")) / 8 for i in x]
    np.testing.assert_allclose(method("gaussian", "edges")(), expected, atol=1e-6)


def test_maps_without_a_model():
    found = method("gaussian", "random")()
    assert abs(float(found.mean()) - 0.5) < 4 / np.sqrt(12 * found.size)
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("name", [name for name in methods.METHODS if name != "random" and hasattr(attributions, name)])
def test_a_map_reads_its_own_image_and_label_only(name):
    together = method("product", name)()
    assert together.shape == IMAGES.shape[:3]
    assert float(jnp.abs(together[0]).max()) > 0
    beside_another = method("product", name)(IMAGES.at[1].set(0.5), jnp.array([2, 1]))
    np.testing.assert_allclose(beside_another[0], together[0], rtol=1e-4, atol=1e-6)


def test_keys_are_those_of_the_image_and_of_no_place():
    keys = jax.random.key_data(attributions.image_keys(jax.random.key(0), IMAGES))
    swapped = jax.random.key_data(attributions.image_keys(jax.random.key(0), IMAGES[::-1]))
    np.testing.assert_array_equal(keys, swapped[::-1])
    pixels = np.random.default_rng(0).integers(0, 256, (50, SIZE, SIZE, 1), dtype=np.uint8)
    pixels[1] = pixels[0].T.reshape(SIZE, SIZE, 1)  # the same levels elsewhere
    divided = [pixels / np.float32(255), jnp.asarray(pixels, jnp.float32) / 255.0, pixels * np.float32(1 / 255)]
    many = [
        np.asarray(jax.random.key_data(attributions.image_keys(jax.random.key(0), jnp.asarray(x)))) for x in divided
    ]
    np.testing.assert_array_equal(many[0], many[1])
    np.testing.assert_array_equal(many[0], many[2])
    assert len(np.unique(many[0], axis=0)) == 50


def test_bad_options_are_one_clear_sentence():
    net, params = small("gaussian")
    with pytest.raises(ValueError, match="stride <= side"):
        attributions.occlusion(net, params, IMAGES, LABEL, side=4, stride=5)
    with pytest.raises(ValueError, match="a baseline is a grey level"):
        attributions.integrated_gradients(net, params, IMAGES, LABEL, baseline=jnp.zeros((3, 3, 1)))
