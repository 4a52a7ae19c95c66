"""What is known of images: the phantom's exact effects, masks and boxes of the finding alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.settings import plain

from data_prep import build, phantom
from data_prep.phantom.simulator import PhantomSimulator
from dirvae.explain import truth
from dirvae.metrics import localisation
from dirvae.training import data

SIDE = 32


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    fields = {"image_size": SIDE, "phantom_train": 40, "phantom_validation": 4, "phantom_test": 40, "build_workers": 1}
    config = plain(fields)
    split = data.Split(build.prepare(config.data, None, tmp_path_factory.mktemp("data")), "test")
    return data.examples(split, ("Cardiomegaly", "Pleural Effusion", "No Finding"), config.data)


@pytest.mark.parametrize("finding", ["Cardiomegaly", "Pleural Effusion", "Lung Opacity", "Support Devices"])
def test_the_phantoms_effect_is_the_image_with_less_the_image_without(examples, finding):
    table = examples.split.table
    positive = np.flatnonzero(phantom.present(table.factors, finding))[:5]
    factors, seeds = table.factors[positive], table.seed[positive]
    added = truth.effect(PhantomSimulator(SIDE), factors, seeds, finding)
    without = phantom.render(phantom.do(factors, finding, 0.0), seeds, SIDE)
    stored = examples.split.images(positive)[..., 0] / 255
    np.testing.assert_allclose(without + added, stored, atol=0.5 / 255 + 1e-6)
    assert np.abs(added).max() > 0.05


def test_the_absence_of_findings_has_no_effect_of_its_own(examples):
    table = examples.split.table
    assert truth.effect(PhantomSimulator(SIDE), table.factors[:2], table.seed[:2], "No Finding") is None


def test_a_mask_is_where_the_effect_is_or_the_boxes_are(examples):
    positions = np.flatnonzero(examples.target[:, 1] > 0)[:3]
    exact = truth.of_images(examples, positions, 1, PhantomSimulator(SIDE))
    np.testing.assert_array_equal(exact.mask, np.abs(exact.effect) > localisation.MASK_THRESHOLD)
    boxed = truth.of_images(examples, positions, 1, None)
    assert len(boxed.effect) == 0
    for row, position in enumerate(positions):
        stored = examples.split.table.boxes[position]
        own = stored[stored[:, 0] == 10][:, 1:]
        np.testing.assert_array_equal(boxed.mask[row], truth.filled(own, SIDE, SIDE))


def test_the_prior_is_the_mean_mask_of_training_images(examples):
    positions = np.flatnonzero(examples.target[:, 1] > 0)[:2]
    exact = truth.exact(examples, examples, positions, 1, PhantomSimulator(SIDE))
    every = truth.of_images(examples, np.flatnonzero(examples.target[:, 1] > 0), 1, PhantomSimulator(SIDE))
    np.testing.assert_allclose(exact.prior[0], every.mask.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(exact.mean_effect[0], every.effect.mean(axis=0), atol=1e-6)
    assert truth.exact(examples, examples, positions, 2, PhantomSimulator(SIDE)) is None


def marked(stored, findings, boxes, masks=()):
    """Images of 8 x 8 pixels of a set with these findings, labels [N, F] and marks."""
    nothing = np.zeros((0, 9), np.uint8)
    table = SimpleNamespace(labels=np.asarray(stored, np.int8), boxes=boxes, masks=masks or [nothing] * len(boxes))
    return SimpleNamespace(findings=findings, table=table)


def test_boxes_of_the_parts_count_where_the_label_is_composed_of_theirs():
    mass = np.asarray([[0, 0.0, 0.0, 0.5, 0.5]], np.float32)
    composed = marked([[1, -3], [1, 0]], ("Mass", "Lung Lesion"), [mass, mass])
    found = truth.boxes_of(composed, np.arange(2), "Lung Lesion")
    np.testing.assert_array_equal(
        np.isfinite(found).all(axis=2), [[True], [False]]
    )  # the second's own label is negative
    unnamed = marked([[1]], ("Mass",), [mass])
    assert truth.boxes_of(unnamed, np.arange(1), "Lung Opacity").shape == (1, 1, 4)
    assert truth.boxes_of(unnamed, np.arange(1), "Edema").shape == (1, 0, 4)
