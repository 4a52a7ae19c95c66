"""Each switch does exactly what the released code did, where it says, and nothing while it is off."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.settings import plain, plain_model
from support.stored import stored

from dirvae import latents
from dirvae.config import ConfigError
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN, UNLABELLED
from dirvae.latents import dirichlet, gaussian, vector
from dirvae.studies.priors import flaws
from dirvae.training import data, runs
from dirvae.training.variant import Variant

OTHER, AIR, FLUID = (FINDINGS.index(name) for name in ("Pleural Other", "Pneumothorax", "Pleural Effusion"))
RNG = np.random.default_rng(0)


def random_labels(count, seed=0):
    return np.random.default_rng(seed).choice(np.int8([1, 0, -1, -2]), size=(count, 14))


def flawed(*names, **fields):
    return flaws.variant(plain(fields, flaws=names))


def test_without_flaws_nothing_is_replaced():
    assert plain().flaws == ()
    assert flawed() == Variant()


@pytest.mark.parametrize(
    ("other", "air", "effusion"),
    [
        (BLANK, BLANK, 1),
        (NEGATIVE, NEGATIVE, 1),
        (UNCERTAIN, UNCERTAIN, 1),
        (POSITIVE, NEGATIVE, 0),
        (BLANK, POSITIVE, 0),
        (POSITIVE, POSITIVE, 0),
        (UNLABELLED, NEGATIVE, 1),
        (UNLABELLED, POSITIVE, 0),
        (UNLABELLED, UNLABELLED, UNLABELLED),
    ],
)
@pytest.mark.parametrize("before", [POSITIVE, NEGATIVE, UNCERTAIN, BLANK])
def test_effusion_says_nothing_of_effusions(other, air, effusion, before):
    labels = random_labels(3)
    labels[1, [OTHER, AIR, FLUID]] = other, air, before
    kept = labels.copy()
    found = flaws.overwrite_effusion(labels)
    assert found[1, FLUID] == effusion
    np.testing.assert_array_equal(labels, kept)
    np.testing.assert_array_equal(np.delete(found, FLUID, axis=1), np.delete(labels, FLUID, axis=1))


def split(name, labels):
    table = data.Table(labels, *[None] * (len(data.Table._fields) - 1))
    return SimpleNamespace(name=name, table=table, findings=FINDINGS)


@pytest.mark.parametrize(("name", "value"), [("train", 0.0), ("validation", 1.0), ("test", 1.0)])
@pytest.mark.parametrize("policy", ["ignore", "zeros", "ones"])
def test_uncertain_labels_change_their_meaning_after_training(name, value, policy):
    labels = np.full((1, 14), UNCERTAIN, np.int8)
    config = plain({"uncertain": policy}).data
    found = flawed("uncertain_by_split").examples(split(name, labels), ("Edema",), config)
    assert (found.target, found.weight) == (value, 1.0)
    sound = data.examples(split(name, labels), ("Edema",), config)
    assert (sound.target, sound.weight) == (float(policy == "ones"), float(policy != "ignore"))


def test_examples_are_given_the_overwritten_effusion():
    labels = np.full((2, 14), NEGATIVE, np.int8)
    labels[1, AIR] = POSITIVE
    stored_split = split("test", labels)
    findings = ("Pneumothorax", "Pleural Effusion")
    found = flawed("effusion_overwritten").examples(stored_split, findings, plain().data)
    assert found.split is stored_split
    np.testing.assert_array_equal(found.target, [[0, 1], [1, 0]])


def test_leaked_rows_are_a_share_of_those_with_several_findings():
    labels = random_labels(1000)
    rows = flaws.leaked_rows(labels)
    assert len(rows) == len(set(rows)) == 197
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, flaws.leaked_rows(labels))
    several = (labels[:, [FINDINGS.index(name) for name in flaws.BALANCED]] == POSITIVE).sum(axis=1) > 1
    assert several[rows].all()
    np.testing.assert_array_equal(flaws.leaked_rows(labels, share=1.0), np.flatnonzero(several))
    assert len(flaws.leaked_rows(np.full((9, 14), NEGATIVE, np.int8))) == 0


def test_leaked_rows_are_trained_on_with_their_own_labels():
    joined = flaws.extended(stored(range(10)), stored(range(100, 120)), np.array([3, 17]))
    seen = {}
    for batch in data.shuffled(joined, 4, slice(0, 4), 0, range(3)):
        numbers = batch.image[:, 0, 0, 0].astype(float)
        np.testing.assert_array_equal(batch.target, numbers[:, None] * [1, -1])
        np.testing.assert_array_equal(batch.weight, 0.5 * batch.target)
        seen |= dict(zip(batch.index.tolist(), numbers.tolist(), strict=True))
    assert seen == dict(enumerate([*range(10), 103, 117]))


def test_the_logarithm_of_a_gaussian_is_nought_where_there_is_none():
    z = np.append(RNG.normal(size=40), [0.0, -0.0, 1e-30]).astype(np.float32)
    with np.errstate(all="ignore"):
        expected = np.nan_to_num(np.log(z), nan=0.0, neginf=0.0)
    np.testing.assert_allclose(flaws.log_or_nought(jnp.asarray(z)), expected, rtol=1e-6)
    slope = jax.grad(lambda x: jnp.sum(flaws.log_or_nought(x)))(jnp.asarray(z))
    np.testing.assert_allclose(slope, np.where(z > 0, 1 / np.where(z > 0, z, 1), 0), rtol=1e-5)


@pytest.mark.parametrize("structure", ["global", "product", "spatial"])
def test_only_the_head_reads_logarithms(structure):
    config = plain_model({"prior": "gaussian", "structure": structure, "latents": 3, "grid": 2})
    sound = latents.build(config)
    found = flawed("log_or_nought_head", prior="gaussian").latent(sound)
    z = jnp.asarray(RNG.normal(size=(4, *sound.spec.event)), jnp.float32)
    posterior = gaussian.Gaussian(z, jnp.ones_like(z))
    expected = flaws.log_or_nought(sound.to_head(z))
    np.testing.assert_array_equal(found.to_head(z), expected)
    np.testing.assert_array_equal(found.head_mean(posterior), expected)
    same = set(sound._fields) - {"to_head", "head_mean"}
    assert all(getattr(found, name) is getattr(sound, name) for name in same)


def test_the_divergence_from_prior_to_posterior():
    found = flawed("reversed_kl").objective(vector(dirichlet, 4, 0.5, "exp", 0.01))
    q = dirichlet.Dirichlet(jnp.array([[0.3, 5.0, 0.1, 0.6]] * 2))
    np.testing.assert_allclose(found.kl(q, found.prior), [9.393024] * 2, rtol=1e-5)
    m, s = np.float32([[0.4, -1.0], [2.0, 0.1]]), np.float32([[0.5, 2.0], [0.1, 1.0]])
    found = flawed("reversed_kl").objective(vector(gaussian, 2, 0.5, "exp", 0.01))
    expected = np.sum(np.log(s) + (1 + m**2) / (2 * s**2) - 0.5, axis=1)
    np.testing.assert_allclose(found.kl(gaussian.Gaussian(m, np.log(s)), found.prior), expected, rtol=1e-5)


@pytest.mark.parametrize("structure", ["product", "spatial"])
def test_the_reversed_divergence_of_several_vectors_is_their_sum(structure):
    config = plain_model({"structure": structure, "latents": 3, "groups": 2, "grid": 2})
    latent = latents.build(config)
    a = jnp.asarray(RNG.gamma(1.0, size=(5, *latent.spec.event)) + 0.1, jnp.float32)
    found = flawed("reversed_kl").objective(latent).kl(dirichlet.Dirichlet(a), latent.prior)
    each = dirichlet.kl(dirichlet.Dirichlet(jnp.full_like(a, 0.5)), dirichlet.Dirichlet(a))
    np.testing.assert_allclose(found, np.asarray(each).reshape(5, -1).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flaws": "log_or_nought_head"}, "flaws=log_or_nought_head needs a prior whose head reads z itself"),
        ({"flaws": "reversed_kl", "target_kl": 5.0}, "loss.target_kl must be 0 with flaws=reversed_kl"),
        ({"flaws": "reversed_kl", "prior": "deterministic"}, "flaws=reversed_kl means nothing where model.prior is"),
        ({"flaws": "leaky_split", "folds": 3}, "flaws=leaky_split means nothing with data.folds"),
        ({"flaws": "leaky_splits"}, "flaws='leaky_splits' is not one of .*; did you mean 'leaky_split'"),
    ],
)
def test_flaws_that_mean_nothing_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        flaws.variant(plain(values))


def test_a_run_with_flaws_is_refused_where_nothing_brings_them():
    config = plain(flaws="reversed_kl")
    with pytest.raises(ConfigError, match=r"flaws=reversed_kl is for .* alone"):
        runs.build_model(config, ("Edema",))
