"""Cases: true positives are such, effects are exact, and what is saved comes back."""

from functools import partial

import jax
import numpy as np
import pytest

from data_prep import build, phantom
from data_prep.phantom.simulator import PhantomSimulator
from dirvae import model
from dirvae.config import Config, override
from dirvae.explain import cases, traversals, truth
from dirvae.training import data, train
from dirvae.training.evaluate import Predictions

SIDE = 32


def config_of(prior="dirichlet", **fields):
    small = {"image_size": SIDE, "widths": "4,4", "hidden": 8, "latents": 5, "path_steps": 4, "build_workers": 1}
    counts = {"phantom_train": 40, "phantom_validation": 4, "phantom_test": 40}
    return override(Config(), small | counts | {"prior": prior} | fields)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    config = config_of()
    split = data.Split(build.prepare(config.data, None, tmp_path_factory.mktemp("data")), "test")
    return data.examples(split, ("Cardiomegaly", "Pleural Effusion", "No Finding"), config.data)


def predictions(images=200, labels=3):
    rng = np.random.default_rng(0)
    each = np.zeros(images, np.float32)
    return Predictions(
        target=rng.integers(0, 2, (images, labels)).astype(np.float32),
        weight=rng.integers(0, 2, (images, labels)).astype(np.float32),
        patient=np.arange(images).astype(str),
        probability=rng.random((images, labels)).astype(np.float32),
        **dict.fromkeys(("nll", "kl", "l1", "psnr", "ssim"), each),
        decoder_mean=each[:, None],
        head_mean=each[:, None],
    )


def test_true_positives_are_such_and_drawn_by_seed():
    made, threshold = predictions(), 0.7
    every = {
        i
        for i in range(200)
        if made.target[i, 1] == 1 and made.weight[i, 1] == 1 and made.probability[i, 1] >= threshold
    }
    assert set(cases.true_positives(made, 1, threshold, 200, seed=0)) == every
    some = cases.true_positives(made, 1, threshold, 4, seed=0)
    assert len(some) == len(set(some)) == 4
    assert set(some) <= every
    np.testing.assert_array_equal(some, cases.true_positives(made, 1, threshold, 4, seed=0))
    draws = {tuple(cases.true_positives(made, 1, threshold, 4, seed=seed)) for seed in range(20)}
    assert len(draws) > 10
    assert len(cases.true_positives(made, 1, 1.1, 4, seed=0)) == 0


def test_outcomes_are_what_their_names_say():
    made, threshold = predictions(), 0.7
    known, truth = made.weight[:, 1] > 0, made.target[:, 1] > 0
    called = made.probability[:, 1] >= threshold
    table = {"true positive": (True, True), "false positive": (False, True), "false negative": (True, False)}
    assert set(table) == set(cases.OUTCOMES)
    for outcome, (is_so, is_called) in table.items():
        every = cases.drawn(made, 1, threshold, outcome, 200, seed=0)
        assert every.tolist() == [i for i in range(200) if known[i] and truth[i] == is_so and called[i] == is_called]
        assert set(cases.drawn(made, 1, threshold, outcome, 3, seed=0)) < set(every)


@pytest.mark.parametrize("finding", ["Cardiomegaly", "Pleural Effusion", "Lung Opacity", "Support Devices"])
def test_the_phantoms_effect_is_the_image_with_less_the_image_without(examples, finding):
    table = examples.split.table
    positive = np.flatnonzero(phantom.present(table.factors, finding))[:5]
    factors, seeds = table.factors[positive], table.seed[positive]
    added = partial(truth.effect, PhantomSimulator(SIDE))(factors, seeds, finding)
    without = phantom.render(phantom.do(factors, finding, 0.0), seeds, SIDE)
    stored = examples.split.images(positive)[..., 0] / 255
    np.testing.assert_allclose(without + added, stored, atol=0.5 / 255 + 1e-6)
    assert np.abs(added).max() > 0.05


def test_the_absence_of_findings_has_no_effect_of_its_own(examples):
    table = examples.split.table
    assert partial(truth.effect, PhantomSimulator(SIDE))(table.factors[:2], table.seed[:2], "No Finding") is None


@pytest.fixture(scope="module")
def trained():
    """Not trained at all: what cases hold does not depend on it."""
    config = config_of()
    net = model.build(config.model, 3, SIDE)
    return net, config, train.initial_state(net, config).params


def make(trained, examples, column, **fields):
    net, config, params = trained
    positions = np.flatnonzero(examples.target[:, column] > 0)[:2]
    effect = partial(truth.effect, PhantomSimulator(SIDE))
    chosen = override(config, fields)
    traverse = cases.traverser(net, chosen)
    return cases.make(traverse, chosen, params, examples, positions, column, effect), positions


