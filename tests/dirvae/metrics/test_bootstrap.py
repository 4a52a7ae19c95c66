"""Resamples are whole patients; intervals and p values are those of the replicates that are defined."""

import numpy as np
import pytest
from scipy import stats

from dirvae.metrics import bootstrap


def test_resamples_are_whole_patients_with_replacement():
    patient = np.array(["a", "b", "b", "c", "c", "c", "d"])
    weights = np.concatenate(list(bootstrap.patient_weights(patient, 600)))
    assert weights.shape == (600, 7)
    np.testing.assert_array_equal(weights[:, 1], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 3], weights[:, 5])
    per_patient = weights[:, [0, 1, 3, 6]]
    np.testing.assert_array_equal(per_patient.sum(axis=1), np.full(600, 4))
    counts = np.bincount(per_patient[:, 0].astype(int), minlength=5)
    assert stats.chisquare(counts, 600 * stats.binom(4, 0.25).pmf(range(5))).pvalue > 1e-3


def test_resamples_follow_the_seed():
    patient = np.arange(20).astype(str)
    first, again, other = (np.concatenate(list(bootstrap.patient_weights(patient, 3, seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_sample_itself_comes_first():
    patient = np.array(["a", "a", "b"])
    weights = bootstrap.with_sample(patient, 10, 3)
    np.testing.assert_array_equal(weights[0], 1.0)
    np.testing.assert_array_equal(weights[1:], np.concatenate(list(bootstrap.patient_weights(patient, 10, 3))))
    values = np.array([1.0, 2.0, 6.0])
    expected = [np.average(values, weights=row) for row in weights[1:]]
    np.testing.assert_allclose(bootstrap.means(values, patient, 10, 3), expected, rtol=1e-12)


def test_percentiles_leave_undefined_replicates_out():
    values = np.random.default_rng(0).normal(size=(200, 3))
    values[::4, 1], values[:, 2] = np.nan, np.nan
    interval = bootstrap.percentiles(values)
    np.testing.assert_array_equal(interval[:, 0], np.percentile(values[:, 0], (2.5, 97.5)))
    np.testing.assert_array_equal(interval[:, 1], np.percentile(values[np.isfinite(values[:, 1]), 1], (2.5, 97.5)))
    assert np.isnan(interval[:, 2]).all()
    assert bootstrap.percentiles(values[:0]).shape == (2, 3)
    assert bootstrap.tails(0.95) == pytest.approx(bootstrap.CENTRAL)


def test_p_by_hand_and_its_floor():
    assert bootstrap.two_sided(np.array([1.0, 2.0, -1.0, np.nan])) == 1.0  # 2 (1 + 1)/(3 + 1)
    assert bootstrap.two_sided(np.ones(99)) == bootstrap.floor(99) == 2 / 100
    assert np.isnan(bootstrap.two_sided(np.array([np.nan])))


def test_seeds_vary_as_much_as_means_of_independent_seeds():
    values = np.array([0.8, 0.9, 1.0])[:, None] * np.ones(20_000)
    replicates = bootstrap.seeds_and_patients(values, np.random.default_rng(0))
    assert replicates.mean() == pytest.approx(0.9, abs=2e-3)
    assert replicates.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.03)
