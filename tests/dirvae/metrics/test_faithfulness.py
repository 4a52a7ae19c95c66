"""Curves of additive classifiers, whose areas are known, and imputation against a dense solution."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from dirvae.metrics import faithfulness

B, H, W = 3, 6, 8
RNG = np.random.default_rng(0)
IMAGES = RNG.random((B, H, W, 1)).astype(np.float32)
BLACK = np.zeros_like(IMAGES)
MAPS = IMAGES[..., 0]


def mean_level(images):
    return images.mean(axis=(1, 2, 3))


def test_deletion_of_an_additive_classifier_is_a_sorted_sum():
    curve = faithfulness.deletion(mean_level, IMAGES, BLACK, MAPS, steps=H * W)
    ordered = -np.sort(-MAPS.reshape(B, -1).astype(np.float64), axis=1)
    left = ordered.sum(axis=1, keepdims=True) - np.cumsum(ordered, axis=1)
    expected = np.concatenate([ordered.sum(axis=1, keepdims=True), left], axis=1) / (H * W)
    np.testing.assert_allclose(curve.value, expected, atol=1e-6)
    np.testing.assert_allclose(curve.area(), np.trapezoid(expected, dx=1 / (H * W), axis=1), atol=1e-6)


def test_the_true_order_is_best():
    areas = {
        name: (
            faithfulness.deletion(mean_level, IMAGES, BLACK, maps).area(),
            faithfulness.insertion(mean_level, IMAGES, BLACK, maps).area(),
        )
        for name, maps in {"true": MAPS, "random": RNG.random(MAPS.shape), "false": -MAPS}.items()
    }
    for other in ("random", "false"):
        assert np.all(areas["true"][0] < areas[other][0])
        assert np.all(areas["true"][1] > areas[other][1])


def test_curves_end_where_they_must():
    deleted = faithfulness.deletion(mean_level, IMAGES, BLACK, MAPS)
    inserted = faithfulness.insertion(mean_level, IMAGES, BLACK, MAPS)
    for curve, ends in ((deleted, (IMAGES, BLACK)), (inserted, (BLACK, IMAGES))):
        np.testing.assert_allclose(curve.value[:, [0, -1]].T, [mean_level(end) for end in ends], rtol=1e-6)


def test_ranks_are_a_permutation_and_ties_are_shuffled():
    rank = faithfulness.removal_rank(np.zeros((400, H, W)))
    np.testing.assert_array_equal(np.sort(rank.reshape(400, -1), axis=1), np.tile(np.arange(H * W), (400, 1)))
    assert abs(rank[:, 0, 0].mean() - (H * W - 1) / 2) < 4 * np.sqrt((H * W) ** 2 / 12 / 400)
    by_level = faithfulness.removal_rank(MAPS)
    assert all(r.ravel()[np.argmax(a)] == 0 for r, a in zip(by_level, MAPS, strict=True))


def test_imputation_against_a_dense_solution():
    """Each removed pixel is the mean of its neighbours with weights 1/6 and 1/12, scaled at borders."""
    removed = RNG.random((H, W)) < 0.6
    image = RNG.random((H, W, 2))
    filled = faithfulness.impute(image, removed, noise=0.0)
    np.testing.assert_array_equal(filled[~removed], image[~removed])
    for row, column in np.argwhere(removed):
        total, weights = np.zeros(2), 0.0
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                y, x = row + down, column + right
                if (down or right) and 0 <= y < H and 0 <= x < W:
                    weight = 1 / 12 if down and right else 1 / 6
                    total, weights = total + weight * filled[y, x], weights + weight
        np.testing.assert_allclose(filled[row, column], total / weights, atol=1e-10)


def test_imputation_keeps_a_constant_and_adds_its_noise():
    removed = np.ones((40, 40), bool)
    removed[0, 0] = False
    flat = np.full((40, 40, 1), 0.4)
    np.testing.assert_allclose(faithfulness.impute(flat, removed, noise=0.0), flat)
    noise = (faithfulness.impute(flat, removed, noise=0.02) - flat)[removed]
    assert noise.std() == pytest.approx(0.02, rel=0.06)
    np.testing.assert_array_equal(faithfulness.impute(flat, ~np.ones_like(removed)), flat)


def test_road_tells_a_true_map_from_a_random_one():
    """A bright square is the evidence; once it is imputed from its dark surroundings the answer falls."""
    images = np.full((B, 16, 16, 1), 0.2, np.float32)
    images[:, 5:9, 5:9] = 0.9
    square = images[..., 0] > 0.5
    classify = lambda shown: shown[:, 5:9, 5:9].mean(axis=(1, 2, 3))  # noqa: E731
    found = faithfulness.road(classify, images, square.astype(float), removed=(0.1, 0.3))
    np.testing.assert_allclose(found.most.value, 0.2, atol=0.02)
    np.testing.assert_allclose(found.least.value, 0.9, atol=0.02)
    np.testing.assert_allclose(found.gap(), 0.7, atol=0.03)
    chance = faithfulness.road(classify, images, RNG.random(square.shape), removed=(0.1, 0.3))
    assert np.all(np.abs(chance.gap()) < 0.35)


def test_rank_correlation_against_scipy():
    a, b = np.round(RNG.normal(size=(2, B, H, W)), 1)
    expected = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(faithfulness.rank_correlation(a, b), expected, rtol=1e-10)
    np.testing.assert_allclose(faithfulness.rank_correlation(a, -np.exp(a)), -1.0)
    assert np.isnan(faithfulness.rank_correlation(a, np.zeros_like(a))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: faithfulness.deletion(mean_level, IMAGES, BLACK, MAPS[:, :2]), "do not fit"),
        (lambda: faithfulness.road(mean_level, IMAGES, MAPS[:, :2]), "do not fit"),
        (lambda: faithfulness.road(mean_level, IMAGES, MAPS, removed=(0.5, 1.0)), "between 0 and 1"),
        (lambda: faithfulness.impute(IMAGES[0], np.ones((H, W), bool)), "every pixel is removed"),
        (lambda: faithfulness.removal_rank(np.full((1, H, W), np.nan)), "finite"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
