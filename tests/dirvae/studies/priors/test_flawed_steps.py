"""What the switches change in a training step and in an evaluation; the compiled programs are shared between tests."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.settings import plain
from support.stored import SIDE, stored
from support.unit_gain import parameters

from dirvae import losses, model
from dirvae.studies.priors import flaws
from dirvae.training import evaluate, optimizer, parallel, train
from dirvae.types import Batch, TrainState

pytestmark = pytest.mark.slow  # it compiles two training steps and an evaluation
ROWS = 12


def tiny(**fields):
    """A model of a few units that compiles in seconds."""
    small = {"image_size": SIDE, "widths": "4", "latents": 3, "hidden": 4, "convolution": "native"}
    return plain(small | {"augment": False, "kl_warmup": 0.0, "evaluation_batch": 4} | fields)


class Started(NamedTuple):
    """A sound model before its first step, that step's logged values under each config, and scores without a draw."""

    net: model.Model
    params: dict
    logged: dict
    scored: evaluate.Predictions


EXAMPLES = stored(range(0, 240, 20))
IMAGES = EXAMPLES.split.pixels / np.float32(255.0)
BATCH = Batch(
    image=EXAMPLES.split.pixels,
    target=np.ones((ROWS, 2), np.float32),
    weight=np.ones((ROWS, 2), np.float32),
    mask=np.ones(ROWS, np.float32),
    index=np.arange(ROWS, dtype=np.int32),
)


@pytest.fixture(scope="module")
def started():
    """By prior; the evaluation is that of a config with the reversed divergence, which must not show in it."""
    kinds = {"sound": {}, "reversed": {"flaws": "reversed_kl"}}
    heavy = {"heavy": {"beta": 49.0}}
    return {prior: start(prior, kinds | more) for prior, more in (("dirichlet", {}), ("gaussian", heavy))}


def start(prior, kinds):
    configs = {name: tiny(prior=prior, **fields) for name, fields in kinds.items()}
    net = model.build(configs["sound"].model, 2, SIDE)
    params = parameters(net)
    scored = evaluate.predict(net, configs["reversed"], params, EXAMPLES, parallel.devices(1))
    return Started(net, params, first_steps(net, params, configs), scored)


def first_steps(net, params, configs):
    """The logged values of the first step under each config; one program, in which what they share is compiled once."""
    one = configs["sound"]
    moments = optimizer.build(one.optimizer, one.train.steps).init(params)
    steering = {name: losses.unsteered(config.loss) for name, config in configs.items()}
    state = TrainState(jnp.int32(0), params, params, moments, steering["sound"])

    def steps(state, batch):
        found = {}
        for name, config in configs.items():
            _, scalars = train.make_step(net, config, variant=flaws.variant(config))(
                state._replace(steering=steering[name]), batch
            )
            found[name] = {term: scalars[term] for term in (*train.TERMS, "loss", "beta")}
        return state, found

    spread = parallel.Spread(steps, parallel.devices(1), "pmap")
    return spread.fetch(spread(spread.replicate(state), BATCH)[1])


@pytest.mark.parametrize("prior", ["dirichlet", "gaussian"])
def test_the_objective_has_the_reversed_divergence_and_the_elbo_has_not(started, prior):
    net, params, logged, scored = started[prior]
    found, sound = logged["reversed"], logged["sound"]
    posterior = net.encode(params, IMAGES)
    wide = jax.tree.map(lambda p, q: jnp.broadcast_to(p, q.shape), net.latent.prior, posterior)
    kl = net.latent.kl(posterior, net.latent.prior)
    assert found["kl"] == pytest.approx(float(jnp.mean(net.latent.kl(wide, posterior))), rel=1e-3)
    assert sound["kl"] == pytest.approx(float(jnp.mean(kl)), rel=1e-3)
    assert found["kl"] != pytest.approx(float(sound["kl"]), rel=1e-3)
    assert found["loss"] - sound["loss"] == pytest.approx(found["kl"] - sound["kl"], rel=1e-2, abs=1e-3)
    assert found["reconstruction"] == sound["reconstruction"]
    np.testing.assert_allclose(scored.kl, kl, rtol=1e-3, atol=1e-5)


def test_a_heavier_divergence_is_a_larger_beta(started):
    found = started["gaussian"].logged["heavy"]
    assert found["beta"] == 49.0
    whole = losses.weighted(losses.LossTerms(*(found[name] for name in train.TERMS)), found["beta"], 1000.0)
    assert found["loss"] == pytest.approx(float(whole), rel=1e-6)


def test_scores_of_a_draw_are_those_of_the_draw(started):
    """Everything that is scored is of the image's own draw, and of the expectations while the switch is off."""
    _, params, _, sound = started["dirichlet"]
    config = tiny(flaws="draw_at_test", dropout=0.5)
    net = model.build(config.model, 2, SIDE)
    reader = flaws.variant(config).reader
    found = evaluate.predict(net, config, params, EXAMPLES, parallel.devices(1), reader)
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(config.seed), i))(jnp.arange(ROWS))
    z = jax.jit(net.forward)(params, IMAGES, keys).sample.coordinates
    np.testing.assert_allclose(found.head_mean, net.latent.to_head(z), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.decoder_mean, net.latent.to_decoder(z), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.probability, jax.nn.sigmoid(net.classify(params, z)), rtol=1e-3)
    np.testing.assert_allclose(
        found.l1, np.abs(IMAGES - net.decode(params, z).location).mean(axis=(1, 2, 3)), rtol=1e-3
    )
    posterior = net.encode(params, IMAGES)
    np.testing.assert_allclose(sound.head_mean, net.latent.head_mean(posterior), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(sound.probability, jax.nn.sigmoid(net.expected(params, IMAGES).logits), rtol=1e-3)
    assert np.abs(found.head_mean - sound.head_mean).mean() > 0.1
    np.testing.assert_allclose(found.nll, sound.nll, rtol=1e-4, atol=1e-3)
