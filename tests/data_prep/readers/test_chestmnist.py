"""ChestMNIST: arrays become rows and pictures, the file of the right size is taken, and a download is checked."""

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
from support import sets

from data_prep import sources
from data_prep.readers import chestmnist
from data_prep.source import SourceError
from dirvae.config import DataConfig

COUNTS = {"train": 30, "val": 8, "test": 6}


def write(path: Path, side: int = 28, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    made = {}
    for name, count in COUNTS.items():
        made[f"{name}_images"] = draw.integers(0, 256, (count, side, side), dtype=np.uint8)
        made[f"{name}_labels"] = draw.integers(0, 2, (count, 14), dtype=np.uint8)
    np.savez_compressed(path, **made)
    return made


def test_rows_labels_and_the_official_split(tmp_path: Path) -> None:
    made = write(tmp_path / "chestmnist.npz")
    assert sets.recognised(tmp_path) == "chestmnist"
    mapped = sets.mapped(chestmnist.READER, tmp_path)
    row = mapped.rows["chestmnist.npz#val_images/3"]
    assert row.split == "validation"
    assert tuple(row.labels.values()) == tuple(made["val_labels"][3])
    assert mapped.findings[:4] == ("Atelectasis", "Cardiomegaly", "Pleural Effusion", "Infiltration")
    assert mapped.findings[-2:] == ("Pleural Thickening", "Hernia")
    assert "No Finding" not in row.labels


def test_pictures_are_those_of_the_arrays(tmp_path: Path) -> None:
    made = write(tmp_path / "chestmnist.npz")
    source = sets.source(tmp_path, "chestmnist", image_size=28)
    assert source.counts() == {"train": 30, "validation": 8, "test": 6}
    chunk = source.task("test", 0)()
    assert not chunk.skipped
    np.testing.assert_array_equal(np.stack([example.image[..., 0] for example in chunk.examples]), made["test_images"])
    assert [example.labels.tolist() for example in chunk.examples] == made["test_labels"].tolist()
    with source.raw_files().open("chestmnist.npz#test_images/0") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == chunk.files[0].sha256


@pytest.mark.parametrize(
    ("size", "name"), [(28, "chestmnist"), (32, "chestmnist_64"), (64, "chestmnist_64"), (256, "chestmnist_224")]
)
def test_the_smallest_file_that_is_large_enough_is_read(tmp_path: Path, size: int, name: str) -> None:
    for side in (28, 64, 224):
        write(tmp_path / chestmnist.name_of(side), 28)
    rows = sets.mapped(chestmnist.READER, tmp_path, image_size=size).rows
    assert next(iter(rows)).startswith(f"{name}.npz#")


def test_a_folder_or_file_of_another_form_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no chestmnist\.npz"):
        sets.mapped(chestmnist.READER, tmp_path)
    np.savez(tmp_path / "chestmnist.npz", train_labels=np.zeros((3, 2)))
    with pytest.raises(SourceError, match="train_labels is no table of 0 and 1 for 14 findings"):
        sets.mapped(chestmnist.READER, tmp_path)
    np.savez(tmp_path / "chestmnist.npz", labels=np.zeros((3, 14)))
    with pytest.raises(SourceError, match="has no readable train_labels"):
        sets.mapped(chestmnist.READER, tmp_path)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server of this machine that gives the file of 28 pixels, in place of Zenodo; the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    write(folder / "chestmnist.npz")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    monkeypatch.setattr(chestmnist, "URL", f"http://127.0.0.1:{served.server_port}/{{}}?download=1")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setitem(chestmnist.MD5, 28, hashlib.md5((folder / "chestmnist.npz").read_bytes()).hexdigest())
    yield folder
    served.shutdown()


def test_without_raw_dir_the_file_is_fetched_once(server: Path) -> None:
    data = DataConfig(dataset="chestmnist", image_size=28)
    assert sources.open_source(data, None).counts()["test"] == 6
    (server / "chestmnist.npz").unlink()
    assert sources.open_source(data, None).counts()["test"] == 6


def test_a_download_that_fails_or_is_another_file_is_one_sentence(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"chestmnist_64\.npz\?download=1 cannot be fetched .*--raw_dir"):
        chestmnist.download(DataConfig(image_size=64))
    monkeypatch.setitem(chestmnist.MD5, 28, "0")
    with pytest.raises(SourceError, match=r"gave a file with MD5 \w+ instead of 0"):
        chestmnist.download(DataConfig(image_size=28))


def test_another_reader_names_this_one(tmp_path: Path) -> None:
    write(tmp_path / "chestmnist.npz")
    with pytest.raises(SourceError, match="this folder looks like ChestMNIST: give --dataset=chestmnist"):
        sets.source(tmp_path, "mimic").counts()
