"""Addresses instead of folders, with fsspec's own file system in memory, and zip archives instead of unpacked files."""

import os
import shutil
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from data_prep import stores
from data_prep.build import main, prepare, prepare_split, read_manifest
from data_prep.files import Folder
from data_prep.source import SourceError
from data_prep.verify import main as verify_main
from data_prep.verify import verify
from dirvae.config import DataConfig
from dirvae.config.places import Place, place, shown, url_of
from dirvae.training import data

DATA = DataConfig(dataset="chexpert", image_size=16)
MEMORY = fsspec.filesystem("memory")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An address of its own, with nothing there; copies of it are below a folder of the test."""
    monkeypatch.setenv("DIRVAE_CACHE", str(tmp_path / "cache"))
    return f"memory://bucket-{uuid.uuid4().hex}"


@pytest.fixture
def uploaded(layout: Callable, bucket: str) -> tuple[Path, Path]:
    """A set in a folder, and at an address."""
    root = layout().root
    MEMORY.put(str(root), f"{bucket}/raw", recursive=True)
    return root, place(f"{bucket}/raw")


def test_a_raw_folder_at_an_address_gives_the_same_images(tmp_path: Path, uploaded: tuple[Path, Path]) -> None:
    local, remote = (read_manifest(prepare(DATA, root, tmp_path / "data")) for root in uploaded)
    assert local["content_hash"] == remote["content_hash"]
    assert local["name"] != remote["name"]  # an object's time is that of its upload
    assert prepare(DATA, uploaded[1], tmp_path / "data").parent.name == remote["name"]


def test_an_object_that_is_replaced_is_noticed(tmp_path: Path, uploaded: tuple[Path, Path]) -> None:
    first = prepare(DATA, uploaded[1], tmp_path / "data")
    image = next(name for name in MEMORY.find(f"{uploaded[1].url}/valid") if name.endswith(".png"))
    content = MEMORY.cat(image)
    MEMORY.pipe(image, content)
    second = prepare(DATA, uploaded[1], tmp_path / "data")
    assert read_manifest(second)["content_hash"] == read_manifest(first)["content_hash"]
    assert first != second


def test_a_data_set_is_kept_at_an_address_and_read_from_a_copy(
    tmp_path: Path, uploaded: tuple[Path, Path], bucket: str, capsys: pytest.CaptureFixture
) -> None:
    data_dir = place(f"{bucket}/data")
    built = prepare(DATA, uploaded[0], data_dir)
    assert built.is_relative_to(tmp_path / "cache")
    address = f"{bucket}/data/{built.parent.name}/{built.name}"
    kept = {name.rpartition("/")[2] for name in MEMORY.find(address)}
    assert kept == {path.name for path in built.iterdir()}
    verify_main([address])
    assert capsys.readouterr().out.splitlines()[-1] == "sound"
    stored = {path.name: path.read_bytes() for path in built.iterdir()}
    shutil.rmtree(tmp_path / "cache")
    said: list[str] = []
    assert prepare(DATA, uploaded[0], place(f"{bucket}/data"), said.append) == built
    assert said[0] == f"data: {address} is copied to {built}"
    assert {path.name: path.read_bytes() for path in built.iterdir()} == stored
    assert data.Split(built, "test").images(np.arange(6)).shape == (6, 16, 16, 1)


def test_an_upload_without_its_manifest_is_not_finished(
    uploaded: tuple[Path, Path], bucket: str, tmp_path: Path
) -> None:
    data_dir = place(f"{bucket}/data")
    built = prepare(DATA, uploaded[0], data_dir)
    address = f"{bucket}/data/{built.parent.name}/{built.name}"
    MEMORY.rm(f"{address}/manifest.json")
    shard = next(path for path in built.iterdir() if "array_record" in path.name)
    MEMORY.pipe(f"{address}/{shard.name}", b"cut")
    prepare(DATA, uploaded[0], data_dir)
    assert MEMORY.exists(f"{address}/manifest.json")
    assert MEMORY.cat(f"{address}/{shard.name}") == shard.read_bytes()


def test_commands_take_addresses(uploaded: tuple[Path, Path], bucket: str, capsys: pytest.CaptureFixture) -> None:
    flags = ["--dataset=chexpert", f"--raw_dir={uploaded[1].url}", f"--data_dir={bucket}/d", "--image_size=16"]
    main(flags)
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 skipped; content ")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("memory://nowhere/at/all", "raw_dir memory://nowhere/at/all is not a folder"),
        ("memory://nowhere/set.zip", "raw_dir memory://nowhere/set.zip is not a folder"),
        ("unheard-of://bucket/set", "unheard-of://bucket/set cannot be used (ValueError: Protocol not known"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_in_one_sentence(
    tmp_path: Path, address: str, reason: str, capsys: pytest.CaptureFixture, bucket: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--dataset=chexpert", f"--raw_dir={address}", f"--data_dir={tmp_path}"])
    said = capsys.readouterr().err
    assert stopped.value.code == 1
    assert said.startswith(f"error: {reason}")
    assert said.count("\n") == 1


class Forbidden(Exception):
    """What a store's client raises that knows nothing of OSError."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Forbidden("Access Denied\nrequest 7"), "Forbidden: Access Denied"),
        (ImportError("Install s3fs"), "needs a package"),
    ],
)
def test_whatever_a_store_raises_is_one_sentence(error: Exception, reason: str) -> None:
    with pytest.raises(SourceError, match=reason) as found, stores.told("s3://closed/data"):
        raise error
    assert str(found.value).startswith("s3://closed/data ")
    assert "\n" not in str(found.value)


