"""Information against scikit-learn and by hand, on perfect, duplicated, masked and silent codes."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from dirvae.metrics import information as info
from dirvae.metrics.probes import LabelledCodes


def labels(n=4000, prevalences=(0.5, 0.3, 0.2), seed=0):
    """Independent labels, all known."""
    target = (np.random.default_rng(seed).random((n, len(prevalences))) < prevalences).astype(float)
    return target, np.ones_like(target)


def measured(code, target, weight):
    """Mutual information and entropies, in nats."""
    return info.mutual_information(info.discretise(code), target, weight), info.label_entropy(target, weight)


def test_bins_hold_equally_many():
    bins = info.discretise(np.random.default_rng(0).normal(size=(1000, 3)))
    np.testing.assert_array_equal([np.bincount(column) for column in bins.T], np.full((3, 20), 50))


def test_bins_are_those_of_any_increasing_transform():
    code = np.round(np.random.default_rng(0).normal(size=(500, 2)), 1)
    np.testing.assert_array_equal(info.discretise(code), info.discretise(np.exp(5 * code)))


def test_equal_values_share_a_bin():
    code = np.array([[0.0] * 97 + [1.0] * 3, [0.0] * 3 + [1.0] * 97, [7.0] * 100]).T
    bins = info.discretise(code)
    np.testing.assert_array_equal([len(np.unique(column)) for column in bins.T], [2, 2, 1])


def test_mutual_information_against_scikit_learn_with_unknown_labels():
    target, weight = labels(900)
    rng = np.random.default_rng(1)
    code = np.round(target @ rng.normal(size=(3, 5)) + rng.normal(size=(900, 5)), 1)
    weight[rng.random(weight.shape) < 0.3] = 0
    bins = info.discretise(code)
    expected = [
        [mutual_info_score(target[weight[:, k] > 0, k], bins[weight[:, k] > 0, j]) for k in range(3)] for j in range(5)
    ]
    np.testing.assert_allclose(info.mutual_information(bins, target, weight), expected, rtol=1e-9, atol=1e-12)


def test_entropy_of_known_labels():
    target = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1]])
    weight = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]])
    quarter = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    np.testing.assert_allclose(info.label_entropy(target, weight), [np.log(2), quarter, 0], rtol=1e-12)


def test_a_label_informs_a_latent_that_is_its_own_of_all_its_entropy():
    target, weight = labels()
    table, entropy = measured(target, target, weight)
    np.testing.assert_allclose(np.diag(table), entropy, rtol=1e-9)
    assert info.mig(table, entropy).min() > 0.98


def test_a_continuous_code_of_a_rare_label_shows_what_the_bins_allow():
    """The docstring's bound, met at prevalence 3 %: the top bin holds all positives, at a share of 3/5."""
    target = np.zeros((10_000, 1))
    target[:300] = 1
    table, entropy = measured(
        target + 0.01 * np.random.default_rng(0).normal(size=target.shape), target, np.ones_like(target)
    )
    expected = 1 - 0.05 * info.label_entropy(np.repeat([[1], [0]], [3, 2], axis=0), np.ones((5, 1))) / entropy
    np.testing.assert_allclose(table[0] / entropy, expected, rtol=1e-9)
    assert expected == pytest.approx(0.75, abs=0.005)


def test_duplicated_latents_have_no_gap():
    target, weight = labels()
    np.testing.assert_array_equal(info.mig(*measured(np.hstack([target, target]), target, weight)), np.zeros(3))


def test_constant_latents_know_nothing():
    target, weight = labels()
    weight[::3] = 0
    silent = np.full((4000, 2), 0.3)
    table, entropy = measured(silent, target, weight)
    np.testing.assert_allclose(table, np.zeros((2, 3)), atol=1e-14)
    assert info.modularity(table) == 0
    nobody = info.active_latents(silent)
    assert info.infom(table / entropy, nobody) == info.infoc(table / entropy, nobody) == 0
    alone, _ = measured(target, target, weight)
    both, _ = measured(np.hstack([target, silent]), target, weight)
    assert info.modularity(both) == pytest.approx(info.modularity(alone) * 3 / 5, rel=1e-12)