def test_cases_hold_images_paths_and_effects(trained, examples):
    made, positions = make(trained, examples, 1)
    net, config, params = trained
    np.testing.assert_allclose(made.image, examples.split.images(positions) / 255, atol=1e-7)
    point = net.latent.point(net.encode(params, made.image))
    np.testing.assert_allclose(made.reconstruction, net.decode(params, point).location, atol=1e-5)
    np.testing.assert_allclose(made.released[:, 0], made.reconstruction, atol=1e-5)
    assert made.path.shape == made.released.shape == (2, config.explain.path_steps + 1, SIDE, SIDE, 1)
    np.testing.assert_array_equal(made.difference, made.path[:, 0] - made.path[:, -1])  # what the finding adds
    assert np.all(np.diff(made.probability[:, :, 1], axis=1) < 0)  # it is removed
    table = examples.split.table
    exact = phantom.effect(table.factors[positions], table.seed[positions], "Pleural Effusion", SIDE)
    np.testing.assert_array_equal(made.effect, exact.astype(np.float32))


def test_adding_a_finding_turns_the_sign(trained, examples):
    made, _ = make(trained, examples, 1, direction="add")
    np.testing.assert_array_equal(made.difference, made.path[:, -1] - made.path[:, 0])
    assert np.all(np.diff(made.probability[:, :, 1], axis=1) > 0)


def test_whole_data_sets_are_the_same_on_one_and_on_eight_devices(trained):
    net, config, params = trained
    rng = np.random.default_rng(0)
    image = rng.random((11, SIDE, SIDE, 1)).astype(np.float32)
    request = cases.Request(image, np.arange(11) % 3, np.where(rng.random(11) < 0.5, 1.0, -1.0).astype(np.float32))
    options = cases.options_of(net, config)
    parts = [list(cases.spread(net, options, jax.devices()[:n], 7)(params, request)) for n in (1, 8)]
    assert [len(made.images) for made in parts[0]] == [7, 4]
    assert [len(made.images) for made in parts[1]] == [8, 3]  # rounded up to the devices
    for one, eight in zip(*(map(np.concatenate, zip(*part, strict=True)) for part in parts), strict=True):
        np.testing.assert_allclose(one, eight, atol=1e-5)


def test_the_configuration_chooses_the_options(trained):
    net, config, _ = trained
    chosen = override(config, {"max_distance": 2.0, "top_latents": 3, "hold_others": True, "path_steps": 7})
    options = cases.options_of(net, chosen, "fisher")
    expected = traversals.Options(7, 0.6, 0.95, distance=2.0, metric="fisher", top=3, hold=True, reach=True)
    assert options == expected
    assert cases.options_of(net, config).distance == np.inf
    owned = override(config, {"head": "assigned", "own_latents": True, "own": 2})
    mask = cases.options_of(model.build(owned.model, 2, SIDE), owned).mask
    np.testing.assert_array_equal(mask, [[0, 1, 1, 0, 0], [0, 0, 0, 1, 1]])


def test_boxes_are_those_of_the_finding(trained, examples):
    made, positions = make(trained, examples, 0)
    cardiomegaly = 2  # among the 14 findings
    for row, position in enumerate(positions):
        stored = examples.split.table.boxes[position]
        expected = stored[stored[:, 0] == cardiomegaly][:, 1:]
        assert len(expected) > 0
        np.testing.assert_array_equal(made.boxes[row][: len(expected)], expected)
        assert np.isnan(made.boxes[row][len(expected) :]).all()


@pytest.mark.parametrize("column", [1, 2])
def test_saved_cases_come_back(trained, examples, tmp_path, column):
    made, _ = make(trained, examples, column)
    assert len(made.effect) == (2 if column == 1 else 0)
    cases.save(tmp_path, examples.labels[column], made)
    loaded = cases.load(tmp_path, examples.labels[column])
    for name, before, after in zip(cases.Cases._fields, made, loaded, strict=True):
        np.testing.assert_array_equal(after, before, err_msg=name)
        assert after.dtype == before.dtype
    assert cases.load(tmp_path, "Fracture") is None


@pytest.mark.parametrize(
    ("prior", "structure"), [("dirichlet", "product"), ("gaussian", "field"), ("logistic_normal", "global")]
)
def test_draws_from_the_prior_have_its_moments(prior, structure):
    config = config_of(prior, structure=structure, grid=8, groups=1 if structure == "global" else 2)
    latent = model.build(config.model, 1, SIDE).latent
    coordinates = np.asarray(cases.prior_draws(latent, 400, seed=0))
    assert coordinates.shape == (400, *latent.spec.event)
    mean = (
        coordinates.mean() if prior == "gaussian" else np.exp(coordinates).mean(axis=tuple(range(coordinates.ndim - 1)))
    )
    np.testing.assert_allclose(mean, 0.0 if prior == "gaussian" else 1 / config.model.latents, atol=0.05)


def test_prior_samples_are_decoded_draws(trained):
    net, _, params = trained
    images = cases.prior_samples(net, params, 3, seed=1)
    draws = cases.prior_draws(net.latent, 3, seed=1)
    for row in range(3):
        one = net.decode(params, jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], draws)).location
        np.testing.assert_allclose(images[row : row + 1], one, atol=1e-5)
    assert images.shape == (3, SIDE, SIDE, 1)
