"""A data set is its images: copies of the same names, sizes and times but other pixels are never taken for each other."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import provenance
from data_prep.build import main, prepare, read_manifest
from data_prep.source import SourceError
from data_prep.verify import raw_problems, verify
from dirvae.config import DataConfig

SIZE = 16
DATA = DataConfig(dataset="chexpert", image_size=SIZE)


def mask(path: Path) -> None:
    """Replaces an image's pixels by black ones; its size in bytes and its modification time stay, as `touch -r` leaves them."""
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    size = path.stat().st_size
    Image.fromarray(np.zeros((SIZE, SIZE), np.uint8)).save(path, format="BMP")
    assert path.stat().st_size == size
    os.utime(path, ns=times)


@pytest.fixture
def original(layout: Callable) -> Path:
    """A set of bitmaps, whose sizes do not depend on their content, under the names that the tables give."""
    made = layout()
    for path in made.root.rglob("*.png"):
        Image.open(path).save(path, format="BMP")
    return made.root


def level(built: Path) -> float:
    """Mean level of a data set's first test image."""
    import tensorflow_datasets as tfds

    return float(np.mean(tfds.builder_from_directory(built).as_data_source("test")[0]["image"]))


def built(root: Path, data_dir: Path, **fields: object) -> tuple[Path, list[str]]:
    said: list[str] = []
    return prepare(replace(DATA, **fields), root, data_dir, said.append), said


def stat_of(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(root)): path.stat()[6:9:2] for path in sorted(root.rglob("*.png"))}


def test_masked_copies_of_equal_sizes_and_times_are_another_data_set(tmp_path: Path, original: Path) -> None:
    data, copies = tmp_path / "data", tmp_path / "masked" / "set"
    first, _ = built(original, data)
    shutil.copytree(original, copies)
    for path in copies.rglob("*.png"):
        mask(path)
    assert stat_of(copies) == stat_of(original)
    second, said = built(copies, data)
    assert second != first
    assert any("other content" in line for line in said)
    assert level(second) == 0.0 < level(first)
    assert (built(original, data)[0], built(copies, data)[0]) == (first, second)
    assert not any("compar" in line for line in built(copies, data)[1])
    assert verify(second).problems == ()


def test_a_copy_is_compared_once_and_not_built_again(tmp_path: Path, original: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "other disk" / "set"
    first, _ = built(original, data)
    shutil.copytree(original, copy)
    again, said = built(copy, data)
    assert again == first
    assert said == [
        "data: 46 of 46 raw files were copied or touched since they were last read; comparing their content",
        "data: the raw files are those of the data set that is built",
    ]
    assert built(copy, data) == (first, [])
    assert built(original, data) == (first, [])


def test_a_moved_folder_is_the_same_data_set(tmp_path: Path, original: Path) -> None:
    data = tmp_path / "data"
    first, _ = built(original, data)
    original.rename(tmp_path / "renamed")
    assert built(tmp_path / "renamed", data) == (first, [])
    (tmp_path / "link").symlink_to(tmp_path / "renamed")
    assert built(tmp_path / "link", data) == (first, [])


def test_one_image_edited_in_place_is_noticed(tmp_path: Path, original: Path) -> None:
    data, image = tmp_path / "data", sorted(original.glob("valid/**/*.png"))[0]
    first, _ = built(original, data)
    mask(image)
    second, said = built(original, data)
    assert said[0].startswith("data: 1 of 46 raw files were copied or touched")
    assert second != first
    assert read_manifest(second)["content_hash"] != read_manifest(first)["content_hash"]
    assert built(original, data)[0] == second


def test_a_touched_image_of_the_same_content_is_not(tmp_path: Path, original: Path) -> None:
    data, image = tmp_path / "data", sorted(original.glob("valid/**/*.png"))[0]
    first, _ = built(original, data)
    os.utime(image, ns=(0, image.stat().st_mtime_ns))
    again, said = built(original, data)
    assert (again, len(said)) == (first, 2)
    assert built(original, data) == (first, [])


def test_a_folder_exchanged_for_another_is_noticed(tmp_path: Path, original: Path) -> None:
    """The copies are older than the data set, so that no time of theirs is later than its building."""
    data, copies = tmp_path / "data", tmp_path / "masked"
    shutil.copytree(original, copies)
    for path in copies.rglob("*.png"):
        mask(path)
    first, _ = built(original, data)
    original.rename(tmp_path / "aside")
    copies.rename(original)
    second, _ = built(original, data)
    assert second != first
    assert level(second) == 0.0


def test_an_interrupted_build_keeps_no_shard_of_other_pixels(tmp_path: Path, original: Path) -> None:
    """A patient's file that cannot be read ends the first build after the shards of train are written."""
    data = tmp_path / "data"
    image = sorted(original.glob("valid/**/*.png"))[0]
    sound = image.read_bytes()
    times = (image.stat().st_atime_ns, image.stat().st_mtime_ns)
    image.write_bytes(bytes(len(sound)))
    os.utime(image, ns=times)
    with pytest.raises(SourceError, match="cannot be read"):
        built(original, data)
    assert list(data.rglob("notes/*.npz"))
    image.write_bytes(sound)
    for path in original.rglob("*.png"):
        mask(path)
    assert level(built(original, data)[0]) == 0.0


def test_without_the_check_names_sizes_and_times_are_trusted(tmp_path: Path, original: Path) -> None:
    data = tmp_path / "data"
    first, _ = built(original, data)
    mask(sorted(original.glob("valid/**/*.png"))[0])
    assert built(original, data, check_files=False) == (first, [])


def test_a_read_only_data_set_is_used_though_it_learns_nothing(
    tmp_path: Path, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    first, _ = built(original, data)
    os.utime(sorted(original.glob("valid/**/*.png"))[0], ns=(0, original.stat().st_mtime_ns))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    before = (first / provenance.FILE).read_bytes()
    image = sorted(original.glob("valid/**/*.png"))[0]
    os.utime(image, ns=(0, int(provenance.read(first).mtimes[-6])))
    monkeypatch.setattr(provenance, "_write", refuse)  # a folder without rights does not stop root
    again, said = built(original, data)
    assert again == first
    assert said[-1].endswith("so that these raw files will be compared again next time")
    assert (first / provenance.FILE).read_bytes() == before


def test_a_damaged_record_is_told(tmp_path: Path, original: Path, capsys: pytest.CaptureFixture) -> None:
    first, _ = built(original, tmp_path / "data")
    (first / provenance.FILE).write_bytes(b"cut")
    flags = ["--dataset=chexpert", f"--raw_dir={original}", f"--data_dir={tmp_path / 'data'}", f"--image_size={SIZE}"]
    with pytest.raises(SystemExit) as stopped:
        main(flags)
    assert stopped.value.code == 1
    assert "data.check_files" in capsys.readouterr().err
    main([*flags, "--check_files=false"])


def test_verify_reads_the_raw_files_again(tmp_path: Path, original: Path) -> None:
    first, _ = built(original, tmp_path / "data")
    assert raw_problems(first, original) == []
    assert raw_problems(first, original.parent) == []
    images = sorted(original.glob("valid/**/*.png"))
    mask(images[0])
    images[1].unlink()
    problems = verify(first, original).problems
    assert problems == (
        *(f"the raw file {image.relative_to(original)} is not what was read" for image in images[:2]),
        f"2 of 46 raw files in {original} are not what was read",
    )
