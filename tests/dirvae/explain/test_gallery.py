"""Cases hold images, paths and effects, and what is saved comes back; draws from the prior are such."""

import jax
import numpy as np
import pytest
from support import unit_gain
from support.settings import plain

from data_prep import build, phantom
from data_prep.phantom.simulator import PhantomSimulator
from dirvae import model
from dirvae.config import override
from dirvae.explain import gallery
from dirvae.training import data
from dirvae.training.workdir import WorkdirError

SIDE = 32


def config_of(prior="dirichlet", **fields):
    small = {"image_size": SIDE, "widths": "4,4", "hidden": 8, "latents": 5, "path_steps": 4, "build_workers": 1}
    counts = {"phantom_train": 40, "phantom_validation": 4, "phantom_test": 40}
    return plain(small | counts | {"prior": prior} | fields)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    config = config_of()
    split = data.Split(build.prepare(config.data, None, tmp_path_factory.mktemp("data")), "test")
    return data.examples(split, ("Cardiomegaly", "Pleural Effusion", "No Finding"), config.data)


@pytest.fixture(scope="module")
def trained():
    """Not trained at all: what cases hold does not depend on it."""
    config = config_of()
    net = model.build(config.model, 3, SIDE)
    return net, config, unit_gain.parameters(net)


def make(trained, examples, column, **fields):
    net, config, params = trained
    positions = np.flatnonzero(examples.target[:, column] > 0)[:2]
    chosen = override(config, fields)
    traverse = gallery.traverser(net, chosen)
    return gallery.make(traverse, chosen, params, examples, positions, column, PhantomSimulator(SIDE)), positions


def test_cases_hold_images_paths_and_effects(trained, examples):
    made, positions = make(trained, examples, 1)
    net, config, params = trained
    np.testing.assert_allclose(made.image, examples.split.images(positions) / 255, atol=1e-7)
    point = net.latent.point(net.encode(params, made.image))
    np.testing.assert_allclose(made.reconstruction, net.decode(params, point).location, atol=1e-5)
    np.testing.assert_allclose(made.released[:, 0], made.image, atol=1e-5)
    np.testing.assert_allclose(made.on_image[:, 0], made.image, atol=1e-7)
    pictures = made.on_image.reshape(-1, SIDE, SIDE, 1)
    again = jax.nn.sigmoid(net.expected(params, pictures).logits)
    np.testing.assert_allclose(made.reread, again.reshape(made.reread.shape), atol=1e-5)
    assert made.path.shape == made.released.shape == (2, config.explain.path_steps + 1, SIDE, SIDE, 1)
    np.testing.assert_array_equal(made.difference, made.on_image[:, 0] - made.on_image[:, -1])  # what the finding adds
    assert np.all(np.diff(made.probability[:, :, 1], axis=1) < 0)  # it is removed
    table = examples.split.table
    exact = phantom.effect(table.factors[positions], table.seed[positions], "Pleural Effusion", SIDE)
    np.testing.assert_array_equal(made.effect, exact.astype(np.float32))


def test_adding_a_finding_turns_the_sign(trained, examples):
    made, _ = make(trained, examples, 1, direction="add")
    np.testing.assert_array_equal(made.difference, made.on_image[:, -1] - made.on_image[:, 0])
    assert np.all(np.diff(made.probability[:, :, 1], axis=1) > 0)


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
    gallery.save(tmp_path, examples.labels[column], made)
    loaded = gallery.load(tmp_path, examples.labels[column])
    for name, before, after in zip(gallery.Cases._fields, made, loaded, strict=True):
        np.testing.assert_array_equal(after, before, err_msg=name)
        assert after.dtype == before.dtype
    assert gallery.load(tmp_path, "Fracture") is None


@pytest.mark.parametrize(
    ("prior", "structure"), [("dirichlet", "product"), ("gaussian", "spatial"), ("logistic_normal", "global")]
)
def test_draws_from_the_prior_have_its_moments(prior, structure):
    config = config_of(prior, structure=structure, grid=8, groups=1 if structure == "global" else 2)
    latent = model.build(config.model, 1, SIDE).latent
    coordinates = np.asarray(gallery.prior_draws(latent, 400, seed=0))
    assert coordinates.shape == (400, *latent.spec.event)
    mean = (
        coordinates.mean() if prior == "gaussian" else np.exp(coordinates).mean(axis=tuple(range(coordinates.ndim - 1)))
    )
    np.testing.assert_allclose(mean, 0.0 if prior == "gaussian" else 1 / config.model.latents, atol=0.05)


def test_prior_samples_are_decoded_draws(trained):
    net, _, params = trained
    images = gallery.prior_samples(net, params, 3, seed=1)
    draws = gallery.prior_draws(net.latent, 3, seed=1)
    for row in range(3):
        one = net.decode(params, jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], draws)).location
        np.testing.assert_allclose(images[row : row + 1], one, atol=1e-5)
    assert images.shape == (3, SIDE, SIDE, 1)


def test_cases_of_an_older_version_are_refused_with_the_way_to_mend_them(tmp_path):
    older = set(gallery.Cases._fields) - {"on_image", "reread"}
    np.savez(tmp_path / "edema.npz", **{name: np.zeros(1) for name in older})
    with pytest.raises(WorkdirError, match=r"lacks on_image, reread, .* phases\.json .* experiments\.run again"):
        gallery.load(tmp_path, "Edema")
