"""A split opened by its columns is the split that its records hold, and an image is the one of its position."""

import numpy as np
import pytest
from support.given import Given, example

from data_prep import build
from dirvae.config import ConfigError
from dirvae.training import data

NOISE = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1), dtype=np.uint8)
MASK = np.random.default_rng(1).integers(0, 2, (2, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Seven examples in four shards, which differ in every field."""
    packed = np.concatenate([[[3], [5]], np.packbits(MASK.reshape(2, -1), axis=1)], axis=1).astype(np.uint8)
    several = np.random.default_rng(2).uniform(size=(3, 5)).astype(np.float32)
    changes = [
        {"boxes": several, "patient": "Jürgen"},
        {"masks": packed, "origin": "nih", "view": "LATERAL"},
        {"labels": np.full(14, -3, np.int8), "sex": "Male", "age": 70},
        {"boxes": np.zeros((0, 5), np.float32), "factors": np.asarray([1.5, 2.5], np.float32)},
        {"seed": -5, "study": "a/b", "path": "ein Bild.png"},
        {},
        {"masks": packed[:1], "boxes": several[:2]},
    ]
    examples = [example(image=image, **change) for image, change in zip(NOISE, changes, strict=True)]
    return build.build(Given({"train": examples}), tmp_path_factory.mktemp("data"), 1)


def test_columns_and_records_tell_the_same(built):
    by_columns = data.Split(built, "train").table
    (built / "columns-train.npz").rename(built / "aside")
    by_records = data.Split(built, "train").table
    (built / "aside").rename(built / "columns-train.npz")
    for name, expected in by_records._asdict().items():
        found = getattr(by_columns, name)
        assert len(found) == 7
        if name in ("boxes", "masks"):
            assert [part.tolist() for part in found] == [part.tolist() for part in expected]
            assert [part.tolist() for part in found[2:5]] == [expected[i].tolist() for i in (2, 3, 4)]
        else:
            assert found.dtype.kind == expected.dtype.kind, name
            np.testing.assert_array_equal(found, expected, err_msg=name)


def test_the_table_is_that_of_the_examples(built):
    table = data.Split(built, "train").table
    assert table.patient.tolist() == ["Jürgen", *"aaaaaa"]
    assert table.origin.tolist() == ["", "nih", *[""] * 5]
    assert table.view[:2].tolist() == ["PA", "LATERAL"]
    assert [len(boxes) for boxes in table.boxes] == [3, 1, 1, 0, 1, 1, 2]
    findings, masks = table.mask(1, 8)
    assert findings.tolist() == [3, 5]
    np.testing.assert_array_equal(masks, MASK.astype(bool))
    assert table.mask(0, 8)[1].shape == (0, 8, 8)


@pytest.mark.parametrize("megabytes", [0, 100])
def test_images_are_those_of_their_positions(built, megabytes):
    split = data.Split(built, "train", megabytes)
    for positions in ([3, 0, 3], [6, 5, 4, 3, 2, 1, 0], [2], []):
        np.testing.assert_array_equal(split.images(np.asarray(positions, int)), NOISE[positions])


@pytest.mark.parametrize("content", [b"", b"PK", b"cut"])
def test_damaged_columns_are_told_in_one_sentence(built, content):
    path = built / "columns-train.npz"
    sound = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"columns-train\.npz cannot be read .*delete it"):
        data.Split(built, "train")
    path.write_bytes(sound)
