"""One probability everywhere: whatever reads a run that was trained with class weights says what its predictions say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import untrained
from support.trainings import Stored

from dirvae import model
from dirvae.explain import explainer as explainers
from dirvae.explain import gallery, setting, traversals, walks
from dirvae.studies.explanations import counterfactuals
from dirvae.training import data, evaluate, parallel, runs
from dirvae.types import Query

LABELS = ("Cardiomegaly", "Edema", "Pleural Effusion")
WEIGHTS = [10.0, 0.5, 4.0]
GAP = 2e-3  # between the head at the posterior's point and in expectation, for a linear head: rounding
TARGET = 0.95


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of class weights; what is checked does not depend on what was learned."""
    where = tmp_path_factory.mktemp("runs") / "run"
    untrained.make(where, LABELS, WEIGHTS, path_steps=24, step_size=0.6, metric="identity", min_concentration=0.2)
    return runs.open_run(where)


@pytest.fixture(scope="module")
def examples():
    target = np.random.default_rng(1).integers(0, 2, (6, 3)).astype(np.float32)
    return data.Examples(Stored(6, 0), LABELS, target, np.ones_like(target))


@pytest.fixture(scope="module")
def images(examples):
    return examples.split.images(np.arange(6)) / np.float32(255)


@pytest.fixture(scope="module")
def predicted(run, examples):
    """The evaluation's probabilities [6, L]."""
    return evaluate.predict(run.model, run.config, run.params, examples, parallel.devices(1)).probability


def test_predictions_have_the_odds_of_the_weights_divided_out(run, images, predicted):
    raw = runs.build_model(run.config, LABELS)
    odds = np.exp(np.float64(raw.expected(run.params, images).logits)) / np.asarray(WEIGHTS)
    np.testing.assert_allclose(predicted, odds / (1.0 + odds), atol=1e-5)
    assert np.abs(predicted - jax.nn.sigmoid(raw.expected(run.params, images).logits)).max() > 0.2


def test_every_reading_of_the_model_is_calibrated(run, images):
    raw, keys = runs.build_model(run.config, LABELS), jax.random.split(jax.random.key(0), 6)
    code = run.model.latent.point(run.model.encode(run.params, images))
    channels = run.model.latent.to_head(code)
    for name, given in (
        ("classify", (code,)),
        ("classify_channels", (channels,)),
        ("expected", (images,)),
        ("forward", (images, keys)),
    ):
        ours, theirs = (getattr(net, name)(run.params, *given) for net in (run.model, raw))
        if name in ("expected", "forward"):
            ours, theirs = ours.logits, theirs.logits
        np.testing.assert_allclose(theirs - ours, np.tile(np.log(WEIGHTS), (6, 1)), atol=1e-4, err_msg=name)
    assert model.calibrated(raw, None) is raw


def first_frames(run, images, examples):
    """{consumer: probabilities [6, L] of the images where its path starts, or of the images themselves}."""
    column, options = 1, setting.options_of(run.model, run.config)
    label, sign = jnp.full(6, column), jnp.ones(6)
    query = Query(images, np.asarray(label), np.asarray(sign))
    chosen = traversals.on_manifold(run.model, run.params, jnp.asarray(images), label, sign, options)
    explained = explainers.make(run, run.tuned, draws=1)(images, LABELS[column])
    path, released = gallery.traverser(run.model, run.config)(run.params, jnp.asarray(images), label)
    return {
        "traversal": chosen.probability[:, 0],
        "picture": chosen.reread[:, 0],
        "explain": explained.path.probability[:, 0],
        "explained prediction": explained.probability,
        "cases": path.probability[:, 0],
        "published procedure": released.probability[:, 0],
        "explorer": walks.follow(run.model, run.params, query, options, jax.devices()[:1]).probability[:, 0],
        "comparison and shortcuts": counterfactuals.classifier(run.model, run.params)(images),
    }


def test_what_every_page_shows_first_is_the_prediction(run, images, examples, predicted):
    for consumer, probability in first_frames(run, images, examples).items():
        np.testing.assert_allclose(probability, predicted, atol=GAP, err_msg=consumer)


@pytest.mark.parametrize("direction", ["add", "remove"])
def test_paths_stop_at_the_target_of_the_true_probability(run, images, direction):
    """The finding of the largest weight, whose raw odds are ten times the true ones."""
    explained = explainers.make(run, run.tuned, draws=1, stop="code")(images, LABELS[0], direction)
    end = explained.path.probability[:, -1, 0]
    reached = end if direction == "add" else 1.0 - end
    assert (reached > TARGET - 0.01).all(), reached
    before = explained.path.probability[:, :, 0]
    passed = (before if direction == "add" else 1.0 - before) > TARGET
    for row, steps in zip(explained.path.distance, passed, strict=True):
        if steps.any():
            first = int(np.argmax(steps))
            np.testing.assert_array_equal(row[first:], row[first])  # nothing moves beyond the target