def test_a_place_is_a_path_of_its_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIRVAE_CACHE", str(tmp_path))
    made = place("s3://bucket/some//folder/")
    assert (made.url, made.name) == ("s3://bucket/some//folder", "folder")
    assert isinstance(made, Place)
    assert url_of(made / "below") == ""
    assert os.fspath(made) == str(tmp_path / "s3" / "bucket" / "some" / "folder")
    assert (type(place("data/x")), shown(place("data/x")), shown(made)) == (type(Path()), "data/x", made.url)


def pack(root: Path, archive: Path, *names: str) -> None:
    with zipfile.ZipFile(archive, "w") as file:
        for name in names or (".",):
            for path in sorted((root / name).rglob("*")):
                file.write(path, path.relative_to(root))


def test_images_in_an_archive_beside_the_tables_are_read(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    expected = read_manifest(prepare(DATA, made.root, tmp_path / "data"))["content_hash"]
    pack(made.root, made.root / "images.zip", "train", "valid")
    assert len(Folder(made.root).files) == 49  # an archive of files that are there too adds only itself
    for name in ("train", "valid"):
        shutil.rmtree(made.root / name)
    assert read_manifest(prepare(DATA, made.root, tmp_path / "data"))["content_hash"] == expected


@pytest.mark.parametrize("remote", [False, True])
def test_a_whole_set_in_an_archive_is_read(tmp_path: Path, layout: Callable, remote: bool, bucket: str) -> None:
    made = layout()
    expected = read_manifest(prepare(DATA, made.root, tmp_path / "data"))["content_hash"]
    archive = tmp_path / "whole.zip"
    pack(made.root.parent, archive, "set")
    if remote:
        MEMORY.put_file(str(archive), f"{bucket}/whole.zip")
    whole = prepare(DATA, place(f"{bucket}/whole.zip") if remote else archive, tmp_path / "data")
    assert read_manifest(whole)["content_hash"] == expected
    assert read_manifest(whole)["facts"]["folder"].startswith("whole")


def test_an_archive_that_is_packed_again_is_noticed(tmp_path: Path, layout: Callable) -> None:
    made, archive = layout(), tmp_path / "set.zip"
    for path in made.root.rglob("*.png"):
        Image.open(path).save(path, format="BMP")
    pack(made.root, archive)
    first = prepare(DATA, archive, tmp_path / "data")
    times = (0, archive.stat().st_mtime_ns)
    for path in made.root.rglob("*.png"):
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(path, format="BMP")
    pack(made.root, archive)
    os.utime(archive, ns=times)
    second = prepare(DATA, archive, tmp_path / "data")
    assert first != second
    assert not data.Split(second, "test").images(np.arange(6)).any()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive at all"])
def test_a_broken_archive_is_told_in_one_sentence(layout: Callable, content: bytes) -> None:
    root = layout().root
    (root / "images.zip").write_bytes(content)
    with pytest.raises(SourceError, match=r"images\.zip is no readable zip archive \(.*\); download it again"):
        Folder(root)


def test_damage_within_an_archive_leaves_out_its_image(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    pack(made.root, made.root / "valid.zip", "valid")
    shutil.rmtree(made.root / "valid")
    content = bytearray((made.root / "valid.zip").read_bytes())
    content[content.index(b"IDAT") + 20] ^= 0xFF
    (made.root / "valid.zip").write_bytes(content)
    built = prepare_split(
        made.root, "valid", DataConfig(dataset="chexpert", image_size=16, max_skipped_percent=50.0), tmp_path / "data"
    )
    (item,) = read_manifest(built)["skipped"]
    assert "Bad CRC-32" in item["reason"]
    assert verify(built).problems == ()
