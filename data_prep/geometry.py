"""Where a pixel of a stored image lies in the data set's square: turns, unequal pixels, bars and the change of size.

A stored image goes through four steps, in this order.
  proportions   pixels that are not square are stretched along their longer side (`Frame.aspect`)
  turn          one of the eight turns and mirrors, named as EXIF's Orientation names them (`TURNS`)
  shape         black is added on both sides of the shorter axis, so that nothing is cut off or distorted
  size          a pixel is the exact average of the area it covers; smaller images grow by bilinear interpolation

Pillow's box filter is not used for the average. It counts a pixel as wholly inside or outside of a cell, which is up to 87
levels of 255 away on a radiograph of 256 pixels at size 200, and up to 8 on one of 390 x 320 at size 64. It is no faster.
"""

import itertools
from typing import NamedTuple

import numpy as np
from PIL import Image

LARGEST_ASPECT = 10.0
"""Pixels that are declared longer than this are no pixels of a radiograph; the declaration is then not followed."""
EQUAL = 0.01
"""Sides of pixels that differ by less than this share are rounded numbers of equal sides."""


class Turn(NamedTuple):
    """A turn or mirror: first the axes are exchanged, then the rows are reversed, then the columns."""

    exchange: bool = False
    rows: bool = False
    columns: bool = False

    def apply(self, grey: np.ndarray) -> np.ndarray:
        """A view of [H, W], or of [W, H] turned."""
        grey = grey.T if self.exchange else grey
        return grey[:: -1 if self.rows else 1, :: -1 if self.columns else 1]

    def undo(self, grey: np.ndarray) -> np.ndarray:
        grey = grey[:: -1 if self.rows else 1, :: -1 if self.columns else 1]
        return grey.T if self.exchange else grey


TURNS = {
    1: Turn(),
    2: Turn(columns=True),
    3: Turn(rows=True, columns=True),
    4: Turn(rows=True),
    5: Turn(exchange=True),
    6: Turn(exchange=True, columns=True),
    7: Turn(exchange=True, rows=True, columns=True),
    8: Turn(exchange=True, rows=True),
}
"""What makes an image upright, by the value of its Orientation (tag 274 of TIFF 6.0 and Exif 2.3)."""


