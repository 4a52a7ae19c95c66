"""Intervals that cover, and DeLong's published arithmetic."""

import numpy as np
import pytest
from scipy import stats

from dirvae.metrics import bootstrap, classification, statistics

Y = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
A = np.array([0.9, 0.8, 0.3, 0.6, 0.7, 0.2, 0.1, 0.4, 0.35, 0.05])
B = np.array([0.7, 0.4, 0.5, 0.65, 0.6, 0.3, 0.2, 0.45, 0.55, 0.1])


def test_delong_vector():
    found = statistics.delong(Y, np.stack([A, B]))
    np.testing.assert_allclose(found.auroc, [0.8333333, 0.7916667], atol=5e-8)
    np.testing.assert_allclose(found.covariance, [[0.0208333, 0.0099537], [0.0099537, 0.0256944]], atol=5e-8)
    np.testing.assert_allclose([found.z, found.p], [0.2553770, 0.7984319], atol=5e-8)


def test_delong_with_ties_and_one_model():
    found = statistics.delong(np.array([1, 1, 0, 0]), np.array([[0.5, 0.5, 0.5, 0.2]]))
    np.testing.assert_allclose(found.auroc, [0.75])
    np.testing.assert_allclose(found.covariance, [[0.0625]])
    assert np.isnan(found.p)


def test_delong_of_scores_in_the_same_order():
    found = statistics.delong(Y, np.stack([A, A**2]))
    assert (found.z, found.p) == (0.0, 1.0)


