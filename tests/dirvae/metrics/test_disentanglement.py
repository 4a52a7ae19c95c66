"""Disentanglement on codes whose scores are known: perfect, duplicated, random, silent, and under intervention."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from support.known_codes import halves, labels, noisy

from dirvae.metrics import disentanglement
from dirvae.metrics.probes import LabelledCodes

I5 = np.eye(5)


@pytest.mark.parametrize(
    ("importance", "expected"),
    [
        (5 * I5, (1, 1)),
        (np.array([[1.0, 0], [0, 1], [0, 0]]), (1, 1)),
        (np.vstack([I5, I5]), (1, 1 - np.log(2) / np.log(10))),
        (np.hstack([I5, I5]), (1 - np.log(2) / np.log(10), 1)),
        (np.zeros((5, 5)), (0, 0)),
        (np.ones((3, 4)), (0, 0)),
        (np.array([[3.0, 0], [1, 1]]), (0.6, 0.2 + 0.8 * (0.75 * np.log2(3) - 1))),
    ],
)
def test_dci_vectors(importance, expected):
    """The last by hand: latents of mass 3 and 2, certain and undecided; labels of mass 4 (3 : 1) and 1 (from one latent)."""
    np.testing.assert_allclose(disentanglement.dci(importance), expected, atol=1e-12)


def test_duplicated_importances():
    assert disentanglement.dci(np.vstack([I5, I5])).completeness == pytest.approx(0.69897, abs=5e-6)


def test_areas_against_scikit_learn_with_ties_and_unknown_labels():
    target = labels(600)
    code = np.round(target @ np.random.default_rng(1).normal(size=(4, 6)) + noisy(np.zeros((600, 6)), 1.0), 1)
    weight = (np.random.default_rng(2).random(target.shape) < 0.7).astype(float)
    known = [weight[:, k] > 0 for k in range(4)]
    expected = [[roc_auc_score(target[rows, k], code[rows, j]) for k, rows in enumerate(known)] for j in range(6)]
    np.testing.assert_allclose(disentanglement.auc_matrix(LabelledCodes(code, target, weight)), expected, rtol=1e-12)


def test_aug_picks_on_train_and_scores_on_test():
    target = labels(800)
    train, test = halves(noisy(np.hstack([target, target]), 1.5), target)
    ability = [
        [[abs(2 * roc_auc_score(s.target[:, k], s.code[:, j]) - 1) for j in range(8)] for k in range(4)]
        for s in (train, test)
    ]
    found = disentanglement.aug(train, test)
    for k, (trained, tested) in enumerate(zip(*ability, strict=True)):
        best, second = np.argsort(trained)[::-1][:2]
        assert found.winner[k] == best
        assert found.value[k] == pytest.approx(tested[best] - tested[second])
    assert (found.value != np.sort(ability[1], axis=1)[:, -1] - np.sort(ability[1], axis=1)[:, -2]).any()


def test_aug_of_monotone_transforms_and_in_another_order():
    target = labels(2000)
    code, order = noisy(target, 1.0), np.array([2, 0, 3, 1])
    moved = np.stack([np.exp(code[:, 0]), -code[:, 1], code[:, 2] ** 3, 5 - 2 * code[:, 3]], axis=1)[:, order]
    found, other = disentanglement.aug(*halves(code, target)), disentanglement.aug(*halves(moved, target))
    np.testing.assert_allclose(other.value, found.value, rtol=1e-9)
    np.testing.assert_array_equal(order[other.winner], found.winner)


def test_sap_against_thresholds_tried_one_by_one():
    target = labels(240)
    train, test = halves(noisy(target, 1.0), target)
    accuracy = lambda y, called: (called[y == 1].mean() + (~called[y == 0]).mean()) / 2  # noqa: E731
    found = disentanglement.sap(train, test)
    for k in range(4):
        scores = []
        for j in range(4):
            values = np.sort(train.code[:, j])
            rules = [(sign, sign * t) for t in (values[1:] + values[:-1]) / 2 for sign in (1, -1)]
            trained = [accuracy(train.target[:, k], sign * train.code[:, j] >= t) for sign, t in rules]
            sign, t = rules[np.argmax(trained)]
            scores.append((max(trained), accuracy(test.target[:, k], sign * test.code[:, j] >= t)))
        best, second = np.argsort([-score[0] for score in scores], kind="stable")[:2]
        assert found.winner[k] == best
        assert found.value[k] == pytest.approx(scores[best][1] - scores[second][1])


def test_sap_of_perfect_and_silent_codes():
    target = labels(4000)
    np.testing.assert_allclose(disentanglement.sap(*halves(target, target)).value, 0.5, atol=0.05)
    silent = disentanglement.sap(*halves(np.full((4000, 3), 0.1), target))
    np.testing.assert_array_equal(silent.value, np.zeros(4))


def test_importances_find_the_latent_and_are_deterministic():
    target = labels(2000)
    code = np.hstack([noisy(np.zeros_like(target), 1.0, seed=3), noisy(target)])
    split = LabelledCodes(code, target, np.ones_like(target))
    gains = disentanglement.gain_importances(split)
    np.testing.assert_allclose(gains.sum(axis=0), np.ones(4))
    assert np.diag(gains[4:]).min() > 0.95
    np.testing.assert_array_equal(gains, disentanglement.gain_importances(split))
    np.testing.assert_array_equal(disentanglement.gain_importances(split._replace(code=np.ones_like(code))), 0 * gains)


def test_importances_leave_unknown_labels_out():
    target = labels(1000)
    weight = (np.arange(1000) % 3 > 0)[:, None] * np.ones_like(target)
    other = np.where(weight > 0, target, 1 - target)
    code = noisy(target, 1.0)
    first, second = (disentanglement.gain_importances(LabelledCodes(code, y, weight)) for y in (target, other))
    np.testing.assert_array_equal(first, second)


def test_udr_of_codes_that_agree_up_to_order_sign_and_transform():
    code = np.random.default_rng(0).normal(size=(20_000, 4))
    same = np.stack([-code[:, 2], np.exp(code[:, 0]), code[:, 3] ** 3, code[:, 1], np.full(20_000, 2.0)], axis=1)
    rotated = code @ stats.ortho_group.rvs(4, random_state=0)
    assert disentanglement.udr(code, same) == pytest.approx(1, abs=0.03)
    assert disentanglement.udr(code, rotated) < 0.6
    assert disentanglement.udr(code, np.random.default_rng(1).normal(size=(20_000, 4))) < 0.03
    assert disentanglement.udr(code, np.ones((20_000, 2))) == 0


def test_udr_by_hand_over_informative_latents():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 3)), rng.integers(0, 5, (60, 4)).astype(float)
    a[:, 0] += b[:, 1]
    masks = np.array([True, True, False]), np.array([True, True, False, True])
    table = np.array([[abs(stats.spearmanr(x, y)[0]) for y in b.T[masks[1]]] for x in a.T[masks[0]]])
    rows, columns = table.max(axis=1) ** 2 / table.sum(axis=1), table.max(axis=0) ** 2 / table.sum(axis=0)
    assert disentanglement.udr(a, b, masks) == pytest.approx((rows.sum() + columns.sum()) / 5)
    assert disentanglement.udr(b, a, masks[::-1]) == pytest.approx((rows.sum() + columns.sum()) / 5)
