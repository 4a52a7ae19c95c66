"""Explanations of arrays: the library's own traversals and maps, whatever the company, and bad input named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import untrained, workdirs

from dirvae.config import ConfigError, override
from dirvae.explain import attributions, maps, methods, setting, traversals
from dirvae.explain import explainer as explainers
from dirvae.training import evaluate, runs, workdir

LABELS = ("Cardiomegaly", "Edema", "Pleural Effusion")
SIDE, DRAWS = workdirs.SIDE, 3
WEIGHTS = [2.0, 0.5, 4.0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose training is a fresh start: what is checked does not depend on what was learned."""
    where = tmp_path_factory.mktemp("runs") / "run"
    return untrained.make(where, LABELS, WEIGHTS)


@pytest.fixture(scope="module")
def explainer(folder):
    return explainers.load(folder, draws=DRAWS)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)


@pytest.fixture(scope="module")
def found(explainer, images):
    return explainer(images, "edema")


def same(one, other):
    for name, left, right in zip(explainers.Explanation._fields, one, other, strict=True):
        for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.slow
def test_it_is_the_librarys_traversals_and_maps(explainer, images, found):
    run, pixels = explainer.run, jnp.asarray(images[..., None], jnp.float32) / 255.0
    tuned = run.tuned
    options = setting.options_of(run.model, run.config, setting.metric_of(run.config, tuned))
    label, sign = jnp.full(3, 1), jnp.asarray(found.sign)
    path = traversals.on_manifold(run.model, run.params, pixels, label, sign, options)
    np.testing.assert_allclose(found.path.images, path.images, atol=1e-5)
    np.testing.assert_allclose(found.path.distance, path.distance, atol=1e-5)
    np.testing.assert_allclose(found.signed, maps.signed(path.on_image, sign), atol=1e-5)
    np.testing.assert_allclose(found.path.reread[:, 0], found.probability, atol=1e-5)  # the first picture is the image
    keys = attributions.image_keys(jax.random.key(0), pixels)
    by_code = options._replace(stop="code")
    several = traversals.from_draws(run.model, run.params, pixels, label, sign, keys, DRAWS, by_code).images
    each = jnp.stack([maps.signed(several[:, draw], sign) for draw in range(DRAWS)])
    evidence = attributions.integrated_gradients(run.model, run.params, pixels, label)
    np.testing.assert_allclose(found.map, maps.gated(maps.denoised(each), evidence), atol=1e-5)
    assert np.abs(found.map).max() > 0


def test_predictions_and_paths_have_the_class_weights_divided_out(explainer, images, found):
    run = explainer.run
    raw = runs.build_model(run.config, run.labels)
    logits = raw.expected(run.params, images[..., None].astype(np.float32) / 255.0).logits
    odds = np.exp(np.asarray(logits, np.float64)) / np.asarray(WEIGHTS)
    expected = odds / (1.0 + odds)
    np.testing.assert_allclose(found.probability, expected, atol=1e-5)
    np.testing.assert_allclose(
        found.path.probability[:, 0], expected, atol=1e-4
    )  # the point reads as the expectation does
    assert np.abs(found.probability - jax.nn.sigmoid(logits)).max() > 0.05


def test_one_image_is_explained_as_in_any_company(explainer, images, found):
    for row in range(3):
        same(explainer(images[row], "Edema"), jax.tree.map(lambda leaf, row=row: leaf[row], found))
    same(explainer(images[:1, ..., None], "Edema"), jax.tree.map(lambda leaf: leaf[:1], found))


def test_bytes_and_shares_are_the_same_image(explainer, images, found):
    one = jax.tree.map(lambda leaf: leaf[0], found)
    same(explainer(images[0].astype(np.float32)[..., None] / np.float32(255.0), "Edema"), one)


def test_the_seed_draws_the_starts_of_the_map_and_nothing_else(explainer, images, found):
    other = explainer(images[0], "Edema", seed=1)
    np.testing.assert_array_equal(other.path.images, found.path.images[0])
    assert np.abs(other.map - found.map[0]).max() > 0
    same(other, explainer(images[0], "Edema", seed=1))


@pytest.mark.slow
def test_further_maps_come_on_request(explainer, images, found):
    """The gated map is the one that the explanation has anyhow, and nothing else changes."""
    wanted = ["traversal_gated", "latent_shift"]
    made = explainer(images, "edema", maps=wanted)
    assert list(made.maps) == [name for name in methods.maps_of() if name in wanted]
    assert found.maps == {}
    np.testing.assert_allclose(made.maps["traversal_gated"], found.map, atol=1e-6)
    same(made._replace(maps={}), found)
    with pytest.raises(ValueError, match="did you mean 'latent_shift'"):
        explainer(images, "edema", maps=["latent-shift"])


def test_a_finding_that_is_called_present_is_removed_and_another_added(explainer, images):
    made = [explainer._replace(thresholds=np.full(3, t))(images[0], "Edema") for t in (0.0, 1.0)]
    assert [float(one.sign) for one in made] == [-1.0, 1.0]
    for one in made:
        assert np.all(one.sign * np.diff(one.path.probability[:, 1]) > 0)
    forced = explainer(images[0], "Edema", "add"), explainer(images[0], "Edema", "remove")
    assert [float(one.sign) for one in forced] == [1.0, -1.0]


