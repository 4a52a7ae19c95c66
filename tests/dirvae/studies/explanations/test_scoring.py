"""Truths, scores and the faithfulness of explanations, on images whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.linear_heads import IMAGES, POSTERIORS, WEIGHTS, build
from support.truths import SIDE, N, known

from dirvae import model
from dirvae.explain import selection, truth
from dirvae.labels import FINDINGS
from dirvae.studies.explanations import counterfactuals, faithfulness, scoring

RNG = np.random.default_rng(0)


def test_the_exact_effect_is_perfect_and_the_priors_have_no_skill():
    one = known()
    entered = {"exact": one.effect, "location_prior": one.prior, "mean_effect": np.tile(one.mean_effect, (N, 1, 1))}
    found = scoring.estimates_by_map(scoring.score_maps(one, entered), one.patient, 200)
    for score in ("rma", "rra", "hit", "iou", "pixel_auroc", "ncc", "rma_skill", "rra_skill", "ncc_skill"):
        np.testing.assert_allclose(found["exact"][score], 1.0, atol=1e-5)
    assert found["location_prior"]["rma_skill"].value == found["location_prior"]["rra_skill"].value == 0
    np.testing.assert_allclose(found["mean_effect"]["ncc_skill"], 0.0, atol=1e-12)
    np.testing.assert_allclose(found["location_prior"]["rma"].value, 0.5, atol=1e-12)


def test_an_interval_is_the_patient_bootstraps():
    values, patient = RNG.normal(size=300), np.repeat(np.arange(100), 3).astype(str)
    found = scoring.mean_estimates({"score": values}, patient, 2000)["score"]
    means = values.reshape(100, 3).mean(axis=1)
    error = means.std(ddof=1) / 10
    np.testing.assert_allclose(
        [found.low, found.high], means.mean() + np.array([-1.96, 1.96]) * error, atol=0.2 * error
    )
    assert found.value == pytest.approx(values.mean())


def test_an_undefined_score_does_not_count():
    found = scoring.mean_estimates(
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
    labels = np.zeros((len(patients) + 1, len(FINDINGS)), np.int8)
    table = SimpleNamespace(boxes=(*boxes, np.zeros((0, 5))), patient=np.asarray([*patients, "z"]), labels=labels)
    table.masks = [np.zeros((0, 9), np.uint8)] * len(labels)
    images = lambda positions: np.zeros((len(positions), 8, 8, 1), np.uint8)  # noqa: E731
    split = SimpleNamespace(table=table, images=images, findings=FINDINGS)
    return SimpleNamespace(labels=("Cardiomegaly", "Edema"), split=split)


def test_a_location_prior_never_learned_from_the_patient():
    made = truth.boxed(boxed_examples(["a", "a", "b"]), np.arange(4), 1)
    assert len(made.image) == 3  # the one without a box is left out
    np.testing.assert_array_equal(made.prior[0], made.mask[2])
    np.testing.assert_array_equal(made.prior[2], (made.mask[0] + made.mask[1].astype(float)) / 2)
    assert len(made.low) == 0
    assert "ncc" not in scoring.per_image(made, np.ones((3, 8, 8)))


def test_boxes_of_a_single_patient_are_no_truth():
    assert truth.boxed(boxed_examples(["a", "a"]), np.arange(3), 1) is None
    assert truth.boxed(boxed_examples(["a", "b"]), np.arange(3), 0) is None


def mean_of(region):
    """A classifier whose answer is the mean grey level of a region, for either of two labels."""
    return lambda images: np.repeat(images[:, region, :, 0].mean(axis=(1, 2))[:, None], 2, axis=1)


def test_a_map_of_what_the_classifier_reads_beats_one_of_the_rest():
    one = known()
    read, rest = np.zeros((N, SIDE, SIDE)), np.zeros((N, SIDE, SIDE))
    read[:, :4], rest[:, 4:] = 1.0, 1.0
    dark = one._replace(image=np.pad(np.full((N, 4, SIDE, 1), 0.9, np.float32), ((0, 0), (0, 4), (0, 0), (0, 0))))
    asked, found = faithfulness.perturbation_scores(mean_of(slice(0, 4)), dark, {"read": read, "rest": rest}, 5)
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
    positive, shares = faithfulness.class_shares(yes, no)
    assert sorted(positive) == [0, 1, 2, 3]
    np.testing.assert_allclose(shares["class"]["class_share"], 1.0)
    np.testing.assert_allclose(shares["any"]["class_share"], 0.25, atol=0.05)
    assert faithfulness.class_shares(yes, {name: maps[:2] for name, maps in no.items()})[1] == {}


def test_one_batch_holds_positives_of_every_finding():
    (images, label, sign), count = faithfulness.mixed([known(), known("Cardiomegaly", 0)], -1.0, 7)
    np.testing.assert_array_equal(label, [1, 1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(sign, -np.ones(7))
    np.testing.assert_array_equal(images[0], images[6])
    assert count == 6
    assert faithfulness.mixed([known()] * 5, 1.0, 3).count == 5
    batch = faithfulness.mixed([known()], 1.0, 5)
    maps = faithfulness.sizes(lambda params, query: {"a": -query.images[..., 0]}, None, batch)
    assert (maps["a"] >= 0).all()
    assert len(maps["a"]) == 5


def test_a_difference_pairs_images_and_needs_patients():
    rng = np.random.default_rng(0)
    common, gap = rng.normal(0, 5, 40), rng.normal(0.5, 0.1, 40)
    each = {"ours": {"ncc": common + gap}, "theirs": {"ncc": common}}
    patient = np.arange(40).astype(str)
    found = scoring.paired_differences([each, each], [patient, patient], "ours", "ncc", 500)["theirs"]
    assert found.value == pytest.approx(gap.mean())
    assert 0.4 < found.low < found.value < found.high < 0.6
    few = {name: {"ncc": scores["ncc"][:3]} for name, scores in each.items()}
    assert (
        scoring.paired_differences([each, few], [patient, patient[:3]], "ours", "ncc", 500)["theirs"].value
        == found.value
    )
    assert np.isnan(scoring.paired_differences([few], [patient[:3]], "ours", "ncc", 500)["theirs"].low)


def test_class_weights_are_divided_out_of_what_a_classifier_says():
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")
    models = (model.calibrated(net, weights) for weights in (None, np.full(2, 4.0, np.float32)))
    plain, weighted = (counterfactuals.classifier(one, params)(IMAGES) for one in models)
    np.testing.assert_allclose(weighted / (1 - weighted), plain / (1 - plain) / 4.0, rtol=1e-4)


def test_likeness_leaves_out_maps_without_an_order():
    ramp = np.arange(64.0).reshape(8, 8)
    ours, theirs = np.stack([ramp, ramp, ramp * 0]), np.stack([ramp, -ramp, ramp])
    assert faithfulness.likeness({"a": ours}, {"a": theirs}) == {"a": pytest.approx(0.0)}
    assert np.isnan(faithfulness.likeness({"a": ours[2:]}, {"a": theirs[2:]})["a"])


def test_images_without_the_finding_are_those_labelled_so():
    target, weight = np.array([[0.0], [1.0], [0.0], [0.0]]), np.array([[1.0], [1.0], [0.0], [1.0]])
    examples = SimpleNamespace(target=target, weight=weight)
    assert selection.lacking(examples, 0, 5, 0).tolist() == [0, 3]
