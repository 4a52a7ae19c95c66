"""What every latent promises, for every family in every structure: the contract of dirvae.latents.family."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirvae import latents
from dirvae.config import ModelConfig, override
from dirvae.types import PyTree

FAMILIES = ("dirichlet", "gaussian", "logistic_normal", "gamma")
STRUCTURES = {
    "global": {"structure": "global"},
    "product": {"structure": "product", "groups": 3},
    "field": {"structure": "field", "grid": 2},
    "field of products": {"structure": "field", "grid": 2, "groups": 2},
    "levels": {"structure": "levels", "grid": 2, "groups": 3, "local_latents": 5},
}
CASES = [*itertools.product(FAMILIES, ("global", "product", "field", "levels")), ("dirichlet", "field of products")]
SIZE = {"latents": 4, "concentration": 0.7}
BATCH, DRAWS = 5, 4000


def make(family, structure):
    return latents.build(override(ModelConfig(), SIZE | STRUCTURES[structure] | {"prior": family}))


def features(latent, batch=BATCH, seed=0):
    shape = (batch, *(latent.spec.grid or ()), latent.spec.features)
    return jax.random.normal(jax.random.key(seed), shape)


def wide(latent, *batch):
    """The prior with batch axes and the whole event shape."""
    like = jax.eval_shape(latent.posterior, features(latent, 1))
    return jax.tree.map(lambda leaf, one: jnp.broadcast_to(leaf, (*batch, *one.shape[1:])), latent.prior, like)


def side_by_side(coordinates, lead=1):
    """Coordinates [..., D] of an event, whatever their tree; `lead` batch axes."""
    return jnp.concatenate([leaf.reshape(*leaf.shape[:lead], -1) for leaf in jax.tree.leaves(coordinates)], axis=-1)


def random_like(coordinates, key, size=1.0):
    leaves, structure = jax.tree.flatten(coordinates)
    keys = jax.random.split(key, len(leaves))
    return structure.unflatten([size * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)])


def plus(left, right):
    return jax.tree.map(jnp.add, left, right)


class Facts(NamedTuple):
    """Everything that is asserted of a latent, from one compiled function; B examples, N draws of each."""

    posterior: PyTree
    at_zero: PyTree  # the posterior of zero features
    draws: PyTree  # coordinates [N, B, *event]
    log_ratio: jax.Array  # log q - log p of the draws [N, B]
    heads: jax.Array  # to_head of the draws
    decoders: jax.Array
    kl: jax.Array
    kl_at_prior: jax.Array
    point: PyTree
    null_step: PyTree
    head_at_point: jax.Array
    decoder_at_point: jax.Array
    head_mean: jax.Array
    decoder_mean: jax.Array
    two_steps: PyTree  # from the first draws
    one_step: PyTree  # by the sum of the two
    shifted_head: jax.Array  # of the first draws, not normalised


def facts_of(latent, values, key):
    q = latent.posterior(values)
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (DRAWS, *leaf.shape)), q)
    z = latent.sample(key, many).coordinates
    start = jax.tree.map(lambda leaf: leaf[0], z)
    first, second = (random_like(start, k, 3.0) for k in jax.random.split(key))
    point = latent.point(q)
    return Facts(
        posterior=q,
        at_zero=latent.posterior(jnp.zeros_like(values)),
        draws=z,
        log_ratio=latent.log_prob(many, z) - latent.log_prob(wide(latent, DRAWS, BATCH), z),
        heads=latent.to_head(z),
        decoders=latent.to_decoder(z),
        kl=latent.kl(q, latent.prior),
        kl_at_prior=latent.kl(wide(latent, BATCH), latent.prior),
        point=point,
        null_step=latent.retract(point, jax.tree.map(jnp.zeros_like, point)),
        head_at_point=latent.to_head(point),
        decoder_at_point=latent.to_decoder(point),
        head_mean=latent.head_mean(q),
        decoder_mean=latent.decoder_mean(q),
        two_steps=latent.retract(latent.retract(start, first), second),
        one_step=latent.retract(start, plus(first, second)),
        shifted_head=latent.to_head(jax.tree.map(lambda leaf: leaf + 2.5, start)),
    )


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def latent(request):
    return make(*request.param)


@pytest.fixture(scope="module")
def facts(latent):
    return jax.jit(lambda values, key: facts_of(latent, values, key))(features(latent), jax.random.key(1))


def assert_mean(values, expected, errors=4.5):
    """The mean over the first axis is within so many standard errors of what is expected."""
    values = np.asarray(values, np.float64)
    spread = values.std(axis=0) / np.sqrt(len(values))
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - expected), errors * spread + 1e-5)


def on_simplex(latent):
    return latent.name in ("dirichlet", "logistic_normal")


def test_shapes(latent, facts):
    spec = latent.spec
    channels = (BATCH, *(spec.grid or ()), spec.channels)
    events = {(BATCH, *part.event) for part in spec.parts or (spec,)}
    assert {leaf.shape for leaf in jax.tree.leaves((facts.posterior, facts.point, facts.two_steps))} == events
    assert {leaf.shape[1:] for leaf in jax.tree.leaves(facts.draws)} == events
    assert {x.shape for x in (facts.heads[0], facts.decoders[0], facts.head_mean, facts.decoder_mean)} == {channels}
    assert {x.shape for x in (facts.log_ratio[0], facts.kl)} == {(BATCH,)}
    assert np.prod(spec.event) == spec.channels * np.prod(spec.grid or ())


def test_zero_features_give_the_prior(latent, facts):
    floor = ModelConfig().min_concentration if latent.name in ("dirichlet", "gamma") else 0.0
    for found, expected in zip(*map(jax.tree.leaves, (facts.at_zero, wide(latent, BATCH))), strict=True):
        np.testing.assert_allclose(found, expected + floor, rtol=1e-6)


def test_a_null_step_stays_where_it_is(facts):
    np.testing.assert_allclose(side_by_side(facts.null_step), side_by_side(facts.point), atol=2e-6)


def test_steps_stay_on_the_manifold_and_add_up(latent, facts):
    np.testing.assert_allclose(side_by_side(facts.two_steps), side_by_side(facts.one_step), atol=3e-5)
    if on_simplex(latent):
        for point in jax.tree.leaves((facts.draws, facts.point, facts.two_steps)):
            np.testing.assert_allclose(np.exp(np.float64(point)).sum(axis=-1), 1.0, rtol=3e-6)


def test_the_head_does_not_see_normalisation(latent, facts):
    if on_simplex(latent):
        np.testing.assert_allclose(facts.shifted_head, facts.heads[0], atol=3e-5)
    else:
        np.testing.assert_allclose(facts.shifted_head, facts.heads[0] + 2.5, rtol=1e-5)  # a Gaussian has none


def test_the_divergence_is_nought_at_the_prior_and_positive_elsewhere(facts):
    np.testing.assert_allclose(facts.kl_at_prior, 0.0, atol=1e-5)
    assert np.all(facts.kl > 1e-2)


def test_the_divergence_is_the_expected_log_ratio_under_the_posterior(facts):
    assert_mean(facts.log_ratio, facts.kl)


def test_closed_form_expectations(latent, facts):
    assert_mean(facts.heads, facts.head_mean)
    if latent.name == "logistic_normal":  # has none; its decoder's mean is read at the Aitchison centre, as documented
        np.testing.assert_allclose(facts.decoder_mean, facts.decoder_at_point, rtol=1e-5)
    else:
        assert_mean(facts.decoders, facts.decoder_mean)


def test_the_head_reads_its_expectation_at_the_point(facts):
    np.testing.assert_allclose(facts.head_at_point, facts.head_mean, atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_sampling_under_jit_vmap_and_pmap(family):
    latent = make(family, "product")
    posterior = latent.posterior(features(latent, 4))
    keys = jax.random.split(jax.random.key(4), 4)
    draw = jax.jit(lambda key, q: latent.sample(key, q).coordinates)
    rows = [jax.tree.map(lambda leaf: leaf[i], posterior) for i in range(4)]  # noqa: B023
    alone = jnp.stack([draw(key, row) for key, row in zip(keys, rows, strict=True)])
    np.testing.assert_allclose(jax.jit(jax.vmap(draw))(keys, posterior), alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jax.pmap(draw)(keys, posterior), alone, rtol=1e-5, atol=1e-6)
    assert np.abs(alone[0] - draw(keys[1], rows[0])).max() > 1e-3


def test_gradients_are_finite_and_reach_every_feature(latent):
    def loss(values):
        posterior = latent.posterior(values)
        coordinates = latent.sample(jax.random.key(5), posterior).coordinates
        read = jnp.sum(jnp.sin(latent.to_decoder(coordinates))) + jnp.sum(jnp.cos(latent.to_head(coordinates)))
        return read + jnp.sum(latent.kl(posterior, latent.prior))

    gradient = jax.jit(jax.grad(loss))(features(latent))
    assert np.isfinite(gradient).all()
    assert (gradient != 0).all()


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
    cells = latents.build(
        override(ModelConfig(), SIZE | {"prior": family, "structure": "field", "grid": 2, "latents": 5})
    )
    first, rest = values[:, : whole.spec.features], values[:, whole.spec.features :]
    q, parts = both.posterior(values), (whole.posterior(first), cells.posterior(rest.reshape(BATCH, 2, 2, -1)))
    for found, expected in zip(q, parts, strict=True):
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    z = both.sample(jax.random.key(1), q).coordinates
    nats = sum(one.kl(part, one.prior) for one, part in zip((whole, cells), parts, strict=True))
    densities = sum(one.log_prob(part, each) for one, part, each in zip((whole, cells), parts, z, strict=True))
    np.testing.assert_allclose(both.kl(q, both.prior), nats, rtol=1e-5)
    np.testing.assert_allclose(both.log_prob(q, z), densities, rtol=1e-5, atol=1e-5)
    for name in ("to_decoder", "to_head"):
        read = [getattr(one, name)(part).reshape(BATCH, -1) for one, part in zip((whole, cells), z, strict=True)]
        np.testing.assert_array_equal(getattr(both, name)(z), np.concatenate(read, axis=-1))


def test_a_covariance_moves_what_varies_with_what_is_read():
    """A gradient in the global part alone; the local part follows as far as the two covary."""
    both = make("gaussian", "levels")
    point = both.point(both.posterior(features(both, 2)))
    cotangent = point._replace(whole=jnp.ones_like(point.whole), local=jnp.zeros_like(point.local))
    size, first = int(np.prod(both.spec.event)), point.whole[0].size
    covariance = np.eye(size, dtype=np.float32)
    covariance[first, :first] = covariance[:first, first] = 0.25
    found = both.raise_index(point, cotangent, jnp.asarray(covariance))
    np.testing.assert_allclose(found.whole, cotangent.whole)
    expected = np.zeros((2, size - first))
    expected[:, 0] = 0.25 * first
    np.testing.assert_allclose(found.local.reshape(2, -1), expected, rtol=1e-6)
    still = both.raise_index(point, cotangent, "identity")
    np.testing.assert_array_equal(still.local, np.zeros_like(still.local))


def gradient_at(latent, point):
    """A generic gradient of tau -> f(retract(point, tau)) at 0."""
    still = jax.tree.map(jnp.zeros_like, point)
    read = lambda tau: latent.to_head(latent.retract(point, tau))  # noqa: E731
    weights = jax.random.normal(jax.random.key(6), read(still).shape)
    return jax.grad(lambda tau: jnp.sum(weights * read(tau)))(still)


@pytest.mark.parametrize("metric", ["identity", "fisher", "covariance"])
def test_every_metric_points_uphill(latent, facts, metric):
    point, size = jax.tree.map(lambda leaf: leaf[0], facts.point), np.prod(latent.spec.event)
    root = np.random.default_rng(7).normal(size=(size, size)).astype(np.float32)
    cotangent = gradient_at(latent, point)
    direction = latent.raise_index(point, cotangent, jnp.asarray(root @ root.T) if metric == "covariance" else metric)
    assert jax.tree.map(jnp.shape, direction) == jax.tree.map(jnp.shape, point)
    assert np.sum(side_by_side(direction, 0) * side_by_side(cotangent, 0)) > 0
    if metric == "identity":
        np.testing.assert_allclose(side_by_side(direction, 0), side_by_side(cotangent, 0), atol=1e-5)
    if on_simplex(latent):
        for part in jax.tree.leaves(direction):
            np.testing.assert_allclose(part.sum(axis=-1), 0.0, atol=1e-5 * np.abs(part).max())


def test_an_unknown_metric_is_refused(latent, facts):
    with pytest.raises(ValueError, match="'euclid' is not identity, fisher or a covariance"):
        latent.raise_index(facts.point, facts.point, "euclid")
