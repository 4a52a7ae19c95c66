"""How a latent is used: draws of the prior beside the images, pairs by their states and larger compositions by rank."""

import jax
import numpy as np
import pytest
from support.settings import plain, plain_model

from dirvae import latents, model
from dirvae.latents.family import prior_draws
from dirvae.training import latent_usage
from dirvae.training.evaluate import Predictions

PAIRS = plain_model(structure="product", latents=2, groups=3)
SECOND_SHARES = np.array([[0.02, 0.5, 0.97], [0.04, 0.3, 0.95], [0.95, 0.6, 0.4], [0.05, 0.93, 0.99]])
DECODED = 2 * np.stack([1 - SECOND_SHARES, SECOND_SHARES], axis=-1).reshape(4, 6)  # K z


def test_pairs_have_states_and_larger_compositions_have_ranks():
    states = latent_usage.components(PAIRS, DECODED)
    np.testing.assert_allclose(states, [[0.75, 0, 0], [0, 0.75, 0.25], [0.25, 0.25, 0.75]])
    ranks = latent_usage.components(plain_model(latents=6), DECODED)
    np.testing.assert_allclose(ranks, np.sort(DECODED / DECODED.sum(axis=1, keepdims=True))[:, ::-1].mean(axis=0))
    assert latent_usage.components(plain_model(prior="gaussian", latents=6), DECODED).size == 0


@pytest.mark.parametrize(("prior", "variance"), [("gaussian", 1.0), ("dirichlet", None)])
def test_the_prior_is_that_of_the_model_and_comes_back_from_the_file(tmp_path, prior, variance):
    config = plain(prior=prior, latents=6, image_size=16, widths="4", hidden=4)
    nothing = Predictions(*[None] * len(Predictions._fields))._replace(decoder_draw=DECODED, head_draw=DECODED)
    usage = latent_usage.of_run(model.build(config.model, 2, 16), config, {}, nothing)
    latent = latents.build(config.model)
    head = np.asarray(latent.to_head(prior_draws(latent, latent_usage.DRAWS, config.seed)))
    assert usage.prior_variance == pytest.approx(head.reshape(latent_usage.DRAWS, -1).var(axis=0).mean())
    np.testing.assert_allclose(usage.draw_variance, DECODED.var(axis=0))
    assert variance is None or usage.prior_variance == pytest.approx(variance, rel=0.1)
    latent_usage.save(tmp_path, usage)
    jax.tree.map(np.testing.assert_array_equal, latent_usage.load(tmp_path), usage)


def test_a_run_of_an_earlier_version_has_none(tmp_path):
    assert latent_usage.load(tmp_path) is None
