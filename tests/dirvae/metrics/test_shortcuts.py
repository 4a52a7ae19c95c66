"""Detection of shortcuts, on shares whose answer is known."""

import numpy as np
import pytest

from dirvae.metrics import shortcuts

RNG = np.random.default_rng(0)
NULL = np.repeat([True, False], [5, 7])


def test_shares_are_read_against_the_other_null_models():
    share = RNG.random((12, 3))
    z = shortcuts.against_null(share, NULL)
    null = share[:5]
    np.testing.assert_allclose(z[8], (share[8] - null.mean(axis=0)) / null.std(axis=0, ddof=1))
    np.testing.assert_allclose(z[0], (share[0] - null[1:].mean(axis=0)) / null[1:].std(axis=0, ddof=1))


def test_two_null_models_are_too_few():
    with pytest.raises(ValueError, match="at least 3 models, not 2"):
        shortcuts.against_null(RNG.random((4, 3)), np.array([True, True, False, False]))


def test_ranks_leave_out_the_explained_finding():
    z = np.array([[9.0, 1.0, 2.0], [0.0, 5.0, 3.0]])
    np.testing.assert_array_equal(shortcuts.rank(z, np.array([2, 2]), np.array([0, 0])), [1, 2])
    np.testing.assert_array_equal(shortcuts.rank(z, np.array([1, 2]), np.array([2, 1])), [2, 1])


def test_detection_counts_what_it_says():
    z = np.array([0.0, 3.0, -1.0, 2.5, 1.0, 4.0])
    reliance = np.array([0.0, 0.1, 0.3, 0.5, 0.6, -0.9])
    null = np.array([True, True, True, False, False, False])
    found = shortcuts.detection(z, reliance, null, np.array([5, 1, 1, 1, 2, 1]), np.arange(6))
    assert (found.models, found.used) == (
        6,
        3,
    )  # the third null model does rely on its confounder, the last model against it
    wins = sum(a > b for a in z[2:5] for b in (0.0, 3.0, 4.0))
    assert found.auroc == pytest.approx(wins / 9)
    assert 0 <= found.low < found.auroc < found.high <= 1
    again = shortcuts.detection(
        np.tile(z, 9), np.tile(reliance, 9), np.tile(null, 9), np.zeros(54, int), np.tile(np.arange(6), 9)
    )
    assert (again.auroc, again.low, again.high) == pytest.approx(
        (found.auroc, found.low, found.high)
    )  # rows are not models
    assert found.false_alarms == 0.5
    assert found.detected == pytest.approx(1 / 3)
    assert found.ranked_first == pytest.approx(2 / 3)


def test_departures_are_from_the_other_null_models():
    average = RNG.normal(size=(12, 2, 3))
    found = shortcuts.departures(average, NULL)
    np.testing.assert_allclose(found[8], ((average[8] - average[:5].mean(axis=0)) ** 2).sum() / 1.2)
    np.testing.assert_allclose(found[0], ((average[0] - average[1:5].mean(axis=0)) ** 2).sum() / 1.25)


def test_what_cannot_be_told_is_not_a_number():
    z, place = RNG.normal(size=3), np.ones(3, int)
    none = shortcuts.detection(z, np.zeros(3), np.ones(3, bool), place, np.arange(3))
    assert np.isnan([none.auroc, none.detected, none.ranked_first]).all()
    every = shortcuts.detection(z, np.ones(3), np.zeros(3, bool), place, np.arange(3))
    assert np.isnan([every.auroc, every.false_alarms]).all()
    assert every.ranked_first == 1.0
    unranked = shortcuts.detection(z, np.ones(3), np.zeros(3, bool), np.full(3, shortcuts.UNRANKED), np.arange(3))
    assert np.isnan(unranked.ranked_first)
