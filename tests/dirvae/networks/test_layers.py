"""Pixels moved into channels and back, and strided convolutions as special cases of that form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dirvae.networks import layers

LAYOUT = ("NHWC", "HWIO", "NHWC")


def images(height=8, width=6, channels=3):
    return jax.random.normal(jax.random.key(0), (2, height, width, channels))


def strided(x, kernel, padding, stride=2):
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), [padding] * 2, dimension_numbers=LAYOUT)


def transposed(x, kernel, padding, shape, stride=2):
    """The transpose of `strided`: what its gradient does to a cotangent x; kernel [k, k, outputs, inputs]."""
    _, pull = jax.vjp(lambda y: strided(y, kernel, padding, stride), jnp.zeros(shape))
    return pull(x)[0]


def gathered(kernel, f=2):
    """A kernel [s f, s f, C, D] of stride f as one of [s, s, f f C, D] on what space_to_depth gives."""
    side, channels, features = kernel.shape[0] // f, *kernel.shape[2:]
    cells = kernel.reshape(side, f, side, f, channels, features)
    return cells.transpose(0, 2, 1, 3, 4, 5).reshape(side, side, f * f * channels, features)


def scattered(kernel, f=2):
    """A kernel [s f, s f, D, C] of a transpose of stride f as one of [s, s, C, f f D] before depth_to_space."""
    side, features, channels = kernel.shape[0] // f, *kernel.shape[2:]
    cells = kernel.reshape(side, f, side, f, features, channels)[::-1, :, ::-1]
    return cells.transpose(0, 2, 5, 1, 3, 4).reshape(side, side, channels, f * f * features)


@pytest.mark.parametrize("factor", [2, 3])
def test_space_and_depth_are_inverse(factor):
    x = images(6 * factor, 2 * factor)
    cells = layers.space_to_depth(x, factor)
    assert cells.shape == (2, 6, 2, 3 * factor**2)
    np.testing.assert_array_equal(cells[1, 2, 1, :3], x[1, 2 * factor, factor])
    np.testing.assert_array_equal(layers.depth_to_space(cells, factor), x)


@pytest.mark.parametrize("side", [2, 3])
def test_a_product_of_patches_is_a_convolution(side):
    x, kernel = images(), jax.random.normal(jax.random.key(1), (side, side, 3, 5))
    expected = layers.native_convolution(x, kernel)
    np.testing.assert_allclose(jax.jit(layers.product_convolution)(x, kernel), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [4, 5, 6])
def test_a_strided_convolution_is_a_case_of_space_to_depth(side):
    """5 x 5 with padding 2, as published, is 3 x 3 on cells: its kernel fills up to 6 x 6 with zeros."""
    x, kernel = images(), jax.random.normal(jax.random.key(1), (side, side, 3, 5))
    before = (side - 1) // 2
    filled = jnp.pad(kernel, ((0, side % 2), (0, side % 2), (0, 0), (0, 0)))
    padded = jnp.pad(x, ((0, 0), (before, before), (before, before), (0, 0)))
    found = layers.native_convolution(layers.space_to_depth(padded), gathered(filled))
    np.testing.assert_allclose(found, strided(x, kernel, (before, before)), rtol=1e-4, atol=1e-5)


def test_a_transposed_five_by_five_is_a_case_of_depth_to_space():
    x = jax.random.normal(jax.random.key(0), (2, 4, 3, 5))
    kernel = jax.random.normal(jax.random.key(1), (5, 5, 3, 5))
    expected = transposed(x, kernel, (2, 1), (2, 8, 6, 3))
    filled = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    cells = layers.native_convolution(layers.pad(x), scattered(filled))
    np.testing.assert_allclose(layers.depth_to_space(cells), expected, rtol=1e-4, atol=1e-5)


def group_norm(x, channels):
    params = {"scale": jnp.ones(channels), "bias": jnp.zeros(channels)}
    return nn.GroupNorm(8, epsilon=1e-5).apply({"params": params}, x)


@pytest.mark.parametrize(("factor", "kind"), [(2, "native"), (2, "product"), (4, "native")])
def test_shrinking_is_a_strided_convolution(factor, kind):
    x, kernel = images(4 * factor, 2 * factor), jax.random.normal(jax.random.key(1), (2 * factor, 2 * factor, 3, 8))
    layer = layers.Shrinking(8, factor, kind=kind)
    params = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    params["Convolution_0"]["kernel"] = gathered(kernel, factor)
    expected = nn.silu(group_norm(strided(x, kernel, (factor // 2,) * 2, factor), 8))
    np.testing.assert_allclose(jax.jit(layer.apply)({"params": params}, x), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("factor", "kind"), [(2, "native"), (2, "product"), (4, "native")])
def test_growing_is_a_transposed_convolution(factor, kind):
    x = jax.random.normal(jax.random.key(0), (2, 4, 3, 5))
    kernel = jax.random.normal(jax.random.key(1), (2 * factor, 2 * factor, 6, 5))
    layer = layers.Growing(6, factor, bare=True, kind=kind)
    params = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    params["Convolution_0"]["kernel"] = scattered(kernel, factor)
    expected = transposed(x, kernel, (factor // 2,) * 2, (2, 4 * factor, 3 * factor, 6), factor)
    np.testing.assert_allclose(jax.jit(layer.apply)({"params": params}, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 6, 16])
def test_group_normalisation_against_flax(channels):
    x = 3.0 + 2.0 * jax.random.normal(jax.random.key(0), (2, 5, 4, channels))
    groups = next(g for g in layers.GROUPS if channels % g == 0)
    rng = np.random.default_rng(0)
    params = {name: jnp.asarray(rng.normal(size=channels), jnp.float32) for name in ("scale", "bias")}
    expected = nn.GroupNorm(groups, epsilon=1e-5).apply({"params": params}, x)
    found = jax.jit(layers.GroupNorm().apply)({"params": params}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("layer", [layers.Block, layers.Shrinking, layers.Growing])
def test_layers_keep_their_dtype_and_treat_examples_apart(layer):
    x = images().astype(jnp.bfloat16)
    net = layer(4, kind="native", dtype=jnp.bfloat16)
    params = jax.jit(net.init)(jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    apply = jax.jit(net.apply)
    assert apply(params, x).dtype == jnp.bfloat16
    np.testing.assert_array_equal(apply(params, x)[::-1], apply(params, x[::-1]))
