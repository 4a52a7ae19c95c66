"""Probes find what a code holds and no more, choose without the scored split, and keep patients together."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from dirvae.metrics import readout
from dirvae.metrics.probes import LabelledCodes


def split(count, seed):
    """Two labels: the first is linear in latents 0 and 1, the second only in the product of latents 2 and 3."""
    rng = np.random.default_rng(seed)
    code = rng.normal(size=(count, 6))
    linear = code[:, 0] + code[:, 1] + 0.5 * rng.normal(size=count) > 0.5
    product = code[:, 2] * code[:, 3] > 0
    return LabelledCodes(code, np.stack([linear, product], axis=1).astype(np.float32), np.ones((count, 2), np.float32))


@pytest.fixture(scope="module")
def found():
    fitted, scored = split(600, 0), split(500, 1)
    drawn = np.bincount(np.random.default_rng(2).integers(500, size=500), minlength=500)
    weights = np.stack([np.ones(500), drawn]).astype(np.float64)
    return fitted, scored, weights, readout.readouts(fitted, scored, np.arange(600) % readout.FOLDS, weights)


def test_only_trees_read_a_product_and_permuted_codes_say_nothing(found):
    linear, boosted, permuted = found[3]
    assert 0.68 < linear[0] < 0.8  # one label well, the other not at all
    assert boosted[0] > 0.85
    assert linear[0] > permuted.max()
    assert abs(permuted.mean() - 0.5) < 0.01


def test_the_linear_probe_is_one_of_scikit_learn_on_the_same_examples(found):
    fitted, scored, weights, values = found
    centre, spread = fitted.code.mean(axis=0), fitted.code.std(axis=0)
    candidates = []
    for ridge in readout.RIDGES:
        model = LogisticRegression(C=ridge)
        odds = [
            model.fit((fitted.code - centre) / spread, y).decision_function((scored.code - centre) / spread)
            for y in fitted.target.T
        ]
        candidates.append(
            [
                np.mean([roc_auc_score(y, o, sample_weight=w) for y, o in zip(scored.target.T, odds, strict=True)])
                for w in weights
            ]
        )
    assert any(np.allclose(values.linear, each, atol=1e-4) for each in candidates)


def test_scored_labels_choose_nothing(found):
    """With the scored labels turned round each probe's area is turned round too, whatever was chosen."""
    fitted, scored, weights, values = found
    turned = readout.readouts(
        fitted, scored._replace(target=1 - scored.target), np.arange(600) % readout.FOLDS, weights
    )
    for each, other in zip(values, turned, strict=True):
        np.testing.assert_allclose(other, 1 - each)


def test_unknown_labels_are_neither_fitted_nor_scored():
    fitted, scored = split(200, 3), split(200, 4)
    fold, ones = np.arange(200) % readout.FOLDS, np.ones((1, 200))
    weight = np.ones((200, 2), np.float32)
    weight[150:, 0] = 0
    target = np.where(weight > 0, fitted.target, 1 - fitted.target)
    masked = [s._replace(weight=weight) for s in (fitted, scored)]
    found = readout.readouts(*masked, fold, ones)
    same = readout.readouts(masked[0]._replace(target=target), masked[1], fold, ones)
    for each, other in zip(found, same, strict=True):
        np.testing.assert_array_equal(each, other)


def test_patients_stay_in_one_fold():
    patient = np.random.default_rng(0).integers(60, size=300).astype(str)
    fold = readout.folds(patient)
    assert all(len(np.unique(fold[patient == name])) == 1 for name in np.unique(patient))
    sizes = np.bincount([fold[patient == name][0] for name in np.unique(patient)])
    assert len(sizes) == readout.FOLDS
    assert np.ptp(sizes) <= 1