class Frame(NamedTuple):
    """Takes places in a stored image to places in the padded, upright square.

    `height` and `width` are those of the stored image in pixels, `size` is the side of the square, `turn` a key of `TURNS`, and
    `aspect` the height of a stored pixel divided by its width.
    """

    height: int
    width: int
    size: int
    turn: int = 1
    aspect: float = 1.0

    @property
    def proportions(self) -> tuple[int, int]:
        """Rows and columns of the stored image once its pixels are square."""
        return max(1, round(self.height * max(self.aspect, 1.0))), max(1, round(self.width / min(self.aspect, 1.0)))

    def box(self, top: float, left: float, bottom: float, right: float) -> tuple[float, float, float, float]:
        """Four edges in stored pixels as shares of the square's side: 0 is the first pixel's outer edge.

        A box that reaches over the image's border is cut off there.
        """
        return self.box_of_shares(top / self.height, left / self.width, bottom / self.height, right / self.width)

    def box_of_shares(self, top: float, left: float, bottom: float, right: float) -> tuple[float, float, float, float]:
        """The box that `box` gives, from edges that are shares of the stored image's height and width."""
        turn, (height, width) = TURNS[self.turn], self.proportions
        (top, bottom), (left, right) = (np.clip(sorted(edges), 0.0, 1.0) for edges in ((top, bottom), (left, right)))
        if turn.exchange:
            top, left, bottom, right, height, width = left, top, right, bottom, width, height
        if turn.rows:
            top, bottom = 1.0 - bottom, 1.0 - top
        if turn.columns:
            left, right = 1.0 - right, 1.0 - left
        side = max(height, width)
        above, before = (side - height) // 2, (side - width) // 2
        rows, columns = (
            ((above + edge * height) / side for edge in (top, bottom)),
            ((before + edge * width) / side for edge in (left, right)),
        )
        (top, bottom), (left, right) = map(float, rows), map(float, columns)
        return top, left, bottom, right

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the upright image, once its pixels are square."""
        height, width = self.proportions
        return (width, height) if TURNS[self.turn].exchange else (height, width)

    def unsquare(self, values: np.ndarray) -> np.ndarray:
        """A map [size, size] of the square brought back to the stored image: float32 [height, width], lying as the image is stored.

        Each stored pixel gets the mean of the map over the area that it covers, which is the inverse of what `square` averages. What
        the map says of the black bars is lost.

        Raises:
          ValueError: for a map of another shape than the square.
        """
        if values.shape != (self.size, self.size):
            raise ValueError(f"a map of {values.shape} does not fit a square of {self.size} x {self.size} pixels")
        turn, side = TURNS[self.turn], max(self.extent)
        counts = (self.width, self.height) if turn.exchange else (self.height, self.width)
        rows, columns = (_cover(n, span, side, self.size) for n, span in zip(counts, self.extent, strict=True))
        return np.ascontiguousarray(turn.undo(rows @ values @ columns.T), np.float32)

    def mask(self, inside: np.ndarray) -> np.ndarray:
        """uint8 [size, size], 1 inside and 0 outside, of a mask [height, width] that is true, or not 0, inside.

        A pixel of the square is inside where the mask covers half of it. Of a mask too thin for that, the pixels that it covers
        most are taken, so that no mask vanishes.

        Raises:
          ValueError: for a mask of another shape than the stored image.
        """
        if inside.shape != (self.height, self.width):
            shape = " x ".join(map(str, inside.shape))
            raise ValueError(f"a mask of {shape} pixels does not fit an image of {self.height} x {self.width}")
        covered = self.square(np.where(inside, np.uint8(255), np.uint8(0)))
        return (covered >= max(1, min(128, covered.max()))).astype(np.uint8)

    def square(self, grey: np.ndarray) -> np.ndarray:
        """uint8 [size, size] of grey levels of [0, 255], [height, width], by the four steps."""
        if self.proportions != grey.shape:
            rows, columns = self.proportions
            levels = Image.fromarray(grey.astype(np.float32))
            grey = np.asarray(levels.resize((columns, rows), Image.Resampling.BILINEAR))
        return square(np.ascontiguousarray(TURNS[self.turn].apply(grey)), self.size)


def _cover(n: int, span: int, side: int, size: int) -> np.ndarray:
    """[n, size]: by what share each of `size` equal cells of an axis covers each of n equal pixels; rows sum to 1.

    The axis is `side` long, and the pixels fill the `span` in its middle.
    """
    edges = ((side - span) // 2 + np.linspace(0.0, span, n + 1)) * (size / side)
    cells = np.arange(size)
    both = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.clip(both, 0.0, None) / np.diff(edges)[:, None]


def usable_aspect(height: float, width: float) -> float:
    """height / width of a pixel as a file declares it, or 1 where the sides are equal or mean nothing."""
    if not (np.isfinite([height, width]).all() and height > 0.0 and width > 0.0):
        return 1.0
    aspect = height / width
    equal = abs(aspect - 1.0) < EQUAL
    return 1.0 if equal or not 1.0 / LARGEST_ASPECT <= aspect <= LARGEST_ASPECT else aspect


def square(grey: np.ndarray, size: int) -> np.ndarray:
    """Grey levels of [0, 255], [H, W] of any shape -> uint8 [size, size], by the rules for shape and size."""
    side = max(grey.shape)
    if side >= size:
        tall = grey if grey.shape[0] == side else grey.T  # the longer axis first, which leaves the least to hold
        levels = _average(_average(tall, side, size).T, side, size)
        levels = levels.T if tall is grey else levels
    else:
        top, left = ((side - extent) // 2 for extent in grey.shape)
        padded = np.zeros((side, side), np.float32)
        padded[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
        levels = np.asarray(Image.fromarray(padded).resize((size, size), Image.Resampling.BILINEAR))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _average(grey: np.ndarray, side: int, size: int) -> np.ndarray:
    """[n, m] -> [size, m]: means over `size` equal cells of the first axis, which lies centred in `side` pixels of 0.

    A cell that ends within a pixel counts that pixel by the share that it covers. The whole pixels of a cell are summed as
    they are stored, which is what takes the time for a large image.
    """
    n = grey.shape[0]
    edges = np.clip(np.linspace(0.0, side, size + 1) - (side - n) // 2, 0, n)
    whole = np.minimum(edges.astype(np.int64), n - 1)
    sums = np.zeros((size, grey.shape[1]))
    kind = np.uint32 if grey.dtype == np.uint8 else np.float64
    for cell, (start, stop) in enumerate(itertools.pairwise(whole)):
        if start < stop:
            sums[cell] = grey[start:stop].sum(axis=0, dtype=kind)
    sums += np.diff((edges - whole)[:, None] * grey[whole], axis=0)
    return sums * (size / side)
