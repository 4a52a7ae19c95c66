"""What every latent promises, for every family in every structure: the contract of dirvae.latents.family."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.settings import plain_model
from support.shapes import BATCH, CASES, DRAWS, FAMILIES, features, make, parts_of, wide

from dirvae.types import PyTree


class Facts(NamedTuple):
    """Everything that is asserted of a latent, from one compiled function; B examples, N draws of each."""

    posterior: PyTree
    at_zero: PyTree  # the posterior of zero features
    draws: jax.Array  # coordinates [N, B, *event]
    log_ratio: jax.Array  # log q - log p of the draws [N, B]
    heads: jax.Array  # to_head of the draws
    decoders: jax.Array
    kl: jax.Array
    kl_at_prior: jax.Array
    point: jax.Array
    null_step: jax.Array
    head_at_point: jax.Array
    decoder_at_point: jax.Array
    head_mean: jax.Array
    decoder_mean: jax.Array
    two_steps: jax.Array  # from the first draws
    one_step: jax.Array  # by the sum of the two
    shifted_head: jax.Array  # of the first draws, not normalised


def facts_of(latent, values, key):
    q = latent.posterior(values)
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (DRAWS, *leaf.shape)), q)
    z = latent.sample(key, many).coordinates
    first, second = (3.0 * jax.random.normal(k, z[0].shape) for k in jax.random.split(key))
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
        null_step=latent.retract(point, jnp.zeros_like(point)),
        head_at_point=latent.to_head(point),
        decoder_at_point=latent.to_decoder(point),
        head_mean=latent.head_mean(q),
        decoder_mean=latent.decoder_mean(q),
        two_steps=latent.retract(latent.retract(z[0], first), second),
        one_step=latent.retract(z[0], first + second),
        shifted_head=latent.to_head(z[0] + 2.5),
    )


QUICK = ("global", "product")
PARAMS = [pytest.param(case, id=" ".join(case), marks=() if case[1] in QUICK else pytest.mark.slow) for case in CASES]


@pytest.fixture(scope="module", params=PARAMS)
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
    event, channels = (BATCH, *spec.event), (BATCH, *(spec.grid or ()), spec.channels)
    events = {(BATCH, *part.event) for part in spec.parts or (spec,)}
    assert {leaf.shape for leaf in jax.tree.leaves(facts.posterior)} == events
    assert {x.shape for x in (facts.draws[0], facts.point, facts.two_steps)} == {event}
    assert {x.shape for x in (facts.heads[0], facts.decoders[0], facts.head_mean, facts.decoder_mean)} == {channels}
    assert {x.shape for x in (facts.log_ratio[0], facts.kl)} == {(BATCH,)}
    assert np.prod(spec.event) == spec.channels * np.prod(spec.grid or ())


def test_zero_features_give_the_prior(latent, facts):
    floor = plain_model().min_concentration if latent.name in ("dirichlet", "gamma") else 0.0
    for found, expected in zip(*map(jax.tree.leaves, (facts.at_zero, wide(latent, BATCH))), strict=True):
        np.testing.assert_allclose(found, expected + floor, rtol=1e-6)


def test_a_null_step_stays_where_it_is(facts):
    np.testing.assert_allclose(facts.null_step, facts.point, atol=2e-6)


def test_steps_stay_on_the_manifold_and_add_up(latent, facts):
    np.testing.assert_allclose(facts.two_steps, facts.one_step, atol=3e-5)
    if on_simplex(latent):
        for coordinates in (facts.draws, facts.point, facts.two_steps):
            for point in parts_of(latent, coordinates):
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


def gradient_at(latent, point):
    """A generic gradient of tau -> f(retract(point, tau)) at 0."""
    still = jnp.zeros_like(point)
    read = lambda tau: latent.to_head(latent.retract(point, tau))  # noqa: E731
    weights = jax.random.normal(jax.random.key(6), read(still).shape)
    return jax.grad(lambda tau: jnp.sum(weights * read(tau)))(still)


@pytest.mark.parametrize("metric", ["identity", "fisher", "covariance"])
def test_every_metric_points_uphill(latent, facts, metric):
    point, size = facts.point[0], facts.point[0].size
    root = np.random.default_rng(7).normal(size=(size, size)).astype(np.float32)
    cotangent = gradient_at(latent, point)
    direction = latent.raise_index(point, cotangent, jnp.asarray(root @ root.T) if metric == "covariance" else metric)
    assert direction.shape == point.shape
    assert np.sum(direction * cotangent) > 0
    if metric == "identity":
        np.testing.assert_allclose(direction, cotangent, atol=1e-5)
    if on_simplex(latent):
        for part in parts_of(latent, direction):
            np.testing.assert_allclose(part.sum(axis=-1), 0.0, atol=1e-5 * np.abs(part).max())


def test_an_unknown_metric_is_refused(latent, facts):
    with pytest.raises(ValueError, match="'euclid' is not identity, fisher or a covariance"):
        latent.raise_index(facts.point, facts.point, "euclid")
