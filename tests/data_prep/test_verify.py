"""Verification finds what can go wrong with a finished data set: damaged, lost or exchanged files, and leaking patients."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.build import build
from data_prep.manifest import FILE
from data_prep.source import SourceError
from data_prep.verify import check, main, verify

NOISE = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 1), dtype=np.uint8)


@pytest.fixture
def built(tmp_path: Path, given: Callable, plain_example: Callable) -> Path:
    """Two splits of four images and two shards each."""
    people = [plain_example(f"p{i}", image=image) for i, image in enumerate(NOISE)]
    return build(given({"train": people[:4], "test": people[4:]}, image_size=32), tmp_path, workers=1)


def shards(built: Path, split: str) -> list[Path]:
    return sorted(built.glob(f"*-{split}.array_record*"))


def exit_code(directory: Path) -> int:
    try:
        main([str(directory)])
    except SystemExit as stopped:
        return stopped.code
    return 0


def test_a_sound_set_has_no_problems(built: Path, capsys: pytest.CaptureFixture) -> None:
    report = verify(built)
    claimed = json.loads((built / FILE).read_text())
    assert report == ({"train": 4, "test": 4}, claimed["content_hash"], (), report.warnings)
    assert exit_code(built) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert (lines[0], lines[-1]) == (f"4 train, 4 test; content {claimed['content_hash'][:16]}", "sound")
    (warning,) = lines[1:-1]
    assert warning.startswith("warning: unusual brightness or contrast: 8 of 8 pictures (100.0%) are like noise")


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_changed_byte_is_found(built: Path, share: float, capsys: pytest.CaptureFixture) -> None:
    damaged = shards(built, "train")[1]
    content = bytearray(damaged.read_bytes())
    filled = np.flatnonzero(np.frombuffer(content, np.uint8))  # what follows the last record is padding
    content[filled[int(share * len(filled))]] ^= 0x10
    damaged.write_bytes(content)
    problems = verify(built).problems
    assert any(problem.startswith("train") for problem in problems)
    assert not any(problem.startswith("test") for problem in problems)
    assert exit_code(built) == 1
    assert f"{len(problems)} problems" in capsys.readouterr().err


def test_a_missing_shard_is_found(built: Path, capsys: pytest.CaptureFixture) -> None:
    shards(built, "test")[0].unlink()
    problems = verify(built).problems
    assert any("test[0] cannot be read" in problem for problem in problems)
    assert any("test: images is" in problem and problem.endswith("the manifest has 4") for problem in problems)
    assert exit_code(built) == 1
    assert "sound" not in capsys.readouterr().out


def test_a_truncated_shard_is_found(built: Path) -> None:
    cut = shards(built, "train")[0]
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert any(problem.startswith("train") for problem in verify(built).problems)


def test_exchanged_shards_are_found(built: Path) -> None:
    one, other = shards(built, "train")
    contents = one.read_bytes(), other.read_bytes()
    other.write_bytes(contents[0])
    one.write_bytes(contents[1])
    problems = verify(built).problems
    assert len(problems) == 3
    assert problems[0] == "train: the columns patient, path are not those of the records"
    assert problems[1].startswith("train: sha256 is")
    assert problems[2].startswith("the content hash is")


def test_a_patient_of_two_splits_is_found(tmp_path: Path, given: Callable, plain_example: Callable) -> None:
    train, test = [plain_example(name) for name in "abc"], [plain_example(name) for name in "dbe"]
    leaking = build(given({"train": train, "test": test}), tmp_path, workers=1)
    assert verify(leaking).problems == ("train and test share 1 patients, such as b",)
    assert exit_code(leaking) == 1


def test_a_manifest_that_tells_something_else_is_found(built: Path) -> None:
    claimed = json.loads((built / FILE).read_text())
    claimed["splits"]["train"]["labels"]["Edema"]["positive"] += 1
    claimed["splits"]["more"] = claimed["splits"]["test"]
    (built / FILE).write_text(json.dumps(claimed))
    problems = verify(built).problems
    assert problems[0].startswith("splits are ['test', 'train'], the manifest has ['more', 'test', 'train']")
    assert problems[1].startswith("train: labels is")
    assert len(problems) == 2


@pytest.mark.parametrize("name", [FILE, "dataset_info.json", "features.json"])
@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_set_without_its_descriptions_is_refused(
    built: Path, capsys: pytest.CaptureFixture, name: str, content: str
) -> None:
    (built / name).write_text(content)
    with pytest.raises(SourceError, match=r"build (it|the data set) again"):
        verify(built)
    assert exit_code(built) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1


def test_a_folder_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert exit_code(tmp_path / "nowhere") == 1
    assert "holds no finished data set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": np.zeros((8, 9, 1), np.uint8)}, "image is uint8(8, 9, 1), not uint8(8, 8, 1)"),
        ({"image": np.zeros((8, 8, 1), np.float32)}, "image is float32"),
        ({"labels": np.full(14, 2, np.int8)}, "labels are [2, 2"),
        ({"labels": np.zeros(13, np.int8)}, "labels are [0, 0"),
        ({"view": "OBLIQUE"}, "view is 'OBLIQUE'"),
        ({"sex": "male"}, "sex is 'male'"),
        ({"age": -2}, "age is -2"),
        ({"patient": ""}, "patient, study or path is empty"),
        ({"factors": np.asarray([np.nan], np.float32)}, "factors are not finite"),
        ({"boxes": np.asarray([[3, 0.5, 0.2, 0.1, 0.6]], np.float32)}, "boxes are"),
        ({"boxes": np.asarray([[3, 0.1, 0.2, 0.5, 1.1]], np.float32)}, "boxes are"),
        ({"boxes": np.asarray([[14, 0.1, 0.2, 0.5, 0.6]], np.float32)}, "boxes are"),
        ({"boxes": np.asarray([[3, 0.1, np.nan, 0.5, 0.6]], np.float32)}, "boxes are"),
    ],
)
def test_values_outside_the_schema_are_named(plain_example: Callable, change: dict, problem: str) -> None:
    assert list(check(plain_example(), (8, 8, 1), 14)) == []
    (found,) = check(plain_example(**change), (8, 8, 1), 14)
    assert problem in found
