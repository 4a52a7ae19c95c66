"""Truths, entries and scores of a contest, on images whose answers are known."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_heads import IMAGES, POSTERIORS, ROWS, WEIGHTS, build

from dirvae import traversals
from dirvae.contest import choice, counterfactuals, entries, scoring, soundness, truth
from dirvae.contest.truth import Truth
from dirvae.labels import FINDINGS

N, SIDE = 12, 8
RNG = np.random.default_rng(0)


def known(finding="Edema", column=1):
    """Positives whose finding brightens one half of the image or the other."""
    effect = np.zeros((N, SIDE, SIDE), np.float32)
    effect[::2, :4], effect[1::2, 4:] = 0.3, 0.2
    low = RNG.random((N, SIDE, SIDE), np.float32) / 2
    mask = effect > truth.TAU
    prior = np.broadcast_to(mask.mean(axis=0), mask.shape)
    return Truth(
        finding,
        column,
        np.arange(N).astype(str),
        (low + effect)[..., None],
        mask,
        prior,
        low,
        low + effect,
        effect.mean(axis=0)[None],
    )


def test_the_exact_effect_is_perfect_and_the_priors_have_no_skill():
    one = known()
    entered = {"exact": one.effect, "location prior": one.prior, "mean effect": np.tile(one.mean_effect, (N, 1, 1))}
    found = scoring.table(scoring.every(one, entered), one.patient, 200)
    for score in ("rma", "rra", "hit", "iou", "pixel_auroc", "ncc", "rma_skill", "rra_skill", "ncc_skill"):
        np.testing.assert_allclose(found["exact"][score], 1.0, atol=1e-5)
    assert found["location prior"]["rma_skill"].value == found["location prior"]["rra_skill"].value == 0
    np.testing.assert_allclose(found["mean effect"]["ncc_skill"], 0.0, atol=1e-12)
    np.testing.assert_allclose(found["location prior"]["rma"].value, 0.5, atol=1e-12)


def test_an_interval_is_the_patient_bootstraps():
    values, patient = RNG.normal(size=300), np.repeat(np.arange(100), 3).astype(str)
    found = scoring.means({"score": values}, patient, 2000)["score"]
    means = values.reshape(100, 3).mean(axis=1)
    error = means.std(ddof=1) / 10
    np.testing.assert_allclose(
        [found.low, found.high], means.mean() + np.array([-1.96, 1.96]) * error, atol=0.2 * error
    )
    assert found.value == pytest.approx(values.mean())


def test_an_undefined_score_does_not_count():
    found = scoring.means(
        {"half": np.array([1.0, np.nan, 3.0, 2.0, 2.0]), "none": np.full(5, np.nan)}, np.array(list("abcde")), 50
    )
    assert found["half"].value == 2.0
    assert found["half"].low >= 1.0
    assert np.isnan(found["none"]).all()


def test_boxes_become_the_pixels_within_them():
    mask = truth.filled(np.array([[0.25, 0.5, 0.5, 1.0], [0.99, 0.0, 0.995, 0.01]]), 8, 8)
    expected = np.zeros((8, 8), bool)
    expected[2:4, 4:] = expected[7, 0] = True
    np.testing.assert_array_equal(mask, expected)


def test_images_with_a_box_of_the_finding_are_known():
    assert truth.has_box(boxed_examples(["a", "b"])).tolist() == [[False, True], [False, True], [False, False]]


def boxed_examples(patients):
    boxes = [np.array([[FINDINGS.index("Edema"), 0.0, 0.0, 0.5, 0.5 + 0.25 * (i % 2)]]) for i in range(len(patients))]
    table = SimpleNamespace(boxes=(*boxes, np.zeros((0, 5))), patient=np.asarray([*patients, "z"]))
    images = lambda positions: np.zeros((len(positions), 8, 8, 1), np.uint8)  # noqa: E731
    return SimpleNamespace(labels=("Cardiomegaly", "Edema"), split=SimpleNamespace(table=table, images=images))


def test_a_location_prior_never_learned_from_the_patient():
    made = truth.boxed(boxed_examples(["a", "a", "b"]), np.arange(4), 1)
    assert len(made.image) == 3  # the one without a box is left out
    np.testing.assert_array_equal(made.prior[0], made.mask[2])
    np.testing.assert_array_equal(made.prior[2], (made.mask[0] + made.mask[1].astype(float)) / 2)
    assert len(made.low) == 0
    assert "ncc" not in scoring.per_image(made, np.ones((3, 8, 8)))


def test_boxes_of_a_single_patient_make_no_contest():
    assert truth.boxed(boxed_examples(["a", "a"]), np.arange(3), 1) is None
    assert truth.boxed(boxed_examples(["a", "b"]), np.arange(3), 0) is None


@pytest.mark.parametrize("prior", POSTERIORS)
def test_a_permuted_direction_goes_as_far_elsewhere(prior):
    net, params = build(POSTERIORS[prior], WEIGHTS, prior)
    signs, options = jnp.ones(ROWS), traversals.Options(6, 0.3, 1.1)
    path = traversals.on_manifold(net, params, IMAGES, jnp.ones(ROWS, int), signs, options)
    keys = jax.random.split(jax.random.key(0), ROWS)
    end = entries.permuted(net, path, keys)
    before, ours, theirs = (
        np.float64(net.latent.to_head(c)) for c in (path.coordinates[:, 0], path.coordinates[:, -1], end)
    )
    np.testing.assert_allclose(np.sort(theirs - before), np.sort(ours - before), atol=2e-5)
    assert np.abs(theirs - ours).max() > 0.1
    if prior == "dirichlet":
        np.testing.assert_allclose(np.exp(np.float64(end)).sum(axis=-1), 1.0, atol=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_class_mean_difference_is_walked_to_its_end(sign):
    """A decoder that shows the first coordinate everywhere: the map is the change of it by what the class differs by."""
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")
    shown = lambda z: jnp.tile(z[:, :1, None, None], (1, SIDE, SIDE, 1))  # noqa: E731
    flat = net._replace(decode=lambda p, z: net.decode(p, z)._replace(logits=shown(z)))
    apart = np.zeros((2, len(WEIGHTS)), np.float32)
    apart[1, :2] = 0.6, -0.3
    found = entries.difference(flat, apart, sign)(params, IMAGES, jnp.ones(ROWS, int))["class-mean difference"]
    start = net.latent.point(POSTERIORS["gaussian"])[:, 0]
    expected = sign * (jax.nn.sigmoid(start + sign * 0.6) - jax.nn.sigmoid(start))
    np.testing.assert_allclose(found, np.tile(np.asarray(expected)[:, None, None], (1, SIDE, SIDE)), atol=1e-6)
    assert (found > 0).all()


def test_every_entry_is_a_map_of_every_image_and_filling_up_changes_none():
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")
    flat = net._replace(
        encode=lambda p, images, grid=None: POSTERIORS["gaussian"].__class__(
            *(x[:1].repeat(len(images), 0) for x in POSTERIORS["gaussian"])
        ),
        decode=lambda p, z: net.decode(p, z)._replace(logits=jnp.tile(z[:, :1, None, None], (1, SIDE, SIDE, 1))),
    )
    one, options = known(), traversals.Options(3, 0.3)
    entrants = [
        entries.ours(flat, options, -1.0),
        entries.released(flat, "gaussian", -1.0),
        entries.baseline(flat, "edges"),
    ]
    found = entries.enter(entrants, entries.rendered(flat), params, one, N)
    more = entries.enter(entrants, entries.rendered(flat), params, one, N + 5)
    assert {"traversal: gated", "gate", "as released: variance", "edges", "location prior", "ceiling"} <= set(found)
    np.testing.assert_allclose(found["mean effect, gated"], found["mean effect"] * found["gate"])
    for name, maps in found.items():
        assert maps.shape == (N, SIDE, SIDE)
        np.testing.assert_allclose(maps, more[name], atol=1e-6)
    np.testing.assert_allclose(found["ceiling"], 0.0)  # of an encoder that sees nothing


def test_the_better_geometry_is_picked():
    """A decoder that shows the first coordinate in the upper half: only a path along it draws an effect there."""
    weights = np.zeros(50)
    weights[0], weights[1] = 0.2, 1.0
    net, params = build(POSTERIORS["gaussian"], weights, "gaussian", labels=2)
    upper = jnp.asarray(np.repeat([1.0, 0.0], [4, 4])[:, None] * np.ones(SIDE), jnp.float32)[None, :, :, None]

    def draw(p, z):
        shown = z[:, :1, None, None] * upper + 0.5 * z[:, 1:2, None, None] * (1 - upper)
        return net.decode(p, z)._replace(logits=shown)

    encode = lambda p, images: jax.tree.map(lambda x: x[:1].repeat(len(images), 0), POSTERIORS["gaussian"])  # noqa: E731
    one = known()
    top = one._replace(high=one.low + 0.3 * np.asarray(upper)[..., 0])
    covariance = jnp.diag(jnp.asarray([25.0, 0.01, *np.ones(48)], jnp.float32))
    base = traversals.Options(4, 0.2, 1.1)
    name, options, tried = choice.choose(
        net._replace(decode=draw, encode=encode), params, base, covariance, 1.0, [top], N
    )
    assert name.startswith("covariance")
    assert options.metric is covariance
    assert tried["covariance"] > 0.99
    assert tried["identity"] < 0


@pytest.mark.parametrize(("threshold", "expected"), [(0.9, 0.95), (0.9995, 0.99999), (0.9999999, 0.95)])
def test_counterfactuals_go_on_until_another_classifier_is_convinced(threshold, expected):
    """It reads brightness, which the decoder gives to the very logit; where it is never convinced, the nearest target will do."""
    weights = np.zeros(50)
    weights[1] = 1.0
    net, params = build(POSTERIORS["gaussian"], weights, "gaussian", labels=2)

    def draw(p, z):
        bright = net.classify_channels(p, z)[:, 1]
        return net.decode(p, z)._replace(logits=bright[:, None, None, None] * jnp.ones((1, SIDE, SIDE, 1)))

    encode = lambda p, images: jax.tree.map(lambda x: x[:1].repeat(len(images), 0), POSTERIORS["gaussian"])  # noqa: E731
    judge = counterfactuals.Judge(lambda images: np.repeat(images.mean(axis=(1, 2)), 2, axis=1), np.full(2, threshold))
    options = traversals.Options(24, 0.6, 0.95, reach=True)
    blind = net._replace(decode=draw, encode=encode)
    found, tried = choice.target(blind, params, options, 1.0, [known()], N, judge)
    assert found.target_probability == expected
    assert next(iter(tried)) == "0.95"
    assert len(tried) == (1 if threshold == 0.9 else 3)


def test_labels_that_go_together_are_not_off_target():
    labels = ("No Finding", "Lung Opacity", "Edema", "Pneumothorax", "Cardiomegaly")
    assert counterfactuals.counted(labels, 2).tolist() == [False, False, True, True, True]
    assert counterfactuals.counted(labels, 1).tolist() == [False, True, False, True, True]
    assert counterfactuals.counted(labels, 0).all()


def test_a_path_that_removes_the_finding_is_a_valid_counterfactual():
    one = known()
    share = np.linspace(1.0, 0.0, 5, dtype=np.float32)
    frames = one.low[:, None] + share[None, :, None, None] * one.effect[:, None]
    probability = np.tile(np.stack([np.full(5, 0.3), 0.9 - 0.2 * np.arange(5)], axis=1), (N, 1, 1)).astype(np.float32)
    distance = np.tile(np.arange(5.0), (N, 1))
    path = traversals.Path(frames[..., None], probability, distance, np.zeros((N, 5, 2)))
    made = counterfactuals.Walks(path, one.high[..., None], np.stack([one.image] * 3))
    judge = counterfactuals.Judge(
        lambda images: np.tile((images - one.low[..., None]).max(axis=(1, 2, 3))[:, None] > 0.1, (1, 2)).astype(float),
        np.array([0.5, 0.5]),
    )
    found = counterfactuals.scores(made, one, ("Pneumothorax", "Edema"), np.ones(2), False, judge)
    np.testing.assert_array_equal(found["validity"], 1.0)
    np.testing.assert_array_equal(found["effectiveness"], 0.0)
    for name in ("off_target", "reversibility", "composition_1", "composition_3"):
        np.testing.assert_allclose(found[name], 0.0, atol=1e-6)
    np.testing.assert_allclose(found["severity_response"], 1.0)
    np.testing.assert_allclose(found["severity"], 1.0, atol=1e-5)
    np.testing.assert_allclose(found["sparsity"], 0.5)


def mean_of(region):
    """A classifier whose answer is the mean grey level of a region, for either of two labels."""
    return lambda images: np.repeat(images[:, region, :, 0].mean(axis=(1, 2))[:, None], 2, axis=1)


def test_a_map_of_what_the_classifier_reads_beats_one_of_the_rest():
    one = known()
    read, rest = np.zeros((N, SIDE, SIDE)), np.zeros((N, SIDE, SIDE))
    read[:, :4], rest[:, 4:] = 1.0, 1.0
    dark = one._replace(image=np.pad(np.full((N, 4, SIDE, 1), 0.9, np.float32), ((0, 0), (0, 4), (0, 0), (0, 0))))
    asked, found = soundness.faithful(mean_of(slice(0, 4)), dark, {"read": read, "rest": rest}, 5)
    assert len(set(asked)) == 5
    assert all(values.shape == (5,) for scores in found.values() for values in scores.values())
    assert (found["read"]["deletion"] < found["rest"]["deletion"]).all()
    assert (found["read"]["insertion"] > found["rest"]["insertion"]).all()
    assert (found["read"]["road"] > 0).all()
    np.testing.assert_allclose(found["read"]["road"], -found["rest"]["road"], atol=0.05)


def test_a_map_of_the_class_lies_on_the_grids_positive():
    rng = np.random.default_rng(0)
    yes = {"class": np.ones((4, 8, 8)), "any": rng.random((4, 8, 8))}
    no = {"class": np.zeros((9, 8, 8)), "any": rng.random((9, 8, 8))}
    positive, shares = soundness.class_shares(yes, no)
    assert sorted(positive) == [0, 1, 2, 3]
    np.testing.assert_allclose(shares["class"]["class_share"], 1.0)
    np.testing.assert_allclose(shares["any"]["class_share"], 0.25, atol=0.05)
    assert soundness.class_shares(yes, {name: maps[:2] for name, maps in no.items()})[1] == {}


def test_one_batch_holds_positives_of_every_finding():
    images, label, count = soundness.mixed([known(), known("Cardiomegaly", 0)], 7)
    np.testing.assert_array_equal(label, [1, 1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(images[0], images[6])
    assert count == 6
    assert soundness.mixed([known()] * 5, 3).count == 5
    maps = soundness.sizes([lambda params, images, label: {"a": -images[..., 0]}], None, soundness.mixed([known()], 5))
    assert (maps["a"] >= 0).all()
    assert len(maps["a"]) == 5


def test_a_lead_pairs_images_and_needs_patients():
    rng = np.random.default_rng(0)
    common, gap = rng.normal(0, 5, 40), rng.normal(0.5, 0.1, 40)
    each = {"ours": {"ncc": common + gap}, "theirs": {"ncc": common}}
    patient = np.arange(40).astype(str)
    found = scoring.leads([each, each], [patient, patient], "ours", "ncc", 500)["theirs"]
    assert found.value == pytest.approx(gap.mean())
    assert 0.4 < found.low < found.value < found.high < 0.6
    few = {name: {"ncc": scores["ncc"][:3]} for name, scores in each.items()}
    assert scoring.leads([each, few], [patient, patient[:3]], "ours", "ncc", 500)["theirs"].value == found.value
    assert np.isnan(scoring.leads([few], [patient[:3]], "ours", "ncc", 500)["theirs"].low)


def test_class_weights_are_divided_out_of_what_a_judge_says():
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")
    plain, weighted = (counterfactuals.classifier(net, params, w)(IMAGES) for w in (None, np.full(2, 4.0, np.float32)))
    np.testing.assert_allclose(weighted / (1 - weighted), plain / (1 - plain) / 4.0, rtol=1e-4)


def test_likeness_leaves_out_maps_without_an_order():
    ramp = np.arange(64.0).reshape(8, 8)
    ours, theirs = np.stack([ramp, ramp, ramp * 0]), np.stack([ramp, -ramp, ramp])
    assert soundness.likeness({"a": ours}, {"a": theirs}) == {"a": pytest.approx(0.0)}
    assert np.isnan(soundness.likeness({"a": ours[2:]}, {"a": theirs[2:]})["a"])


def test_images_without_the_finding_are_those_labelled_so():
    target, weight = np.array([[0.0], [1.0], [0.0], [0.0]]), np.array([[1.0], [1.0], [0.0], [1.0]])
    images = lambda positions: (np.asarray(positions)[:, None, None, None] * np.ones((1, 2, 2, 1))).astype(np.uint8)  # noqa: E731
    examples = SimpleNamespace(target=target, weight=weight, split=SimpleNamespace(images=images))
    found = truth.lacking(examples, 0, 5, 0)
    np.testing.assert_allclose(found[:, 0, 0, 0] * 255, [0, 3])
