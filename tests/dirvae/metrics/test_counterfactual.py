"""Counterfactual scores of paths whose properties are known."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from dirvae.metrics import counterfactual

B, H, W = 4, 6, 8
RNG = np.random.default_rng(0)
X = RNG.uniform(0.2, 0.8, (B, H, W, 1))
E = RNG.normal(size=(B, H, W))
UP = np.array([True, True, False, False])


def test_validity_counts_only_what_could_flip():
    before, after = np.array([0.1, 0.9, 0.9, 0.6]), np.array([0.7, 0.95, 0.4, 0.55])
    np.testing.assert_array_equal(counterfactual.validity(before, after, UP), [1.0, np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(counterfactual.validity(before, after, UP, 0.65), [1.0, np.nan, 1.0, np.nan])


def test_effectiveness():
    np.testing.assert_allclose(counterfactual.effectiveness(np.array([0.7, 1.0, 0.4, 0.0]), UP), [0.3, 0.0, 0.4, 0.0])


def test_proximity_and_sparsity_by_hand():
    other = X.copy()
    other[:, 0, 0] += 0.24
    np.testing.assert_allclose(counterfactual.proximity(X, other), 0.24 / (H * W))
    np.testing.assert_allclose(counterfactual.sparsity(X, other), 1 - 1 / (H * W))
    np.testing.assert_allclose(counterfactual.sparsity(X, other, tolerance=0.25), 1.0)


def test_null_steps():
    nulled = np.stack([X, X + 0.1, X - 0.3])
    np.testing.assert_allclose(counterfactual.composition(X, nulled).T, np.tile([0.0, 0.1, 0.3], (B, 1)), atol=1e-12)


def test_reversibility():
    there = X + np.array([0.2, 0.2, 0.2, 0.0])[:, None, None, None]
    back = np.stack([X[0], X[1] + 0.1, there[2], X[3]])
    np.testing.assert_allclose(counterfactual.reversibility(X, there, back), [0.0, 0.5, 1.0, np.nan], atol=1e-12)


def test_cout_of_a_call_that_flips_at_a_known_share():
    """Half of the pixels change and the call flips with the first of them: -1 before it, 1 after."""
    other = X.copy()
    other[:, : H // 2] = 0.0
    other[:, 0, 0] = -5.0
    flips = lambda shown: (shown[:, 0, 0, 0] < -1).astype(float)  # noqa: E731
    found = counterfactual.cout(flips, X, other, np.ones(B, bool), steps=H * W)
    np.testing.assert_allclose(found, 1.0 - 1.0 / (H * W))
    np.testing.assert_allclose(counterfactual.cout(flips, X, other, np.zeros(B, bool), steps=H * W), -found)
    never = lambda shown: np.zeros(len(shown))  # noqa: E731
    np.testing.assert_allclose(counterfactual.cout(never, X, other, UP), np.where(UP, -1.0, 1.0))


def test_off_target_is_in_units_of_each_logits_spread():
    change = np.array([[2.0, 1.0, 10.0], [-2.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    found = counterfactual.off_target(change, 0, np.array([1.0, 1.0, 10.0]))
    np.testing.assert_allclose(found, [0.5, 0.0, np.nan])
    kept = np.array([True, True, False])
    np.testing.assert_allclose(
        counterfactual.off_target(change, 1, np.array([1.0, 1.0, 10.0]), kept), [2.0, np.nan, 0.0]
    )


def test_correlation_with_the_exact_effect():
    d = RNG.normal(size=E.shape)
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(d, E, strict=True)]
    np.testing.assert_allclose(counterfactual.ncc(d, E), expected, atol=1e-6)
    np.testing.assert_allclose(counterfactual.ncc(0.01 * E - 3.0, E), 1.0, atol=1e-4)
    np.testing.assert_allclose(counterfactual.ncc(2.0 - 3.0 * E, E), -1.0, rtol=1e-12)
    effects = E.copy()
    effects[0] = 0.0
    np.testing.assert_allclose(counterfactual.ncc(np.zeros_like(E), effects), [np.nan, 0.0, 0.0, 0.0])


def test_severity_along_a_path():
    amount = np.array([0.0, 0.2, 0.5, 0.5, 1.5])
    frames = X[:, None, ..., 0] + amount[None, :, None, None] * E[:, None]
    np.testing.assert_allclose(counterfactual.severity(frames, E), np.tile(amount, (B, 1)))
    distance = np.tile([0.0, 1.0, 2.0, 2.0, 3.0], (B, 1))
    np.testing.assert_allclose(counterfactual.severity_response(frames, E, distance), 1.0)
    np.testing.assert_allclose(counterfactual.severity_response(frames, -E, distance), -1.0)


def test_severity_response_against_scipy():
    frames, distance = RNG.normal(size=(B, 7, H, W)), RNG.random((B, 7))
    shown = counterfactual.severity(frames, E)
    expected = [spearmanr(a, b).statistic for a, b in zip(shown, distance, strict=True)]
    np.testing.assert_allclose(counterfactual.severity_response(frames, E, distance), expected)
    effects = E.copy()
    effects[1] = 0.0
    assert np.isnan(counterfactual.severity_response(frames, effects, distance)).tolist() == [False, True, False, False]
    assert np.isnan(counterfactual.severity_response(frames, E, np.zeros((B, 7)))).all()


def test_reliance():
    logits = np.array([-2.0, 0.0, 2.0, 0.0])
    found = counterfactual.reliance(logits, logits + np.array([1.0, 2.0, 0.0, 1.0]), logits)
    assert found == pytest.approx(1.0 / np.sqrt(2.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: counterfactual.validity(np.full(B, 1.2), np.ones(B), UP), "within"),
        (lambda: counterfactual.proximity(X, X[:, :2]), "differ in shape"),
        (lambda: counterfactual.off_target(np.ones((B, 1)), 0, np.ones(1)), "at least one other"),
        (lambda: counterfactual.off_target(np.ones((B, 2)), 0, np.zeros(2)), "above 0"),
        (lambda: counterfactual.reliance(np.ones(3), np.ones(3), np.ones(9)), "every image the same"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
