"""A latent of latents is its parts: products, fields and levels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.settings import plain_model
from support.shapes import BATCH, FAMILIES, SIZE, features, make, parts_of

from dirvae import latents


@pytest.mark.parametrize("family", FAMILIES)
def test_a_product_is_the_sum_of_its_parts(family):
    whole, part = make(family, "product"), make(family, "global")
    values = features(whole)
    q = whole.posterior(values)
    z = whole.retract(whole.point(q), 0.3 * jax.random.normal(jax.random.key(1), (BATCH, *whole.spec.event)))
    pieces = [part.posterior(piece) for piece in jnp.split(values, 3, axis=-1)]
    sums = sum(part.kl(piece, part.prior) for piece in pieces)
    densities = sum(part.log_prob(piece, z[:, i]) for i, piece in enumerate(pieces))
    np.testing.assert_allclose(whole.kl(q, whole.prior), sums, rtol=1e-5)
    np.testing.assert_allclose(whole.log_prob(q, z), densities, rtol=1e-5, atol=1e-5)
    for read in ("to_decoder", "to_head"):
        joined = jnp.concatenate([getattr(part, read)(z[:, i]) for i in range(3)], axis=-1)
        np.testing.assert_array_equal(getattr(whole, read)(z), joined)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_field_is_one_copy_a_cell(family):
    whole, cell = make(family, "field"), make(family, "global")
    values = features(whole)
    q = whole.posterior(values)
    cells = cell.posterior(values.reshape(BATCH * 4, -1))
    for found, expected in zip(q, cells, strict=True):
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)
    sums = cell.kl(cells, cell.prior).reshape(BATCH, 4).sum(axis=1)
    np.testing.assert_allclose(whole.kl(q, whole.prior), sums, rtol=1e-5)
    np.testing.assert_array_equal(whole.head_mean(q).reshape(BATCH * 4, -1), cell.head_mean(cells))


@pytest.mark.parametrize("family", FAMILIES)
def test_levels_are_the_sum_of_both_parts(family):
    both = make(family, "levels")
    values = features(both)
    whole = make(family, "product")
    cells = latents.build(plain_model(SIZE | {"prior": family, "structure": "spatial", "grid": 2, "latents": 5}))
    first, rest = values[:, : whole.spec.features], values[:, whole.spec.features :]
    q, parts = both.posterior(values), (whole.posterior(first), cells.posterior(rest.reshape(BATCH, 2, 2, -1)))
    for found, expected in zip(q, parts, strict=True):
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    flat = both.sample(jax.random.key(1), q).coordinates
    z = parts_of(both, flat)
    nats = sum(one.kl(part, one.prior) for one, part in zip((whole, cells), parts, strict=True))
    densities = sum(one.log_prob(part, each) for one, part, each in zip((whole, cells), parts, z, strict=True))
    np.testing.assert_allclose(both.kl(q, both.prior), nats, rtol=1e-5)
    np.testing.assert_allclose(both.log_prob(q, flat), densities, rtol=1e-5, atol=1e-5)
    for name in ("to_decoder", "to_head"):
        read = [getattr(one, name)(part).reshape(BATCH, -1) for one, part in zip((whole, cells), z, strict=True)]
        np.testing.assert_array_equal(getattr(both, name)(flat), np.concatenate(read, axis=-1))


def test_a_covariance_moves_what_varies_with_what_is_read():
    """A gradient in the global part alone; the local part follows as far as the two covary."""
    both = make("gaussian", "levels")
    point = both.point(both.posterior(features(both, 2)))
    size, first = both.spec.event[0], np.prod(both.spec.parts[0].event)
    cotangent = jnp.zeros_like(point).at[:, :first].set(1.0)
    covariance = np.eye(size, dtype=np.float32)
    covariance[first, :first] = covariance[:first, first] = 0.25
    found = both.raise_index(point, cotangent, jnp.asarray(covariance))
    expected = np.array(cotangent)
    expected[:, first] = 0.25 * first
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(both.raise_index(point, cotangent, "identity"), cotangent)
