"""An example as bytes: nothing is lost, TFDS reads what was written, and the digest sees every field."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_prep import records
from data_prep.build import build
from data_prep.schema import SEXES, VIEWS, Example, features

CHANGES = {
    "image": np.zeros((8, 8, 1), np.uint8),
    "labels": np.full(14, -2, np.int8),
    "patient": "patient Ü",
    "study": "study/2",
    "view": "LATERAL",
    "sex": "Male",
    "age": 90,
    "path": "ein ander/Bild.png",
    "boxes": np.zeros((0, 5), np.float32),
    "factors": np.asarray([np.float32(1) / 3, -2.0], np.float32),
    "seed": -(2**62),
    "origin": "nih",
    "masks": np.arange(18, dtype=np.uint8).reshape(2, 9),
}


def assert_equal(one: Example, other: Example) -> None:
    for name, value in one._asdict().items():
        np.testing.assert_array_equal(np.ravel(getattr(other, name)), np.ravel(value), err_msg=name)
        if name in records.DTYPES:
            assert getattr(other, name).dtype == records.DTYPES[name], name
            assert getattr(other, name).size == value.size, name


@pytest.fixture
def stored(tmp_path: Path, given: Callable, plain_example: Callable) -> tuple[list[Example], Path]:
    """Examples that differ in every field, in every view and of every sex, and their data set."""
    examples = [plain_example()]
    examples += [plain_example(**{name: value}) for name, value in CHANGES.items()]
    examples += [plain_example(view=view) for view in VIEWS] + [plain_example(sex=sex) for sex in SEXES]
    boxes = np.random.default_rng(0).uniform(size=(7, 5)).astype(np.float32)
    examples.append(plain_example(boxes=boxes, image=np.arange(64, dtype=np.uint8).reshape(8, 8, 1)))
    return examples, build(given({"train": examples}, chunk_size=4), tmp_path, workers=1)


def test_examples_come_back_as_they_were(stored: tuple[list[Example], Path]) -> None:
    examples, directory = stored
    builder = tfds.builder_from_directory(directory)
    source = builder.as_data_source("train", decoders={"image": tfds.decode.SkipDecoding()})
    assert len(source) == len(examples)
    for position, example in enumerate(examples):
        assert_equal(example, records.decode(source[position], builder.info.features))


def test_tfds_reads_them_with_its_own_decoder(stored: tuple[list[Example], Path]) -> None:
    examples, directory = stored
    builder = tfds.builder_from_directory(directory)
    assert builder.info.features["view"].names == list(VIEWS)
    assert builder.info.splits["train"].num_examples == len(examples)
    for row, example in zip(builder.as_data_source("train"), examples, strict=True):
        np.testing.assert_array_equal(row["image"], example.image)
        np.testing.assert_array_equal(row["labels"], example.labels)
        np.testing.assert_array_equal(np.reshape(row["boxes"], (-1, 5)), example.boxes)
        np.testing.assert_array_equal(row["factors"], example.factors)
        assert builder.info.features["sex"].int2str(int(row["sex"])) == example.sex
        assert row["patient"].decode() == example.patient
        assert (int(row["age"]), int(row["seed"])) == (example.age, example.seed)


@pytest.mark.parametrize("change", [{"view": "OBLIQUE"}, {"sex": "male"}, {"labels": np.zeros(13, np.int8)}])
def test_what_does_not_fit_the_schema_is_not_written(plain_example: Callable, change: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        records.encode(plain_example(**change), features(8, 2))


@pytest.mark.parametrize("name", Example._fields)
def test_the_digest_sees_every_field(plain_example: Callable, name: str) -> None:
    assert set(CHANGES) == set(Example._fields)
    assert records.digest(plain_example(**{name: CHANGES[name]})) != records.digest(plain_example())


def test_the_digest_is_that_of_the_content(plain_example: Callable) -> None:
    """Golden: a change would make every published content hash void."""
    example = plain_example(image=np.arange(64, dtype=np.uint8).reshape(8, 8, 1))
    same = example._replace(
        image=np.asfortranarray(example.image.copy()), labels=example.labels.astype(np.int64), age=np.int32(-1)
    )
    golden = "3bf50de3589c43d8e2dc130e6348658c7562aa1e584adbfcf7ea0c968f7c9efa"
    assert records.digest(example).hex() == golden
    assert records.digest(same).hex() == golden
