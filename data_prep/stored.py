"""What a file stores, before any of it is turned into grey levels: codes, the levels they stand for, and what the file says of them.

Every container ends as one `Stored`, so that a picture is the same whichever file it came in.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MAX_PIXELS = 50_000_000
"""More than twice the largest radiograph; beyond it a file is a decompression bomb."""
MAX_BYTES = 8 * MAX_PIXELS
"""What the largest image needs in colour, with 16 bit a sample and its file's other parts."""
TOO_LARGE = f"more than {MAX_PIXELS:,} pixels"
DEPTHS = (8, 10, 12, 14, 16)
"""Bits of detectors and converters whose levels are often copied into 16 or 32 bit as they are."""
NO_RANGE = "have no stated range; --intensity=range (data.intensity) takes the image's own"


class ImageError(ValueError):
    """A file that is not a usable image; the message says why, in a few words."""


class Range(NamedTuple):
    """The levels that a file shows as black and as white; `bits` is their depth, and `guess` whether it was told from the levels."""

    black: float
    white: float
    bits: int
    guess: bool = False


class Display(NamedTuple):
    """How a file wants its levels shown: a function to shares of white, its kind, and how a message names it."""

    shares: Callable[[np.ndarray], np.ndarray]
    kind: str
    words: str


class Stored(NamedTuple):
    """An image as its file stores it.

    `codes` [H, W] are integers from 0, the level of code c is `levels[c]`, and `blank[c]` is true for a code that is no picture
    (padding, or what is transparent). `range` is None where the file states none; `no_range` then says of what kind the levels are.
    `display` is the file's own window or table. `turn` and `aspect` are those of `data_prep.geometry.Frame`. `format` and `kind` are
    the container and its pixels in the container's own words. `counts[c]` is the number of pixels of code c, once they were counted.
    """

    codes: np.ndarray
    levels: np.ndarray
    blank: np.ndarray
    range: Range | None
    format: str
    kind: str
    bits: int
    display: Display | None = None
    inverted: bool = False
    turn: int = 1
    aspect: float = 1.0
    no_range: str = ""
    counts: np.ndarray | None = None

    def counted(self) -> "Stored":
        """The stored levels with `counts` filled in, which takes a look at every pixel; nothing to do a second time."""
        if self.counts is not None:
            return self
        return self._replace(counts=np.bincount(self.codes.ravel(), minlength=len(self.levels)))

    def present(self) -> np.ndarray:
        """bool [n]: which codes occur in the image and are picture."""
        return (self.counted().counts > 0) & ~self.blank

    def hidden(self) -> float:
        """The share of pixels that are no picture."""
        return float(self.counted().counts[self.blank].sum() / self.codes.size) if self.blank.any() else 0.0


def check_extent(width: int, height: int, frames: int) -> None:
    """Raises ImageError for an image of more than `MAX_PIXELS`, of no pixels, or of several frames."""
    if width * height > MAX_PIXELS:
        raise ImageError(TOO_LARGE)
    if width < 1 or height < 1:
        raise ImageError("an image without pixels")
    if frames > 1:
        raise ImageError(f"the file holds {frames} frames; one is needed")


def brief(error: Exception, name: str) -> str:
    """A decoder's message on one line, without the folder, so that lists of reasons group and travel."""
    lines = [line.strip() for line in str(error).replace(name, name.rpartition("/")[2]).splitlines() if line.strip()]
    return " ".join(lines)[:400] if lines else type(error).__name__


def coded(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes [H, W] and the level (float64) of each, of levels of any type; what is not finite becomes a last level, NaN."""
    levels = levels.astype(levels.dtype.newbyteorder("="), copy=False)
    kind = levels.dtype
    if kind == np.bool_:
        return levels.astype(np.uint8), np.arange(2.0)
    if kind.kind == "u" and kind.itemsize <= 2:
        return levels, np.arange(float(2 ** (8 * kind.itemsize)))
    if (
        kind.kind == "i" and kind.itemsize <= 2
    ):  # with the sign bit turned over, the order of the codes is that of the levels
        half = 2 ** (8 * kind.itemsize - 1)
        return levels.view(f"u{kind.itemsize}") ^ half, np.arange(-half, half, dtype=float)
    if kind.kind in "iu" and int(levels.min()) >= 0 and int(levels.max()) < 2**16:
        return coded(levels.astype(np.uint16))
    values, codes = np.unique(np.where(np.isfinite(levels), levels, np.nan), return_inverse=True)
    return codes.reshape(levels.shape), values.astype(float)


def depth(low: float, high: float, bits: int, signed: bool = False, exact: Callable[[], bool] | None = None) -> Range:
    """The range of levels from `low` to `high` in a file of `bits` bits.

    Bits other than 16 and 32 are what the file says: 2**bits - 1 is white, and -2**(bits - 1) is black where levels have a sign. 16
    and 32 bits say no more than that so many bytes were the next size. Where every level stays below 2**8, 2**10, 2**12 or 2**14, as
    after a copy of a detector's levels, the smallest of these is taken. Not so where `exact()` finds levels of 8 bit scaled to 16.
    """
    signed = signed and low < 0
    for fewer in [few for few in DEPTHS if few < bits] if bits in (16, 32) else ():
        black, white = (-(2 ** (fewer - 1)), 2 ** (fewer - 1) - 1) if signed else (0, 2**fewer - 1)
        if black <= low and high <= white and not (exact and exact()):
            return Range(black, white, fewer, True)
    return Range(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, bits) if signed else Range(0, 2**bits - 1, bits)


def scaled_from_eight(levels: np.ndarray) -> bool:
    """Whether levels of 16 bit are those of 8 bit times 257 or 256, which is how a picture of 8 bit is widened."""
    return not (np.any(levels % 257) and np.any(levels % 256))


def opacity(levels: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, levels and blanks of levels uint8 [H, W], of which those with alpha 0 are no picture."""
    codes = np.where(alpha == 0, np.uint16(256), levels.astype(np.uint16))
    return codes, np.append(np.arange(256.0), 0.0), np.arange(257) == 256