def test_delong_areas_and_covariance_by_brute_force():
    """Structural components over all pairs, psi = 1, 1/2 or 0."""
    rng = np.random.default_rng(0)
    y, scores = rng.permutation(np.repeat([1, 0], [14, 26])), rng.integers(0, 10, (3, 40)) / 10
    gap = scores[:, y == 1][:, :, None] - scores[:, y == 0][:, None, :]
    psi = (np.sign(gap) + 1) / 2
    covariance = np.cov(psi.mean(axis=2)) / 14 + np.cov(psi.mean(axis=1)) / 26
    found = statistics.delong(y, scores)
    np.testing.assert_allclose(found.auroc, psi.mean(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9)


def test_delong_needs_two_of_each():
    with pytest.raises(ValueError, match="not 1 and 3"):
        statistics.delong(np.array([1, 0, 0, 0]), np.ones((1, 4)))


@pytest.mark.parametrize("cases", [2, 5])
def test_delong_has_no_p_where_the_estimated_variance_is_0(cases):
    """A perfect model against a reversed one: the areas differ by 1, and no placement varies."""
    y = np.repeat([1.0, 0.0], cases)
    found = statistics.delong(y, np.stack([y, 1.0 - y]))
    np.testing.assert_array_equal(found.auroc, [1, 0])
    assert np.isnan([found.z, found.p]).all()


def test_delong_has_no_p_of_three_cases():
    few = np.array([1, 1, 1, 0, 0, 0, 0])
    found = statistics.delong(few, np.stack([A[:7], B[:7]])[:, [0, 1, 3, 2, 4, 5, 6]])
    assert found.auroc[0] != found.auroc[1]
    assert np.isfinite(found.covariance).all()
    assert np.isnan(found.p)


def test_intervals_of_a_mean_cover_the_truth():
    """400 samples of 40 patients with three equal images each: images alone would cover 74 %."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(40), 3).astype(str)
    covered = 0
    for trial in range(400):
        low, high = statistics.mean_interval(np.repeat(rng.normal(2.0, 1.0, 40), 3), patient, 200, trial)
        covered += low <= 2.0 <= high
    assert 0.89 < covered / 400 < 0.98


def scores(seed=0, n=300):
    """Two labels; model a is better than b; patients of one or two images."""
    rng = np.random.default_rng(seed)
    target = (rng.random((n, 2)) < [0.4, 0.3]).astype(float)
    logits = 1.5 * target + rng.normal(size=(n, 2))
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    patient = (np.arange(n) // 2).astype(str)
    return target, np.ones_like(target), sigmoid(logits), sigmoid(logits + 1.5 * rng.normal(size=(n, 2))), patient


@pytest.mark.parametrize("metric", ["auprc", "brier", "ece"])
def test_intervals_of_other_scores_are_percentiles_of_rescored_resamples(metric):
    target, mask, p, _, patient = scores(n=120)
    mask[::7, 1] = 0
    intervals = statistics.intervals(target, mask, p, patient, ("x", "y"), 120, seed=3)
    weights = np.concatenate(list(bootstrap.patient_weights(patient, 120, 3)))
    values = []
    for row in weights.astype(int):
        resample = np.repeat(np.arange(120), row)
        panel = classification.panel(target[resample], mask[resample], p[resample], ("x", "y"))
        values.append([panel[metric][name] for name in ("macro", "x", "y")])
    percentiles = np.percentile(values, [2.5, 97.5], axis=0)
    for column, name in enumerate(("macro", "x", "y")):
        np.testing.assert_allclose(intervals.bounds[metric][name], percentiles[:, column], rtol=1e-9)


def test_intervals_agree_with_delong_for_independent_images():
    target, mask, p, _, _ = scores(n=500)
    low, high = statistics.intervals(target, mask, p, np.arange(500).astype(str), "xy", 100).bounds["auroc"]["x"]
    variance = statistics.delong(target[:, 0], p[:, :1].T).covariance[0, 0]
    np.testing.assert_allclose((high - low) / 3.92, np.sqrt(variance), rtol=0.12)


def test_undefined_labels_have_no_interval_and_leave_the_macro():
    target, mask, p, _, patient = scores()
    alone = statistics.intervals(target[:, :1], mask[:, :1], p[:, :1], patient, "x", 100).bounds
    target[:, 1] = 0
    bounds = statistics.intervals(target, mask, p, patient, "xy", 100).bounds
    assert np.isnan(bounds["auroc"]["y"]).all()
    assert bounds["auroc"] == {**alone["auroc"], "y": bounds["auroc"]["y"]}
    assert bounds["auprc"]["macro"] == bounds["auprc"]["x"]
    assert np.isfinite(bounds["brier"]["y"]).all()


def test_what_has_too_few_patients_has_no_interval_and_is_named():
    """One positive says nothing of its label's AUROC alone; 19 positive patients are too few for AUPRC, and the macro needs all."""
    target, mask, p, _, patient = scores(n=400)
    three = np.column_stack([target[:, 0], np.zeros((400, 2))])
    three[7, 1] = 1
    three[:38, 2] = 1  # of 19 patients
    mask, p = np.ones_like(three), np.column_stack([p, p[:, 0]])
    intervals = statistics.intervals(three, mask, p, patient, ("common", "single", "rare"), 50)
    assert intervals.missing["auroc"] == {"single": "1 positive and 200 negative patients, of 2 needed of each"}
    assert set(intervals.missing["auprc"]) == {"single", "rare", "macro"}
    assert "19 positive" in intervals.missing["auprc"]["rare"]
    assert intervals.missing["brier"] == {}
    for metric, reasons in intervals.missing.items():
        absent = {name for name, bounds in intervals.bounds[metric].items() if np.isnan(bounds).any()}
        assert absent == set(reasons)
    low, high = intervals.bounds["auroc"]["macro"]
    assert high - low > 0.15  # the single positive may lie anywhere


def test_paired_differences_of_rare_labels_have_no_interval_and_no_p():
    target, mask, a, b, patient = scores()
    target[:, 1] = 0
    target[7, 1] = 1
    macro, common, rare = statistics.paired_difference(target, mask, a, b, patient)
    assert np.isfinite([*macro.interval, macro.p, *common.interval, common.p, rare.difference]).all()
    assert np.isnan([*rare.interval, rare.p]).all()
    macro, common, rare = statistics.paired_difference(target, mask, a, b, patient, "auprc", 50)
    assert np.isfinite([macro.difference, *common.interval, common.p]).all()
    assert np.isnan([*macro.interval, macro.p, *rare.interval, rare.p]).all()


def test_paired_differences_are_of_the_same_images():
    target, mask, a, b, patient = scores()
    found = statistics.paired_difference(target, mask, a, b, patient, replicates=400)
    observed = [classification.panel(target, mask, p, "xy")["auroc"] for p in (a, b)]
    for pair, name in zip(found, ("macro", "x", "y"), strict=True):
        assert pair.difference == pytest.approx(observed[0][name] - observed[1][name])
        assert pair.interval[0] < pair.difference < pair.interval[1]
    assert found[0].p < 0.02
    swapped = statistics.paired_difference(target, mask, b, a, patient, replicates=400)
    np.testing.assert_allclose(swapped[0].interval, -np.array(found[0].interval[::-1]), rtol=1e-6)
    assert swapped[0].p == pytest.approx(found[0].p, rel=1e-4)


def test_paired_differences_agree_with_delong_for_independent_images():
    target, mask, a, b, _ = scores(n=500)
    pair = statistics.paired_difference(target, mask, a, b, np.arange(500).astype(str), replicates=1000)[1]
    covariance = statistics.delong(target[:, 0], np.stack([a[:, 0], b[:, 0]])).covariance
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    np.testing.assert_allclose((pair.interval[1] - pair.interval[0]) / 3.92, np.sqrt(variance), rtol=0.12)


def test_identical_models_differ_by_nothing():
    target, mask, a, _, patient = scores()
    for other, metric in ((a, "auroc"), (a, "auprc"), (a**2, "auroc"), (a**2, "auprc")):  # in the same order
        for pair in statistics.paired_difference(target, mask, a, other, patient, metric, replicates=100):
            assert pair == (0.0, (0.0, 0.0), 1.0)
    assert statistics.paired_mean_difference(a[:, 0], a[:, 0], patient, 100) == (0.0, (0.0, 0.0), 1.0)


def test_p_values_are_uniform_when_nothing_differs():
    """Under the null hypothesis a share alpha of p-values is below alpha."""
    rng = np.random.default_rng(0)
    patient = np.arange(60).astype(str)
    found = [statistics.paired_mean_difference(*rng.normal(size=(2, 60)), patient, 200, seed).p for seed in range(300)]
    assert abs(np.mean(np.array(found) < 0.1) - 0.1) < 0.06
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_differences_of_means_agree_with_a_t_interval():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.3, 1, 400), rng.normal(0, 1, 400)
    pair = statistics.paired_mean_difference(a, b, np.arange(400).astype(str), 1000)
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert pair.difference == pytest.approx((a - b).mean())
    np.testing.assert_allclose(pair.interval, [expected.low, expected.high], atol=0.03)
