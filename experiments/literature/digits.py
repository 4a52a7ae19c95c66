"""MNIST as arrays, from the original IDX files or from TFDS."""

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

HELD_OUT = 10_000  # last training images, for choices


class Part(NamedTuple):
    """Images and what they show."""

    pixels: np.ndarray  # uint8 [N, 784]
    digit: np.ndarray  # uint8 [N]


class Digits(NamedTuple):
    """The three parts: 50,000, 10,000 and 10,000."""

    train: Part
    validation: Part
    test: Part


def load(directory: Path | None) -> Digits:
    """Reads DIR's IDX files, or TFDS's data set.

    Raises:
      OSError: for a missing file.
      ValueError: for a file that is not of the IDX format, or images and labels that do not fit.
    """
    whole, test = (_from_files(directory, name) if directory else _from_tfds(name) for name in ("train", "test"))
    return Digits(
        Part(*(column[:-HELD_OUT] for column in whole)), Part(*(column[-HELD_OUT:] for column in whole)), test
    )


def _from_files(directory: Path, name: str) -> Part:
    stem = {"train": "train", "test": "t10k"}[name]
    images, labels = _idx(directory, f"{stem}-images-idx3-ubyte"), _idx(directory, f"{stem}-labels-idx1-ubyte")
    if len(images) != len(labels):
        raise ValueError(f"{directory} holds {len(images)} {name} images and {len(labels)} labels; they do not fit")
    if images.shape[1:] != (28, 28):
        raise ValueError(f"{directory} holds {name} images of {images.shape[1:]} pixels, not of 28 x 28")
    return Part(images.reshape(len(images), -1), labels)


def _idx(directory: Path, name: str) -> np.ndarray:
    """http://yann.lecun.com/exdb/mnist: magic number with the number of axes, their lengths, then bytes."""
    path = next((p for p in (directory / name, directory / f"{name}.gz") if p.exists()), directory / name)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        content = b""
    axes = content[3] if len(content) > 4 and content[:3] == b"\x00\x00\x08" else 0
    shape = np.frombuffer(content, ">u4", axes, offset=4) if len(content) >= 4 + 4 * axes else ()
    if not axes or len(content) != 4 + 4 * axes + np.prod(shape):
        raise ValueError(f"{path} is not a whole IDX file of bytes; fetch it again")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _from_tfds(name: str) -> Part:
    import tensorflow_datasets as tfds

    builder = tfds.builder("mnist", file_format="array_record")
    builder.download_and_prepare()
    rows = list(builder.as_data_source(name))
    pixels = np.stack([row["image"] for row in rows]).reshape(len(rows), -1)
    return Part(pixels, np.asarray([row["label"] for row in rows], np.uint8))
