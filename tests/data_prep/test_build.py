"""The build as a whole: from raw files to a finished data set, what is left out, and what it says when it cannot."""

import fcntl
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds

from data_prep import sources
from data_prep.build import build, identity, main, prepare, prepare_split, read_manifest
from data_prep.phantom import Phantom, PhantomConfig
from data_prep.source import Source, SourceError
from data_prep.verify import verify
from dirvae.config import DataConfig

ROOT = Path(__file__).parents[2]
CHEXPERT = DataConfig(dataset="chexpert", image_size=16)


def chexpert(root: Path, only: str = "", **fields: Any) -> Source:
    """CheXpert at 16 pixels, or one of its tables."""
    data = replace(CHEXPERT, **fields)
    return sources.named("chexpert").open_split(root, only, data) if only else sources.open_source(data, root)


PHANTOM = DataConfig(phantom_train=20, phantom_validation=10, phantom_test=10, image_size=32)


def damage(layout: object, *positions: int) -> list[str]:
    """Empties images of train.csv; their paths."""
    paths = [layout.rows["train"][position]["Path"] for position in positions]
    for path in paths:
        (layout.root / path.removeprefix("set/")).write_bytes(b"")
    return paths


def test_a_built_set_is_sound_and_not_built_again(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    built = prepare(CHEXPERT, made.root, tmp_path / "data")
    report = verify(built)
    assert report.problems == ()
    assert report.images == chexpert(made.root).counts()
    assert sum(report.images.values()) == 46
    stamps = {path: path.stat().st_mtime_ns for path in built.iterdir()}
    assert prepare(CHEXPERT, made.root.parent, tmp_path / "data") == built
    assert {path: path.stat().st_mtime_ns for path in built.iterdir()} == stamps


def test_the_same_images_elsewhere_have_the_same_content(tmp_path: Path, layout: Callable) -> None:
    here, there = layout().root, tmp_path / "elsewhere" / "set"
    shutil.copytree(here, there)  # modification times are kept
    builds = [prepare(CHEXPERT, root, tmp_path / "data" / str(i)) for i, root in enumerate((here, there))]
    assert read_manifest(builds[0]) == read_manifest(builds[1])


def test_unreadable_images_are_listed_up_to_the_stated_share(tmp_path: Path, layout: Callable) -> None:
    """One of 46 is 2.17 %."""
    made = layout()
    (path,) = damage(made, 3)
    source = chexpert(made.root)
    built = build(source, tmp_path / "data", 1, max_skipped_percent=2.2)
    (item,) = read_manifest(built)["skipped"]
    assert (item["path"], item["reason"]) == (path, "the file is empty")
    assert path in {entry.row.path for entry in source.plan().entries[item["split"]]}
    assert verify(built).problems == ()
    assert sum(verify(built).images.values()) == 45


def test_more_unreadable_images_than_stated_fail_the_build(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    (path,) = damage(made, 3)
    with pytest.raises(SourceError, match=rf"^1 of 46 images cannot be read, more than 2.1 % \(the first: {path}: the"):
        build(chexpert(made.root), tmp_path / "data", 1, max_skipped_percent=2.1)
    assert not list(tmp_path.rglob("manifest.json"))


def test_mended_images_are_read_by_the_next_build(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    sound = {path: (made.root / path.removeprefix("set/")).read_bytes() for path in made.pixels}
    expected = build(chexpert(made.root), tmp_path / "sound", 1)
    damaged = damage(made, *range(10))
    with pytest.raises(SourceError, match=r"images cannot be read.*data\.max_skipped_percent"):
        build(chexpert(made.root), tmp_path / "data", 1)
    for path in damaged:
        (made.root / path.removeprefix("set/")).write_bytes(sound[path])
    mended = read_manifest(build(chexpert(made.root), tmp_path / "data", 1))
    assert mended["content_hash"] == read_manifest(expected)["content_hash"]
    assert mended["splits"] == read_manifest(expected)["splits"]


def test_a_split_without_a_readable_image_is_refused(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    for row in made.rows["valid"]:
        (made.root / row["Path"].removeprefix("set/")).unlink()
    with pytest.raises(SourceError, match=r"no image of the split test can be read \(the first: no such file\)"):
        build(chexpert(made.root), tmp_path / "data", 1, 100.0)


def test_a_place_that_cannot_hold_data_is_refused(tmp_path: Path, layout: Callable) -> None:
    (tmp_path / "file").write_text("")
    for data_dir in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("a" * 300)):
        with pytest.raises(SourceError, match=r"cannot be written .*choose another data_dir"):
            build(chexpert(layout().root), data_dir, 1)


def test_a_second_build_waits_for_the_first(tmp_path: Path) -> None:
    source, said = Phantom(PhantomConfig(train=2, validation=2, test=2, image_size=32)), []
    waiting = threading.Event()

    def progress(text: str) -> None:
        said.append(text)
        waiting.set()

    lock = tmp_path / identity(source) / ".lock"
    lock.parent.mkdir()
    second = threading.Thread(target=build, args=(source, tmp_path, 1, 1.0, progress))
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second.start()
        assert waiting.wait(120)
        assert not list(lock.parent.rglob("manifest.json"))
    second.join()
    assert said[0] == f"data: another process is building {identity(source)}; waiting for it"
    assert verify(lock.parent / source.version).problems == ()


def test_every_choice_that_changes_the_content_is_another_folder(layout: Callable) -> None:
    root = layout().root
    sources = [chexpert(root), chexpert(root, image_size=24), chexpert(root, views="all"), chexpert(root, folds=2)]
    sources += [chexpert(root, validation_percent=20), chexpert(root, folds=2, fold=1)]
    sources += [chexpert(root, "train"), *(Phantom(PhantomConfig(seed=seed)) for seed in (0, 1))]
    assert len({identity(source) for source in sources}) == len(sources)
    assert all(identity(source).isidentifier() for source in sources)


def test_one_table_for_external_validation(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    (made.root / "valid.csv").rename(made.root / "other-hospital.csv")
    built = prepare_split(made.root, "other-hospital", CHEXPERT, tmp_path / "data")
    assert list(tfds.builder_from_directory(built).info.splits) == ["other-hospital"]
    assert verify(built).images == {"other-hospital": 6}
    assert verify(built).problems == ()


def test_the_phantom_needs_no_files(tmp_path: Path) -> None:
    built = prepare(replace(PHANTOM, phantom_seed=3), None, tmp_path)
    whole = read_manifest(built)
    assert whole["options"]["seed"] == 3
    assert {split: facts["images"] for split, facts in whole["splits"].items()} == {
        "train": 20,
        "validation": 10,
        **dict.fromkeys(("test", "test_rho0", "test_flipped", "test_independent", "test_heldout"), 10),
    }
    assert verify(built).problems == ()
    assert (
        read_manifest(prepare(replace(PHANTOM, phantom_seed=4), None, tmp_path))["content_hash"]
        != whole["content_hash"]
    )


@pytest.mark.parametrize(
    ("code", "flags", "reason"),
    [
        (2, ["--dataset=chexpert"], "needs --raw_dir"),
        (2, ["--dataset=chexpart"], "did you mean 'chexpert'"),
        (1, ["--dataset=chexpert", "--raw_dir=/nowhere"], "raw_dir /nowhere is not a folder"),
        (1, ["--dataset=chexpert", "--raw_dir=SET", "--split=nope"], "holds no nope.csv"),
        (2, ["--dataset=chexpert", "--raw_dir=SET", "--folds=3", "--fold=3"], "data.fold must be below"),
        (2, ["--dataset=chexpert", "--raw_dir=SET", "--views=oblique"], "is not one of frontal, all"),
        (2, ["--folds=3", "--fold=-1"], "data.fold must be below data.folds (3), and at least 0"),
        (2, ["--max_unknown_percent=nan"], "data.max_unknown_percent must lie between 0 and 100"),
        (2, ["--test_percent=100"], "data.test_percent must be 0 (none) or below 100"),
        (2, ["--raw_dir=SET"], "--dataset=phantom draws its images and reads no --raw_dir"),
        (2, ["--split=test"], "--split needs --raw_dir"),
        (2, ["--split=test", "--raw_dir=SET"], "phantom reads no tables; give --dataset=chexpert"),
        (2, ["--image_sise=32"], "did you mean 'image_size'"),
        (2, ["--image_size=large"], "is not of type int"),
        (2, ["--image_size=16"], "between 32 and 256 for the phantom"),
        (2, ["--image_size=1024"], "between 32 and 256 for the phantom"),
        (1, ["--phantom_train=0"], "train has 0 images; it needs at least 1"),
        (1, ["--phantom_test=-5"], "test has -5 images; it needs at least 1"),
        (1, ["--phantom_seed=-1"], "seed is -1; it must not be negative"),
        (1, ["--phantom=shortcut", "--rho=2"], "it must lie between -1 and 1"),
        (2, ["phantom"], "is not a flag"),
    ],
)
def test_bad_commands_are_told_in_one_line(
    tmp_path: Path, layout: Callable, capsys: pytest.CaptureFixture, code: int, flags: list[str], reason: str
) -> None:
    root = str(layout().root)
    with pytest.raises(SystemExit) as stopped:
        main([*(flag.replace("SET", root) for flag in flags), f"--data_dir={tmp_path / 'data'}"])
    said = capsys.readouterr()
    assert stopped.value.code == code
    assert said.err.startswith("error: ")
    assert reason in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.rglob("*array_record*"))


def run(module: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_commands_build_and_verify(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    flags = ("--dataset=chexpert", f"--raw_dir={made.root}", f"--data_dir={tmp_path}", "--image_size=16")
    done = run("data_prep.build", *flags, "--validation_percent=25", "--max_skipped_percent=5")
    assert done.returncode == 0, done.stderr
    directory = Path(done.stdout.splitlines()[-1].rpartition("; ")[2])
    whole = read_manifest(directory)
    for split, facts in whole["splits"].items():
        assert f"{split}: {facts['images']} images of {facts['patients']} patients" in done.stdout
    assert f"0 skipped; content {whole['content_hash'][:16]}" in done.stdout
    checked = run("data_prep.verify", directory)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[-1] == "sound"
    next(directory.glob("*array_record*")).unlink()
    assert run("data_prep.verify", directory).returncode == 1
