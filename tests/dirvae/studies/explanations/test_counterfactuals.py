"""Ends of paths as counterfactuals, on paths whose answer is known."""

import numpy as np
from support.truths import N, known

from dirvae.explain import traversals
from dirvae.studies.explanations import counterfactuals


def test_labels_that_go_together_do_not_count_as_others():
    labels = ("No Finding", "Lung Opacity", "Edema", "Pneumothorax", "Cardiomegaly")
    assert counterfactuals.counted(labels, 2).tolist() == [False, False, True, True, True]
    assert counterfactuals.counted(labels, 1).tolist() == [False, True, False, True, True]
    assert counterfactuals.counted(labels, 0).all()


def test_a_path_that_removes_the_finding_is_a_valid_counterfactual():
    one = known()
    share = np.linspace(1.0, 0.0, 5, dtype=np.float32)
    frames = one.low[:, None] + share[None, :, None, None] * one.effect[:, None]
    probability = np.tile(np.stack([np.full(5, 0.3), 0.9 - 0.2 * np.arange(5)], axis=1), (N, 1, 1)).astype(np.float32)
    distance = np.tile(np.arange(5.0), (N, 1))
    shown = frames[..., None]
    path = traversals.Path(shown, probability, shown, probability, distance, np.zeros((N, 5, 2)))
    walks = counterfactuals.Walks(path, one.high[..., None], np.stack([one.image] * 3))
    independent = counterfactuals.IndependentClassifier(
        lambda images: np.tile((images - one.low[..., None]).max(axis=(1, 2, 3))[:, None] > 0.1, (1, 2)).astype(float),
        np.array([0.5, 0.5]),
    )
    reading = counterfactuals.Reading(("Pneumothorax", "Edema"), np.ones(2), False, independent)
    found = counterfactuals.scores(walks, one, reading)
    np.testing.assert_array_equal(found["validity"], 1.0)
    np.testing.assert_array_equal(found["seen"], 1.0)
    np.testing.assert_array_equal(found["effectiveness"], 0.0)
    for name in ("other_logits", "way_back", "composition_1", "composition_3"):
        np.testing.assert_allclose(found[name], 0.0, atol=1e-6)
    np.testing.assert_allclose(found["severity_response"], 1.0)
    np.testing.assert_allclose(found["severity"], 1.0, atol=1e-5)
    np.testing.assert_allclose(found["unchanged_pixels"], 0.5)
