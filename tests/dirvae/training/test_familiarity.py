"""Images that are unlike those of validation, and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.stored import Stored

from dirvae.training import familiarity

COUNT, SIDE = 200, 32


@pytest.fixture(scope="module")
def pictures():
    """Two dark lungs of unlike size in a bright body, uint8 [COUNT, SIDE, SIDE, 1]."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    lungs = np.exp(-(((x - 0.3) / 0.12) ** 2) - ((y - 0.45) / 0.25) ** 2)
    lungs = lungs + 0.8 * np.exp(-(((x - 0.72) / 0.1) ** 2) - ((y - 0.4) / 0.2) ** 2)
    body = 0.75 - 0.5 * lungs - 0.2 * (y < 0.12)
    drawn = body + 0.03 * rng.normal(size=(COUNT, 1, 1)) + 0.02 * rng.normal(size=(COUNT, SIDE, SIDE))
    return (255 * np.clip(drawn, 0, 1)).astype(np.uint8)[..., None]


def split(pixels):
    made = Stored(np.zeros(len(pixels)))
    made.pixels = pixels
    return made


@pytest.fixture(scope="module")
def reference(pictures):
    error = np.random.default_rng(1).normal(0.03, 0.004, COUNT).astype(np.float32)
    return familiarity.of_split(error, split(pictures))


def test_percentiles_count_the_validation_images_with_a_smaller_error(reference, pictures):
    error = float(np.sort(reference.error)[50])
    found = familiarity.standing(reference, pictures[0, ..., 0] / 255, error)
    assert found.percentile == pytest.approx(25.0, abs=0.5)
    assert found.unlike == ""


def test_usual_images_have_no_word(reference, pictures):
    assert familiarity.of_set(reference, reference.error, split(pictures)).warning == ""
    assert familiarity.of_set(reference, reference.error, split(pictures)).unlike == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.zeros_like, "it shows nothing but grey levels 0 to 0 of 255"),
        (np.ones_like, "it shows nothing but grey levels 255 to 255 of 255"),
        (lambda image: image / 16, "as 12 bits kept in 16 do; --intensity=range"),
        (lambda image: 1 - image, "dark and bright are exchanged"),
        (np.flipud, "is mirrored upside down"),
        (np.rot90, "lies on its left side"),
        (lambda image: np.random.default_rng(0).random(image.shape), "as in noise"),
    ],
)
def test_the_likely_cause_is_told(reference, pictures, change, words):
    found = familiarity.standing(reference, np.asarray(change(pictures[3, ..., 0] / 255.0)), 0.3)
    assert "reconstructed far worse than all validation images" in found.unlike
    assert words in found.unlike
    assert found.percentile == 100.0


def test_a_contrast_of_its_own_is_enough(reference, pictures):
    image = 0.5 + 0.3 * (pictures[0, ..., 0] / 255 - 0.5)
    found = familiarity.standing(reference, image, float(np.median(reference.error)))
    assert "a contrast unlike all validation images" in found.unlike


def test_a_set_is_unlike_where_half_of_it_is(reference, pictures):
    dim = np.concatenate([pictures[:60] // 16, pictures[60:100]])
    error = np.where(np.arange(100) < 60, 0.3, 0.03)
    found = familiarity.of_set(reference, error, split(dim))
    assert found.unlike == 60
    assert found.warning.startswith("60 of 100 images are unlike all that the run was validated on")
    assert "--intensity=range" in found.warning
    few = familiarity.of_set(reference, np.where(np.arange(100) < 3, 0.3, 0.03), split(pictures[:100]))
    assert (few.unlike, few.warning) == (3, "")


def test_a_run_of_an_earlier_version_knows_the_errors_alone(tmp_path, reference, pictures):
    known = familiarity.load(tmp_path, SimpleNamespace(l1=reference.error))
    assert familiarity.standing(known, pictures[0, ..., 0] / 255, 0.03).unlike == ""
    assert "worse" in familiarity.standing(known, pictures[0, ..., 0] / 255, 0.3).unlike
    familiarity.save(tmp_path, reference)
    again = familiarity.load(tmp_path, SimpleNamespace(l1=reference.error))
    for ours, theirs in zip(again, reference, strict=True):
        np.testing.assert_array_equal(ours, theirs)
