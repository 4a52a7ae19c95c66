"""Images that are rows of an array in an .npz file, as MedMNIST ships them, opened as if each were a PNG file of its own.

Such an image is named by the file, the array and its row: `chestmnist_64.npz#train_images/17`. Rows are read forward through the
compressed array, so that rows in their order cost one pass over it and none of them is held in memory.
"""

import functools
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from data_prep.stored import ImageError

NAME = re.compile(r"(?P<file>.+\.npz)#(?P<array>\w+)/(?P<row>\d+)", re.IGNORECASE)


class Place(NamedTuple):
    """Where an image lies: the file's path, the array's name, the row."""

    file: str
    array: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}#{self.array}/{self.row}"


class Rows(NamedTuple):
    """An open array: its stream, where its first row begins, the shape of a row, and how many there are."""

    stream: zipfile.ZipExtFile
    first: int
    shape: tuple[int, ...]
    count: int


def place_of(path: str) -> Place | None:
    """The place that a path names; None for the path of a file."""
    match = NAME.fullmatch(path)
    return Place(match["file"], match["array"], int(match["row"])) if match else None


def file_of(path: str) -> str:
    """The file that holds an image: the path itself, but for a row of an array."""
    place = place_of(path)
    return place.file if place else path


def open_file(folder: Path, path: str) -> BinaryIO:
    """An image's file, opened; of a row of an array, a PNG.

    Raises:
      OSError: for a file that cannot be opened, also an array that is no stack of 8-bit images, or that lacks the row.
    """
    place = place_of(path)
    if place is None:
        return (folder / path).open("rb")
    try:
        return io.BytesIO(_png(_pixels(folder / place.file, place)))
    except (ImageError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
        raise OSError(f"{place.file} has no readable row {place.row} of {place.array} ({error})") from None


def _pixels(file: Path, place: Place) -> np.ndarray:
    stat = file.stat()
    rows = _opened(str(file), place.array, stat.st_size, stat.st_mtime_ns)
    if place.row >= rows.count:
        raise ImageError(f"it has {rows.count} rows")
    size = int(np.prod(rows.shape))
    rows.stream.seek(rows.first + place.row * size)
    return np.frombuffer(rows.stream.read(size), np.uint8).reshape(rows.shape)


@functools.lru_cache(maxsize=4)
def _opened(file: str, array: str, size: int, mtime_ns: int) -> Rows:
    """An array of a file of this size and time, which stays open for the rows that follow."""
    stream = zipfile.ZipFile(file).open(f"{array}.npy")  # noqa: SIM115
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, kind = header(stream)
    if by_column or kind != np.uint8 or len(shape) not in (3, 4):
        raise ImageError(f"{kind} of shape {shape} is no stack of 8-bit images")
    return Rows(stream, stream.tell(), shape[1:], shape[0])


def _png(pixels: np.ndarray) -> bytes:
    whole = io.BytesIO()
    Image.fromarray(np.squeeze(pixels)).save(whole, "PNG", compress_level=1)
    return whole.getvalue()
