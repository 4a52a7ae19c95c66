"""Localisation scores against brute force, chance and hand-made maps."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import jaccard_score, roc_auc_score

from data_prep.phantom import rendering
from dirvae.metrics import localisation

RNG = np.random.default_rng(0)
MASKS = RNG.random((6, 7, 9)) < np.array([0.1, 0.2, 0.3, 0.5, 0.7, 0.9])[:, None, None]
MAPS = RNG.random((6, 7, 9))


def small(map_, mask):
    """One image of 2 x 2."""
    return np.float64([[map_[:2], map_[2:]]]), np.array([[mask[:2], mask[2:]]], bool)


def test_scores_by_hand():
    a, m = small([4, 3, 2, 1], [1, 0, 1, 0])
    assert localisation.rma(a, m) == pytest.approx([0.6])
    assert localisation.rra(a, m) == pytest.approx([0.5])
    assert localisation.hit(a, m) == pytest.approx([1.0])
    assert localisation.matched_iou(a, m) == pytest.approx([1 / 3])
    assert localisation.pixel_auroc(a, m) == pytest.approx([0.75])


def test_top_pixels_against_set_operations():
    for a, m, rra, iou in zip(
        MAPS, MASKS, localisation.rra(MAPS, MASKS), localisation.matched_iou(MAPS, MASKS), strict=True
    ):
        top = np.zeros(a.size, bool)
        top[np.argsort(-a.ravel())[: m.sum()]] = True
        assert rra == pytest.approx((top & m.ravel()).sum() / m.sum())
        assert iou == pytest.approx(jaccard_score(m.ravel(), top))


def test_pixel_auroc_against_scikit_learn():
    coarse = np.round(MAPS, 1)  # ties
    expected = [roc_auc_score(m.ravel(), a.ravel()) for a, m in zip(coarse, MASKS, strict=True)]
    np.testing.assert_allclose(localisation.pixel_auroc(coarse, MASKS), expected)


def chance(masks):
    """What a random order of the pixels scores: with f the mask's share of the image, f, f/(2 - f) for IoU, 1/2 for AUROC."""
    share = masks.mean(axis=(1, 2))
    share = np.where(share > 0, share, np.nan)
    half = np.where((share > 0) & (share < 1), 0.5, np.nan)
    return {"rma": share, "rra": share, "hit": share, "iou": share / (2 - share), "pixel_auroc": half}


def test_a_random_map_scores_chance():
    mask = np.zeros((1, 12, 12), bool)
    mask[:, 2:6, 3:9] = True
    masks = np.repeat(mask, 4000, axis=0)
    found = localisation.panel(np.random.default_rng(1).random(masks.shape), masks)
    expected = chance(masks)
    for name, values in found.items():
        error = values.std() / np.sqrt(len(values))
        bias = 0.002 if name == "iou" else 0.0  # the mean of r/(2 - r) is not that of the mean
        assert abs(values.mean() - expected[name][0]) < 4 * error + bias, name


def test_ties_get_what_a_random_order_would():
    coarse = np.floor(MAPS * 3)
    orders = np.random.default_rng(2)
    for name in ("rra", "hit"):
        score = localisation.SCORES[name]
        broken = [score(coarse + 0.5 * orders.random(coarse.shape), MASKS) for _ in range(3000)]
        np.testing.assert_allclose(score(coarse, MASKS), np.mean(broken, axis=0), atol=0.04)


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_constant_map_scores_chance(level):
    found, expected = localisation.panel(np.full(MAPS.shape, level), MASKS), chance(MASKS)
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, err_msg=name)


def test_the_mask_itself_is_perfect():
    for name, values in localisation.panel(MASKS.astype(float), MASKS).items():
        np.testing.assert_allclose(values, 1.0, err_msg=name)


def test_scores_do_not_depend_on_scale():
    few = localisation.panel(MAPS, MASKS)
    for name, values in localisation.panel(1e-7 * MAPS, MASKS).items():
        np.testing.assert_allclose(values, few[name], err_msg=name)


def test_an_empty_mask_is_never_a_hit():
    empty, full = np.zeros((1, 3, 3), bool), np.ones((1, 3, 3), bool)
    for scores in (localisation.panel(np.ones((1, 3, 3)), empty), chance(empty)):
        assert all(np.isnan(values).all() for values in scores.values())
    assert np.isnan(localisation.pixel_auroc(np.ones((1, 3, 3)), full)).all()
    assert localisation.rra(np.ones((1, 3, 3)), full) == pytest.approx([1.0])


def test_accelerator_arrays_are_read():
    np.testing.assert_allclose(localisation.rma(jnp.asarray(MAPS), MASKS), localisation.rma(MAPS, MASKS), rtol=1e-6)


def test_skill():
    found = localisation.skill(np.array([0.5, 0.2, 1.0, 0.9]), np.array([0.5, 0.6, 0.6, 1.0]))
    np.testing.assert_allclose(found, [0.0, -1.0, 1.0, np.nan])


def test_mean_skill_leaves_out_what_has_no_score():
    score, reference = np.array([0.8, 0.4, np.nan, 0.9]), np.array([0.5, 0.3, 0.2, np.nan])
    weights = np.array([[1.0, 1.0, 5.0, 5.0], [0.0, 2.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    found = localisation.mean_skill(score, reference, weights)
    np.testing.assert_allclose(found, [0.2 / 0.6, 0.1 / 0.7, np.nan])
    np.testing.assert_allclose(localisation.mean_skill(score, reference), found[:1])


def test_published_overlaps_convert():
    """IoU .33 is rank accuracy .4962; chance f/(2 - f)."""
    assert localisation.iou_of(np.array([0.66 / 1.33])) == pytest.approx([0.33])


def test_a_location_prior_leaves_the_image_out():
    found = localisation.location_prior(MASKS)
    for row in range(len(MASKS)):
        np.testing.assert_allclose(found[row], np.delete(MASKS, row, axis=0).mean(axis=0))
    patient = np.array(["a", "b", "a", "c", "b", "a"])
    by_patient = localisation.location_prior(MASKS, patient)
    for row in range(len(MASKS)):
        np.testing.assert_allclose(by_patient[row], MASKS[patient != patient[row]].mean(axis=0))


def test_grids_have_one_positive_first():
    positive = np.arange(20) < 4
    members = localisation.draw_grids(positive, 10, seed=3)
    assert members.shape == (10, 4)
    assert positive[members[:, 0]].all()
    assert not positive[members[:, 1:]].any()
    assert all(len(set(row)) == 4 for row in members)
    assert np.ptp(np.bincount(members[:, 0], minlength=4)) <= 1


def test_class_sensitivity():
    maps = np.zeros((3, 4, 2, 2))
    maps[0, 0], maps[1, :] = -2.0, 1.0
    np.testing.assert_allclose(localisation.class_sensitivity(maps), [1.0, 0.25, 0.25])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: localisation.rma(MAPS[:, :3], MASKS), "differ in shape"),
        (lambda: localisation.hit(MAPS - 0.5, MASKS), "absolute value"),
        (lambda: localisation.rra(np.full(MAPS.shape, np.nan), MASKS), "finite"),
        (lambda: localisation.location_prior(MASKS[:1]), "at least two"),
        (lambda: localisation.location_prior(MASKS, np.zeros(6))[0], "at least two"),
        (lambda: localisation.draw_grids(np.zeros(9, bool), 2), "one positive and three negatives"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_studies_and_the_phantom_mean_the_same_by_a_changed_pixel():
    assert localisation.MASK_THRESHOLD == rendering.TAU