def test_unknown_labels_do_not_count():
    target, weight = labels()
    weight[:1000, 0] = 0
    other = np.where(weight > 0, target, 1 - target)
    code = target + np.random.default_rng(0).normal(size=target.shape)
    for first, second in zip(measured(code, target, weight), measured(code, other, weight), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_label_with_one_value_has_no_gap_to_speak_of():
    target, weight = labels()
    target[:, 1] = 1
    gaps = info.mig(*measured(target, target, weight))
    np.testing.assert_array_equal(np.isnan(gaps), [False, True, False])


def test_modularity_by_hand():
    """1 - 1/4, 1 - 0, and a latent that knows nothing."""
    assert info.modularity(np.array([[2.0, 1.0], [0.0, 3.0], [0.0, 0.0]])) == pytest.approx((0.75 + 1.0 + 0.0) / 3)
    assert info.modularity(np.ones((4, 3))) == 0


def test_modularity_of_disentanglement_libs_vectors():
    """Its test_diagonal, test_diagonal_empty_codes, test_diagonal_empty_factors, test_zero and test_redundant_codes."""
    assert info.modularity(np.eye(5)) == pytest.approx(1.0)
    empty_codes = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert info.modularity(empty_codes) == pytest.approx(2 / 3)
    empty_factors = np.array([[1.0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0]])
    assert info.modularity(empty_factors) == pytest.approx(1.0)
    assert info.modularity(np.zeros((10, 10))) == 0
    assert info.modularity(np.tile(np.eye(5), (2, 1))) == pytest.approx(1.0)


def test_infom_and_infoc_by_hand():
    """Rows .8/1 and .3/.4, columns .8/.9 and .3/.5; the third latent is not active."""
    table, active = np.array([[0.8, 0.2], [0.1, 0.3], [0.9, 0.9]]), np.array([True, True, False])
    assert info.infom(table, active) == pytest.approx((0.775 - 0.5) / 0.5)
    assert info.infoc(table, active) == pytest.approx(((8 / 9 + 3 / 5) / 2 - 0.5) / 0.5)
    spread = np.full((3, 4), 0.2)
    assert info.infom(spread, np.ones(3, bool)) == pytest.approx(0, abs=1e-12)
    assert info.infoc(spread, np.ones(3, bool)) == pytest.approx(0, abs=1e-12)
    assert info.infoc(table, np.array([True, False, False])) == 1


def test_active_latents_have_a_twentieth_of_the_widest_range():
    np.testing.assert_array_equal(info.active_latents(np.array([[0, 0, 0], [20.0, 1.0, 1.1]])), [True, False, True])


def test_infoe_is_the_share_of_entropy_that_the_true_log_odds_remove():
    """y ~ Bernoulli(sigmoid(2 z_0 - 1)): the probe's family contains the truth, so 1 - E H(y|z)/H(y)."""
    rng = np.random.default_rng(0)
    code = rng.normal(size=(40_000, 3))
    p = 1 / (1 + np.exp(1 - 2 * code[:, 0]))
    target = np.stack([rng.random(len(p)) < p, rng.random(len(p)) < 0.1], axis=1).astype(float)
    truth = 1 - np.mean(-p * np.log(p) - (1 - p) * np.log1p(-p)) / info.label_entropy(target, np.ones_like(target))[0]
    train, test = (
        LabelledCodes(code[part], target[part], np.ones((20_000, 2))) for part in (slice(20_000), slice(20_000, None))
    )
    np.testing.assert_allclose(info.infoe(train, test), [truth, 0], atol=0.01)
    own = [split._replace(code=split.target) for split in (train, test)]
    assert info.infoe(*own).min() > 0.99


def test_latents_may_be_permuted():
    target, weight = labels()
    code = target @ np.random.default_rng(0).normal(size=(3, 5)) + np.random.default_rng(1).normal(size=(4000, 5))
    order = np.array([3, 0, 4, 1, 2])
    (table, entropy), (other, _) = measured(code, target, weight), measured(code[:, order], target, weight)
    np.testing.assert_allclose(other, table[order], rtol=1e-12)
    np.testing.assert_allclose(info.mig(other, entropy), info.mig(table, entropy), rtol=1e-12)
