"""What a run has already seen of the images that it is scored on."""

from types import SimpleNamespace

import numpy as np
from support.stored import Stored

from dirvae.training import overlap


def split(name, numbers, patients, origin=""):
    """Images filled with their number but for one corner, which an image of one level would lack."""
    made = Stored(numbers)
    made.pixels[:, 0, 0] = 255 - made.pixels[:, 0, 0]
    made.name = name
    made.table = SimpleNamespace(
        patient=np.asarray(patients),
        path=np.asarray([f"{n}.png" for n in numbers]),
        origin=np.asarray([origin] * len(numbers)),
    )
    return made


def found(scored, *seen, scored_as=None, seen_as=None):
    theirs, mine = scored_as or {"": "NIH"}, seen_as or {"": "NIH"}
    return overlap.find(scored, seen, overlap.people(scored, theirs), [overlap.people(one, mine) for one in seen])


def test_patients_are_found_by_name_and_images_by_their_pixels():
    train, validation = split("train", [1, 2], ["a", "b"]), split("validation", [3], ["c"])
    scored = split("test", [1, 9, 10, 11], ["x", "c", "b", "y"])
    both = found(scored, train, validation)
    assert {name: list(rows) for name, rows in both.of_patients.items()} == {"train": [2], "validation": [1]}
    assert list(both.identical) == [0]
    assert list(both.positions) == [0, 1, 2]


def test_the_sentence_counts_and_names():
    scored = split("test", [9, 10, 11, 1], ["a", "a", "b", "z"])
    both = found(scored, split("train", [1], ["a"]), split("validation", [2], ["b"]))
    assert overlap.sentence(both, scored) == (
        "3 of 4 images are of 2 patients of the run's train and validation splits (a, b); "
        "1 of 4 images are, pixel for pixel, among those it learned from (1.png)"
    )
    assert overlap.record(both, scored)["known_patients"] == ["a", "b"]


def test_equal_names_of_other_collections_are_other_people():
    train, scored = split("train", [1], ["a"]), split("test", [2], ["a"])
    assert not found(scored, train, scored_as={"": "PadChest"}).of_patients


def test_a_patient_of_a_merged_set_is_known_without_the_sets_name():
    train = split("train", [1, 2], ["nih/a", "nih/b"], origin="nih")
    scored = split("test", [3], ["b"])
    both = found(scored, train, seen_as={"nih": "NIH", "mimic": "MIMIC"})
    assert list(both.of_patients["train"]) == [0]


def test_images_of_one_level_are_nobodys():
    train, scored = split("train", [1], ["a"]), split("test", [1], ["b"])
    for one in (train, scored):
        one.pixels[:] = 0
    assert overlap.sentence(found(scored, train), scored) == ""
