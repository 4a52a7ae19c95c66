"""Which images are explained: outcomes are what their names say, and draws hang on the seed alone."""

import numpy as np

from dirvae.explain import selection
from dirvae.training.evaluate import Predictions


def predictions(images=200, labels=3):
    rng = np.random.default_rng(0)
    each = np.zeros(images, np.float32)
    return Predictions(
        target=rng.integers(0, 2, (images, labels)).astype(np.float32),
        weight=rng.integers(0, 2, (images, labels)).astype(np.float32),
        patient=np.arange(images).astype(str),
        probability=rng.random((images, labels)).astype(np.float32),
        **dict.fromkeys(("nll", "kl", "l1", "psnr", "ssim"), each),
        decoder_mean=each[:, None],
        head_mean=each[:, None],
    )


def test_true_positives_are_such_and_drawn_by_seed():
    made, threshold = predictions(), 0.7
    every = {
        i
        for i in range(200)
        if made.target[i, 1] == 1 and made.weight[i, 1] == 1 and made.probability[i, 1] >= threshold
    }
    assert set(selection.true_positives(made, 1, threshold, 200, seed=0)) == every
    some = selection.true_positives(made, 1, threshold, 4, seed=0)
    assert len(some) == len(set(some)) == 4
    assert set(some) <= every
    np.testing.assert_array_equal(some, selection.true_positives(made, 1, threshold, 4, seed=0))
    draws = {tuple(selection.true_positives(made, 1, threshold, 4, seed=seed)) for seed in range(20)}
    assert len(draws) > 10
    assert len(selection.true_positives(made, 1, 1.1, 4, seed=0)) == 0


def test_outcomes_are_what_their_names_say():
    made, threshold = predictions(), 0.7
    known, truth = made.weight[:, 1] > 0, made.target[:, 1] > 0
    called = made.probability[:, 1] >= threshold
    table = {"true positive": (True, True), "false positive": (False, True), "false negative": (True, False)}
    assert set(table) == set(selection.OUTCOMES)
    for outcome, (is_so, is_called) in table.items():
        every = selection.with_outcome(made, 1, threshold, outcome, 200, seed=0)
        assert every.tolist() == [i for i in range(200) if known[i] and truth[i] == is_so and called[i] == is_called]
        assert set(selection.with_outcome(made, 1, threshold, outcome, 3, seed=0)) < set(every)


def test_every_label_has_its_own_true_positives():
    made, thresholds = predictions(), np.array([0.2, 0.5, 0.7])
    every = selection.true_positives_of_all(made, thresholds, 4, seed=1)
    for label, threshold in enumerate(thresholds):
        np.testing.assert_array_equal(every[label], selection.true_positives(made, label, threshold, 4, seed=1))
