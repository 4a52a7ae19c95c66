"""Hierarchical differences against a normal model whose spread is known, equivalence and Holm by hand."""

import numpy as np
import pytest
from scipy import stats

from dirvae.metrics import comparison

RNG = np.random.default_rng(0)


def runs(means, replicates=4000, spread=0.01, rng=RNG):
    """Metric of runs whose test-set noise is common to all of them, as for the same images."""
    noise = np.concatenate([[0.0], spread * rng.standard_normal(replicates)])
    return np.asarray(means)[:, None] + noise


def test_noise_that_both_arms_share_cancels_and_seeds_remain():
    noise = 0.05 * np.concatenate([[0.0], RNG.standard_normal(20_000)])
    a, b = np.array([0.8, 0.9, 1.0]), np.array([0.5, 0.6, 0.7])
    found = comparison.hierarchical_difference(a[:, None] + noise, b[:, None] + noise)
    assert found.difference == pytest.approx(0.3)
    expected = np.sqrt(a.var(ddof=1) / 3 + b.var(ddof=1) / 3)  # of means of three seeds
    assert found.replicates.std() == pytest.approx(expected, rel=0.03)


def test_identical_seeds_leave_the_noise_of_the_images():
    a, b = runs([0.7, 0.7], rng=np.random.default_rng(1)), runs([0.6, 0.6], rng=np.random.default_rng(2))
    found = comparison.hierarchical_difference(a, b)
    assert found.replicates.std() == pytest.approx(0.01 * np.sqrt(2), rel=0.05)
    assert found.interval[0] == pytest.approx(0.1 - 1.96 * 0.01414, abs=2e-3)
    assert found.interval[1] == pytest.approx(0.1 + 1.96 * 0.01414, abs=2e-3)


def test_p_is_small_for_a_difference_and_large_for_none():
    apart = comparison.hierarchical_difference(runs([0.7, 0.71]), runs([0.5, 0.51]))
    same = comparison.hierarchical_difference(runs([0.6, 0.62]), runs([0.61, 0.61]))
    assert apart.p == pytest.approx(2 / 4001)
    assert same.p > 0.2


def test_equivalence_needs_replicates_within_the_margin():
    gaps = np.concatenate([np.full(90, 0.0), np.full(5, -0.02), np.full(4, 0.02)])
    found = comparison.Difference(0.0, (-0.02, 0.02), 1.0, gaps)
    assert comparison.equivalence(found, 0.01) == pytest.approx((6 / 100, 6 / 100))
    assert comparison.equivalence(found, 0.03) == pytest.approx((1 / 100, 1 / 100))
    lower = comparison.Difference(0.5, (0.5, 0.5), 0.0, np.full(99, 0.5))
    assert comparison.equivalence(lower, 0.01) == pytest.approx((1 / 100, 1.0))  # better is not worse, nor the same


def test_holm_by_hand():
    found = comparison.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert comparison.holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((2, 5)), np.zeros((2, 6)), "same resamples"),
        (np.zeros((2, 1)), np.zeros((2, 1)), "at least one"),
        (np.full((2, 5), np.nan), np.zeros((2, 5)), "not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        comparison.hierarchical_difference(a, b)


def test_a_change_is_judged_on_the_same_seeds_and_images():
    """What a seed and the images do to both differences cancels; what is added to one of them remains."""
    rng = np.random.default_rng(3)
    a, b = runs([0.7, 0.8, 0.9], 500, 0.05, rng), runs([0.6, 0.5, 0.4], 500, 0.05, rng)
    sound = comparison.hierarchical_difference(a, b)
    moved = comparison.change(comparison.hierarchical_difference(a, b - 0.02), sound)
    assert moved.difference == pytest.approx(0.02)
    np.testing.assert_allclose(moved.interval, 0.02)
    assert moved.p == pytest.approx(2 / 501)
    assert comparison.change(sound, sound).p == 1.0
    with pytest.raises(ValueError, match="500 and 20 replicates cannot be paired"):
        comparison.change(sound, comparison.hierarchical_difference(a[:, :21], b[:, :21]))


def test_the_interval_of_one_arm_is_that_of_seeds_and_patients():
    noise = 0.02 * np.concatenate([[0.0], RNG.standard_normal(20_000)])
    low, high = comparison.hierarchical_mean(np.array([0.8, 0.9, 1.0])[:, None] + noise)
    assert (high - low) / (2 * 1.96) == pytest.approx(np.sqrt(0.1**2 / 3 + 0.02**2), rel=0.05)
    single = comparison.hierarchical_mean(0.8 + noise[None])
    assert single == pytest.approx((0.8 - 1.96 * 0.02, 0.8 + 1.96 * 0.02), abs=2e-3)


@pytest.mark.parametrize(("power", "level"), [(0.8, 0.05), (0.9, 0.01)])
def test_a_detectable_difference_is_found_as_often_as_asked(power, level):
    """The power of a two-sided normal test, both tails counted, from SciPy's distribution."""
    gap = comparison.detectable(0.03, power, level) / 0.03
    critical = stats.norm.isf(level / 2)
    assert stats.norm.sf(critical - gap) + stats.norm.cdf(-critical - gap) == pytest.approx(power, abs=1e-5)
    assert comparison.detectable(1.0) == pytest.approx(2.8016, abs=1e-4)


def test_the_resolution_of_a_difference_is_that_of_its_replicates():
    gaps = 0.4 + 0.01 * stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    found = comparison.Difference(0.4, (0.38, 0.42), 0.0, gaps)
    assert comparison.resolution(found) == pytest.approx(0.028, rel=0.01)