def test_without_a_label_the_odds_beside_the_thresholds_choose(explainer, images):
    assert explainers.leading(np.asarray([0.1, 0.95]), np.asarray([0.02, 0.5])) == 1  # 5.4 against 19 times the odds
    assert explainers.leading(np.asarray([0.1, 0.6]), np.asarray([0.02, 0.5])) == 0
    assert explainers.leading(np.asarray([1.0, 0.0]), np.asarray([1.0, 0.5])) == 0
    thresholds = np.asarray([0.999, 0.999, 0.001])
    known = explainer._replace(thresholds=thresholds, tuned=np.ones(3, bool))
    assert known(images[:2]).label.tolist() == [2, 2]


def test_a_label_without_a_tuned_threshold_never_leads(explainer):
    probability, thresholds = np.asarray([0.99, 0.6, 0.2]), np.asarray([0.5, 0.5, 0.5])
    assert explainers.leading(probability, thresholds, np.asarray([False, True, True])) == 1
    assert explainers.leading(probability, thresholds, np.zeros(3, bool)) == 0
    assert explainer.tuned.tolist() == [True, True, False]  # the last of the labels has no positive in validation


def test_seeds_beyond_32_bits_are_refused(explainer, images):
    for seed in (2**32, 2**63, -1):
        with pytest.raises(ValueError, match=r"from 0 to 2\^32 - 1"):
            explainer(images[0], "Edema", seed=seed)


def test_fields_of_explain_are_replaced(folder, images):
    short = explainers.load(folder, 1, path_steps=2, adaptive_step=False, **{"explain.step_size": "0.1"})
    path = short(images[0], "Edema").path
    np.testing.assert_allclose(path.distance, [0.0, 0.1, 0.2], atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"latents": 3}, "latents is no field of explain; a finished run takes only path_steps,"),
        ({"model.latents": 3}, "model.latents is no field"),
        ({"pathsteps": 3}, "pathsteps is no field of explain"),
        ({"path_steps": 0}, "explain.path_steps must be above 0"),
        ({"path_steps": "many"}, "not of type int"),
        ({"direction": "add"}, "explain.direction is chosen with every explanation"),
        ({"draws": 0}, "draws=0"),
    ],
)
def test_other_fields_are_refused(folder, fields, sentence):
    with pytest.raises(ConfigError) as raised:
        explainers.load(folder, **fields)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((SIDE, SIDE + 1)), "shape (16, 17) do not fit the run's 16 x 16"),
        (np.zeros((SIDE, SIDE, 3)), "shape (16, 16, 3)"),
        (np.zeros((0, SIDE, SIDE)), "shape (0, 16, 16)"),
        (np.zeros(()), "shape ()"),
        (np.zeros((SIDE, SIDE), np.int64), "type int64"),
        (np.zeros((SIDE, SIDE), bool), "type bool"),
        (np.full((SIDE, SIDE), "a"), "type <U1"),
        (np.full((SIDE, SIDE), np.nan), "256 pixels are NaN"),
        (np.full((SIDE, SIDE), 255.0), "from 255 to 255 leave [0, 1]"),
        (np.full((SIDE, SIDE), -0.1), "leave [0, 1]"),
        (None, "shape ()"),
    ],
)
def test_other_arrays_are_refused(explainer, array, sentence):
    with pytest.raises(ValueError, match="give") as raised:
        explainer(array, "Edema")
    assert sentence in str(raised.value)


def test_unknown_labels_and_directions_are_refused(explainer, images):
    with pytest.raises(ValueError, match=r"did you mean 'Edema'.* Cardiomegaly, Edema, Pleural Effusion"):
        explainer(images[0], "Oedema")
    with pytest.raises(ValueError, match="neither 'add' nor 'remove'"):
        explainer(images[0], "Edema", "raise")


def test_runs_that_cannot_explain_are_refused(folder, explainer, tmp_path):
    with pytest.raises(workdir.WorkdirError, match="holds no run"):
        explainers.load(tmp_path / "nowhere")
    workdirs.make(tmp_path / "begun", LABELS, ("validation",), dataset="chexpert")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(workdir.WorkdirError, match="holds no finished training"):
        explainers.load(tmp_path / "begun")
    assert sorted(tmp_path.rglob("*")) == before
    workdir.finish(tmp_path / "begun", "train", 1.0)
    (tmp_path / "begun" / "predictions" / "validation.npz").unlink()
    with pytest.raises(workdir.WorkdirError, match="run the evaluate phase first"):
        explainers.load(tmp_path / "begun")
    tuned = evaluate.load(folder, "validation").predictions
    unread = override(explainer.run.config, {"classification_weight": 0})
    with pytest.raises(ConfigError, match="no trained classifier"):
        explainers.make(explainer.run._replace(config=unread), tuned)
    headless = {name: part for name, part in explainer.run.params.items() if name != "classifier"}
    with pytest.raises(ConfigError, match="no trained classifier"):
        explainers.make(explainer.run._replace(params=headless), tuned)
