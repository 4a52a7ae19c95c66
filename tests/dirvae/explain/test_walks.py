"""What an explorer gathers: the images are drawn fairly, paths are those of the library, truth is the phantom's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import unit_gain
from support.settings import plain

from data_prep import build, phantom
from data_prep.phantom.simulator import PhantomSimulator
from dirvae.explain import attributions, gated, maps, methods, setting, traversals, walks
from dirvae.training import data, runs, workdir
from dirvae.training.evaluate import Predictions
from dirvae.types import Query

SIDE, LABELS = 32, ("Cardiomegaly", "Pleural Effusion", "No Finding")


def config_of(prior="dirichlet", **fields):
    small = {"image_size": SIDE, "widths": "4,4", "hidden": 8, "latents": 5, "path_steps": 4, "build_workers": 1}
    counts = {"phantom_train": 40, "phantom_validation": 4, "phantom_test": 40}
    return plain(small | counts | {"prior": prior} | fields)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    config = config_of()
    split = data.Split(build.prepare(config.data, None, tmp_path_factory.mktemp("data")), "test")
    return data.examples(split, LABELS, config.data)


def predictions(images=40, labels=3, seed=0, share=0.3):
    truth, noise = np.random.default_rng(0), np.random.default_rng(seed)
    each, wide = np.zeros(images, np.float32), noise.normal(size=(images, 10)).astype(np.float32)
    return Predictions(
        target=(truth.random((images, labels)) < share).astype(np.float32),
        weight=(truth.random((images, labels)) < 0.9).astype(np.float32),
        patient=np.arange(images).astype(str),
        probability=noise.random((images, labels)).astype(np.float32),
        **dict.fromkeys(("nll", "kl", "l1", "psnr", "ssim"), each),
        decoder_mean=wide,
        head_mean=wide,
    )


def opened(tmp_path, prior="dirichlet", **fields):
    """Not trained at all: what is gathered does not depend on it."""
    config = config_of(prior, metric="identity", **fields)
    net = runs.build_model(config, LABELS)
    params = unit_gain.parameters(net)
    return runs.Run(tmp_path, config, LABELS, net, params, 0)


def test_every_image_has_its_positives_first_and_then_the_likeliest():
    both = [predictions(seed=seed, labels=6) for seed in (1, 2)]
    made = walks.plan(both, 12, 4, seed=0)
    mean = (both[0].probability + both[1].probability) / 2
    assert len(set(made.position.tolist())) == 12
    for case, position in enumerate(made.position):
        chosen = made.label[made.row == case]
        positive = np.flatnonzero((both[0].target[position] > 0) & (both[0].weight[position] > 0))
        others = sorted(set(range(6)) - set(positive), key=lambda c: -mean[position, c])
        expected = [*sorted(positive, key=lambda c: -mean[position, c]), *others][:4]
        assert chosen.tolist() == expected
    np.testing.assert_array_equal(made.sign, np.where(mean[made.position[made.row], made.label] >= 0.5, -1, 1))


def test_each_label_in_turn_gives_a_positive_until_there_are_enough():
    scored = predictions(images=400, labels=5, share=0.05)
    positive = (scored.target > 0) & (scored.weight > 0)
    first = walks.plan([scored], 5, 1, seed=3)
    assert all(positive[p, c] for c, p in enumerate(first.position))
    every = walks.plan([scored], 1000, 1, seed=3).position
    assert sorted(every) == list(range(400))
    some = positive.any(axis=1)[every]
    assert some[: some.sum()].all()  # those without a positive come last
    np.testing.assert_array_equal(every[:5], first.position)
    assert not np.array_equal(walks.plan([scored], 5, 1, seed=4).position, first.position)


@pytest.mark.parametrize(("count", "classes"), [(0, 4), (3, 0)])
def test_nothing_to_show_is_refused(count, classes):
    with pytest.raises(ValueError, match="at least one case and one class"):
        walks.plan([predictions()], count, classes, 0)


def test_runs_that_scored_different_labels_are_refused():
    other = predictions()
    with pytest.raises(ValueError, match="different images or labels"):
        walks.plan([predictions(), other._replace(target=1 - other.target)], 2, 2, 0)


@pytest.mark.parametrize(
    ("labels", "content", "sentence"),
    [
        (["Edema"], "a", r"first and .*second know different findings \(Edema, Fracture and Edema\)"),
        (["Edema", "Fracture"], "b", r"first and .*second have different data sets \(content a and b\)"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_with_what_differs(tmp_path, labels, content, sentence):
    facts = {"labels": ["Edema", "Fracture"], "manifest": {"content_hash": "a"}}
    workdir.write_json(tmp_path / "first" / "data.json", facts)
    walks.agree([tmp_path / "first"] * 2)
    workdir.write_json(tmp_path / "second" / "data.json", {"labels": labels, "manifest": {"content_hash": content}})
    with pytest.raises(ValueError, match=sentence):
        walks.agree([tmp_path / "first", tmp_path / "second"])


def planned(examples):
    return walks.plan([predictions(len(examples.split))], 4, 3, seed=0)


def test_the_truth_is_the_phantoms(examples):
    made = planned(examples)
    known = walks.facts(examples, made, PhantomSimulator(SIDE))
    table = examples.split.table
    for row, (case, label) in enumerate(zip(made.row, made.label, strict=True)):
        position = made.position[case : case + 1]
        if LABELS[label] == "No Finding":
            assert np.isnan(known.effect[row]).all()
            continue
        exact = phantom.effect(table.factors[position], table.seed[position], LABELS[label], SIDE)
        np.testing.assert_allclose(known.effect[row], exact[0], atol=1e-6)
        boxes = table.boxes[position[0]]
        finding = {"Cardiomegaly": 2, "Pleural Effusion": 10}[LABELS[label]]
        np.testing.assert_array_equal(known.boxes[row], boxes[boxes[:, 0] == finding][:, 1:])
    np.testing.assert_allclose(known.image, examples.split.images(made.position)[..., 0] / 255.0, atol=1e-6)
    expected = np.where(examples.weight[made.position] > 0, examples.target[made.position], np.nan)
    np.testing.assert_array_equal(known.target, expected)
    assert np.isnan(walks.facts(examples, made).effect).all()


@pytest.mark.slow
def test_a_runs_paths_and_maps_are_the_librarys(examples, tmp_path):
    made, run = planned(examples), opened(tmp_path, devices=1)
    arm = walks.arm(run, "mine", examples, made, predictions())
    images = jnp.asarray(examples.split.images(made.position[made.row]) / np.float32(255))
    label, sign, options = jnp.asarray(made.label), jnp.asarray(made.sign), setting.options_of(run.model, run.config)
    path = traversals.on_manifold(run.model, run.params, images, label, sign, options)
    np.testing.assert_allclose(arm.frame, path.images[..., 0], atol=1e-5)
    np.testing.assert_allclose(arm.probability, path.probability, atol=1e-5)
    np.testing.assert_allclose(arm.distance, path.distance, atol=1e-5)
    np.testing.assert_allclose(arm.composition, np.exp(path.coordinates), atol=1e-5)  # log z of one simplex
    assert (arm.components, arm.own.shape) == (5, (3, 0))
    assert set(arm.maps) == set(methods.maps_of("ours", "rival")) - {"class_mean_difference"}
    keys = attributions.image_keys(jax.random.key(0), images)
    agreed = gated.change_and_evidence(run.model, run.params, images, label, sign, keys, gated.DRAWS, options)
    np.testing.assert_allclose(arm.maps["traversal_gated"], maps.gated(*agreed), atol=1e-5)
    shift = attributions.latent_shift(run.model, run.params, images, label)
    np.testing.assert_allclose(arm.maps["latent_shift"], shift, atol=1e-5)


def test_whole_queries_are_the_same_on_one_and_on_eight_devices(tmp_path, monkeypatch):
    run, rng = opened(tmp_path), np.random.default_rng(0)
    monkeypatch.setattr(walks, "BATCH", 7)
    images = rng.random((11, SIDE, SIDE, 1)).astype(np.float32)
    query = Query(images, np.arange(11) % 3, np.where(rng.random(11) < 0.5, 1.0, -1.0).astype(np.float32))
    options = setting.options_of(run.model, run.config)
    paths = [walks.follow(run.model, run.params, query, options, jax.devices()[:n]) for n in (1, 8)]
    assert len(paths[0].images) == len(paths[1].images) == 11
    for one, eight in zip(*paths, strict=True):
        np.testing.assert_allclose(one, eight, atol=1e-5)


@pytest.mark.parametrize("prior", ["dirichlet", "gaussian"])
@pytest.mark.parametrize("structure", ["global", "product", "spatial", "hierarchical"])
def test_a_composition_has_one_number_a_component(tmp_path, prior, structure):
    grid = {"grid": 8, "groups": 2} if structure != "global" else {}
    run = opened(tmp_path, prior, structure=structure, **grid)
    latent = run.model.latent
    coordinates = latent.point(run.model.encode(run.params, jax.numpy.ones((2, SIDE, SIDE, 1))))
    shown = walks.composition(run, np.asarray(coordinates)[:, None])
    groups = grid.get("groups", 1)
    assert shown.shape == (2, 1, 5 * groups)
    if prior == "dirichlet":
        np.testing.assert_allclose(shown.reshape(2, groups, 5).sum(axis=-1), 1.0, atol=1e-5)


def test_a_pair_counts_once_and_its_label_alone_hears_it(tmp_path):
    run = opened(tmp_path, structure="product", groups=6, latents=2, head="assigned")
    own = walks.owned(run)
    assert own.tolist() == [[0], [1], [2]]
    event = run.model.latent.spec.event
    rng = np.random.default_rng(0)
    first = jax.nn.log_softmax(rng.normal(size=(1, *event)).astype(np.float32))
    for label, (component,) in enumerate(own):
        other = np.array(first)
        other[0, component] = other[0, component, ::-1]
        change = run.model.classify(run.params, other) - run.model.classify(run.params, first)
        assert np.flatnonzero(np.abs(change[0]) > 1e-6).tolist() == [label]
        shown = walks.composition(run, other) - walks.composition(run, np.asarray(first))
        assert np.flatnonzero(np.abs(shown[0]) > 1e-6).tolist() == [component]
