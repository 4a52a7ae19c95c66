"""Scores against scikit-learn, with ties and weights, and against worked vectors."""

import itertools

import numpy as np
import pytest
from sklearn import metrics as sk

from dirvae.metrics import classification as c

Y = np.array([1, 1, 1, 0, 0, 0, 0.0])
P = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.4])
ONE = np.ones((1, 7))


def random(seed, n=60, levels=12):
    """Labels, scores with many ties, and integer weights with zeros, as a bootstrap makes them."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 2, n).astype(float),
        rng.integers(0, levels + 1, n) / levels,
        rng.integers(0, 4, (5, n)).astype(float),
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(c.auroc, 10 / 12), (c.auprc, 0.8666667), (c.brier, 0.1771429), (c.ece, 0.3428571)],
)
def test_vectors(metric, expected):
    np.testing.assert_allclose(metric(Y, P, ONE), [expected], atol=5e-8)


def test_calibration_over_five_bins_closed_on_the_right():
    np.testing.assert_allclose(c.ece(Y, P, ONE, bins=5), [0.1714286], atol=5e-8)


def test_ties_count_half():
    np.testing.assert_allclose(
        c.auroc(np.array([1, 1, 0, 0.0]), np.array([0.5, 0.5, 0.5, 0.2]), np.ones((1, 4))), [0.75]
    )


PEERS = {
    c.auroc: lambda y, p, w: sk.roc_auc_score(y, p, sample_weight=w),
    c.auprc: lambda y, p, w: sk.average_precision_score(y, p, sample_weight=w),
    c.brier: lambda y, p, w: sk.brier_score_loss(y, p, sample_weight=w),
}


@pytest.mark.parametrize("metric", PEERS)
@pytest.mark.parametrize("seed", range(4))
def test_against_scikit_learn_with_ties_and_weights(metric, seed):
    y, p, weights = random(seed)
    expected = [PEERS[metric](y, p, w) for w in weights]
    np.testing.assert_allclose(metric(y, p, weights), expected, rtol=1e-12)


@pytest.mark.parametrize("metric", [*PEERS, c.ece])
def test_weights_are_multiplicities(metric):
    y, p, weights = random(9)
    rows = [np.repeat(np.arange(len(y)), w.astype(int)) for w in weights]
    expected = [metric(y[r], p[r], np.ones((1, len(r))))[0] for r in rows]
    np.testing.assert_allclose(metric(y, p, weights), expected, rtol=1e-12)


@pytest.mark.parametrize("metric", c.METRICS.values())
def test_the_order_of_examples_does_not_matter(metric):
    y, p, weights = random(1)
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(metric(y[order], p[order], weights[:, order]), metric(y, p, weights), rtol=1e-12)


def test_rank_metrics_see_only_the_order():
    y, p, weights = random(2)
    for metric in (c.auroc, c.auprc):
        np.testing.assert_allclose(metric(y, p**3, weights), metric(y, p, weights), rtol=1e-12)
    np.testing.assert_allclose(c.auroc(y, 1 - p, weights), 1 - c.auroc(y, p, weights), rtol=1e-12)


def by_bins(y, p, edges):
    """The textbook loop: sum over bins (lo, hi] of their share times |mean y - mean p|."""
    total = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (p > low) & (p <= high) if low > 0 else p <= high
        if inside.any():
            total += inside.mean() * abs(y[inside].mean() - p[inside].mean())
    return total


def test_calibration_errors_against_the_textbook_loop():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 200).astype(float), rng.random(200)
    ones = np.ones((1, 200))
    np.testing.assert_allclose(c.ece(y, p, ones), [by_bins(y, p, np.linspace(0, 1, 11))], rtol=1e-9)
    ordered = np.sort(p)
    edges = np.concatenate([[0.0], ordered[19::20]])
    np.testing.assert_allclose(c.ece_mass(y, p, ones), [by_bins(y, p, edges)], rtol=1e-9)


def test_a_calibrated_constant_has_no_calibration_error():
    y = np.repeat([1.0, 0.0], [30, 70])
    for metric in (c.ece, c.ece_mass):
        np.testing.assert_allclose(metric(y, np.full(100, 0.3), np.ones((1, 100))), [0.0], atol=1e-12)
    np.testing.assert_allclose(c.ece(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.ones((1, 2))), [0.0])


def test_one_sided_labels_have_no_rank_scores():
    for y in (np.zeros(7), np.ones(7)):
        assert np.isnan(c.auroc(y, P, ONE)).all()
        assert np.isnan(c.auprc(y, P, ONE)).all()
        assert np.isfinite(c.brier(y, P, ONE)).all()
    lost = np.stack([Y, np.ones(7)])  # the first replicate drew no negative
    np.testing.assert_array_equal(np.isnan(c.auroc(Y, P, lost)), [True, False])


def table(seed=0, n=50):
    rng = np.random.default_rng(seed)
    return (rng.random((n, 3)) < 0.4).astype(float), (rng.random((n, 3)) < 0.8).astype(float), rng.random((n, 3))


def test_a_panel_scores_each_label_on_what_its_mask_keeps():
    target, mask, p = table()
    target[:, 2] = 0  # never positive
    scores = c.panel(target, mask, p, ("a", "b", "c"))
    for column, name in enumerate(("a", "b")):
        kept = mask[:, column] > 0
        assert scores["auroc"][name] == pytest.approx(sk.roc_auc_score(target[kept, column], p[kept, column]))
        assert scores["positives"][name] == target[kept, column].sum()
        assert scores["prevalence"][name] == pytest.approx(target[kept, column].mean())
    assert scores["undefined"] == ["c"]
    assert scores["auroc"]["macro"] == pytest.approx((scores["auroc"]["a"] + scores["auroc"]["b"]) / 2)
    assert np.isnan(scores["auroc"]["c"])
    assert scores["brier"]["macro"] == pytest.approx(np.mean([scores["brier"][name] for name in "abc"]))


def test_masked_labels_do_not_count():
    target, mask, p = table()
    changed, other = np.where(mask > 0, target, 1 - target), np.where(mask > 0, p, 1 - p)
    assert c.panel(changed, mask, other, "abc") == c.panel(target, mask, p, "abc")


def test_a_label_that_is_masked_everywhere_has_no_score():
    target, mask, p = table()
    mask[:, 0] = 0
    scores = c.panel(target, mask, p, "abc")
    assert all(np.isnan(scores[name]["a"]) for name in c.METRICS)
    assert scores["prevalence"]["a"] == 0


def test_macro_of_nothing():
    np.testing.assert_array_equal(c.macro(np.array([[np.nan, np.nan], [np.nan, 0.5]])), [np.nan, 0.5])


def test_predictions_must_be_probabilities():
    target, mask, p = table()
    for strange in (np.nan, -0.1, 1.1):
        q = p.copy()
        q[3:5, 1] = strange
        with pytest.raises(ValueError, match="2 predictions of b are not within"):
            c.panel(target, mask, q, "abc")
    with pytest.raises(ValueError, match="do not fit"):
        c.panel(target, mask, p, "ab")


def test_youden_thresholds_against_scikit_learn():
    target, mask, p = table(n=80)
    p = np.round(p, 1)
    target[:, 2] = 1
    found = c.youden_thresholds(target, mask, p)
    for column in range(2):
        kept = mask[:, column] > 0
        y, q = target[kept, column], p[kept, column]
        false, true, _ = sk.roc_curve(y, q, drop_intermediate=False)
        called = q >= found[column]
        assert called[y == 1].mean() - called[y == 0].mean() == pytest.approx(np.max(true - false))
    assert found[2] == 0.5


def test_operating_points_enclose_the_area_under_ties():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 200), rng.integers(0, 8, 200) / 8
    false, true = c.operating_points(y, p)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(sk.roc_auc_score(y, p), abs=1e-12)


def test_curves_leave_out_masked_examples_and_labels_with_one_value():
    """Three labels: one whose last example is masked, one that is never positive, one whose only negative is masked."""
    target = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1], [0, 0, 1.0]])
    mask = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 1, 1.0]])
    probability = np.tile(np.array([[0.8], [0.4], [0.6], [0.9]]), 3)
    first, *others = c.curves(target, mask, probability)
    assert others == [None, None]
    np.testing.assert_allclose(first.roc, [[0, 0, 0, 1], [0, 0.5, 1, 1]])
    np.testing.assert_allclose(first.reliability, [[0.4, 0.6, 0.8], [0, 1, 1]])
    assert first.means == pytest.approx((0.6, 2 / 3))
