"""Rows of an array in an .npz file are read as pictures of their own, in any order, and what is none is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import arrays


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)


def pixels(folder: Path, path: str) -> np.ndarray:
    with arrays.open_file(folder, path) as file:
        return np.asarray(Image.open(io.BytesIO(file.read())))


@pytest.mark.parametrize("save", [np.savez_compressed, np.savez])
def test_rows_come_back_forward_and_backward(tmp_path: Path, images: np.ndarray, save) -> None:
    save(tmp_path / "set.npz", train_images=images, train_labels=np.zeros(3))
    for row in (0, 1, 39, 7, 7):
        np.testing.assert_array_equal(pixels(tmp_path, f"set.npz#train_images/{row}"), images[row])


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path, images: np.ndarray) -> None:
    for levels in (images, 255 - images[:20]):
        np.savez(tmp_path / "set.npz", test_images=levels)
        np.testing.assert_array_equal(pixels(tmp_path, "set.npz#test_images/3"), levels[3])


def test_colour_and_a_last_axis_of_one(tmp_path: Path, images: np.ndarray) -> None:
    np.savez(tmp_path / "set.npz", a=images[..., None], b=np.repeat(images[..., None], 3, axis=-1))
    np.testing.assert_array_equal(pixels(tmp_path, "set.npz#a/5"), images[5])
    assert pixels(tmp_path, "set.npz#b/5").shape == (28, 28, 3)


def test_only_names_of_rows_are_places(tmp_path: Path) -> None:
    assert arrays.place_of("a/chestmnist.npz#train_images/17") == ("a/chestmnist.npz", "train_images", 17)
    for path in ("a#1.png", "a.npz", "a.npz#x", "a.npz#x/y", "a/b.png"):
        assert arrays.place_of(path) is None
        assert arrays.file_of(path) == path
    (tmp_path / "a#1.png").write_bytes(b"x")
    with arrays.open_file(tmp_path, "a#1.png") as file:
        assert file.read() == b"x"


@pytest.mark.parametrize(
    "path", ["set.npz#other/0", "set.npz#short/9", "set.npz#floats/0", "absent.npz#a/0", "bad.npz#a/0"]
)
def test_what_cannot_be_read_is_an_error_of_the_file(tmp_path: Path, images: np.ndarray, path: str) -> None:
    np.savez(tmp_path / "set.npz", short=images[:3], floats=images / 255.0)
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(OSError, match=r"no readable row|No such file"):
        arrays.open_file(tmp_path, path)
