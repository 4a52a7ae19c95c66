"""What a data set holds, counted: by hand on a few examples, and the same however they are spread over shards."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep import columns, records
from data_prep.build import build
from data_prep.manifest import FILE, Tally, content_hash, duplicates, read_manifest
from data_prep.source import SourceError
from dirvae.labels import FINDINGS, STATES


def added(tally: Tally, examples: list) -> Tally:
    digests = [records.digest(example) for example in examples]
    pixels = [records.pixel_digest(example.image) for example in examples]
    parts = (np.frombuffer(b"".join(part), np.uint8).reshape(-1, 32) for part in (digests, pixels))
    tally.add(columns.of(examples, len(FINDINGS), 2, 9), *parts)
    return tally


def tally(examples: list) -> Tally:
    return added(Tally(len(FINDINGS)), examples)


@pytest.fixture
def examples(plain_example: Callable) -> list:
    return [
        plain_example("a", age=40, view="AP", sex="Female"),
        plain_example("a", age=50, study="2", boxes=np.zeros((0, 5), np.float32)),
        plain_example("b", labels=np.full(14, -2, np.int8)),
        plain_example("c", age=70, labels=np.ones(14, np.int8)),
    ]


def test_summary_by_hand(examples: list) -> None:
    summary = tally(examples).summary(FINDINGS)
    assert (summary["images"], summary["patients"], summary["studies"], summary["boxes"]) == (4, 3, 4, 3)
    assert summary["labels"]["No Finding"] == dict(zip(STATES, (3, 0, 0, 1, 0), strict=True))
    assert summary["labels"]["Cardiomegaly"] == dict(zip(STATES, (1, 0, 2, 1, 0), strict=True))
    assert summary["labels"]["Support Devices"] == dict(zip(STATES, (1, 2, 0, 1, 0), strict=True))
    assert summary["views"] == {"AP": 1, "PA": 3}
    assert summary["sexes"] == {"Female": 1, "Unknown": 3}
    assert summary["age_quartiles"] == [45.0, 50.0, 60.0]  # of 40, 50 and 70: one age is not known
    whole = "".join(records.digest(example).hex() for example in examples)
    assert summary["sha256"] == hashlib.sha256(whole.encode()).hexdigest()


def test_parts_add_up_to_the_whole(examples: list) -> None:
    for cut in range(5):
        both = added(tally(examples[:cut]), examples[cut:])
        assert both.summary(FINDINGS) == tally(examples).summary(FINDINGS)
        assert both.patients == tally(examples).patients


def test_order_counts(examples: list) -> None:
    assert tally(examples[::-1]).sha256() != tally(examples).sha256()
    assert content_hash({"train": "1", "test": "2"}) == content_hash({"test": "2", "train": "1"})
    assert content_hash({"train": "1", "test": "2"}) != content_hash({"train": "2", "test": "1"})


def test_nothing_is_no_age() -> None:
    assert Tally(len(FINDINGS)).summary(FINDINGS)["age_quartiles"] is None


def test_pictures_of_several_splits_are_found_by_their_pixels(plain_example: Callable) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    pictures = {"train": [0, 1, 2, 1], "test": [3, 1, 0], "other": [1, 4, 5]}
    made = {
        split: tally([plain_example(f"{split}{i}", image=noise[n]) for i, n in enumerate(numbers)])
        for split, numbers in pictures.items()
    }
    assert duplicates(made) == {
        "images": 2,
        "splits": {"train, test": 1, "train, test, other": 1},
        "examples": [{"train": 0, "test": 2}, {"train": 1, "test": 1, "other": 0}],
    }
    assert duplicates({"train": made["train"]})["images"] == 0
    assert duplicates({})["images"] == 0


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"splits": {}}', "\x00\x01"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(SourceError, match=r"manifest\.json cannot be read .*build the data set again"):
        read_manifest(tmp_path)


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SourceError, match="holds no finished data set"):
            read_manifest(directory)


def test_the_manifest_tells_what_was_built(tmp_path: Path, given: Callable, examples: list) -> None:
    built = build(given({"train": examples[:2], "test": examples[2:]}), tmp_path, workers=1)
    whole = read_manifest(built)
    assert built == tmp_path / whole["name"] / whole["reader_version"]
    assert whole["splits"] == {
        "train": tally(examples[:2]).summary(FINDINGS),
        "test": tally(examples[2:]).summary(FINDINGS),
    }
    assert whole["content_hash"] == content_hash({s: whole["splits"][s]["sha256"] for s in ("train", "test")})
    assert (whole["image_size"], whole["skipped"], whole["options"]) == (8, [], {})
