"""Boxes and masks of findings, moved with the image from its stored pixels to the square that a data set holds.

Both are counted in the image as it is stored, or in a larger or smaller copy of it that they name, and follow it through turns, black
bars and the change of size (`data_prep.geometry.Frame`). What has no area, or lies outside of the image, is left out and counted.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from data_prep.geometry import Frame
from data_prep.reader import Box, Mask, Row
from data_prep.schema import NO_BOXES, NO_MASKS


class Marks(NamedTuple):
    """Boxes float32 [n, 5] and masks uint8 [m, 1 + ceil(H W / 8)] as an example holds them, and how many were left out."""

    boxes: np.ndarray
    masks: np.ndarray
    left_out: int


def of(row: Row, findings: tuple[str, ...], frame: Frame) -> Marks:
    """The marks of a row's findings that are the set's own, in the square.

    A mask of a finding without boxes gets the box around its pixels, so that what counts boxes finds it.
    """
    own = [box for box in row.boxes if box.finding in findings]
    outlines = [mask for mask in row.masks if mask.finding in findings]
    shares = [(findings.index(box.finding), *edges) for box in own if (edges := moved(box, frame)) is not None]
    inside = [(mask.finding, pixels) for mask in outlines if (pixels := moved_mask(mask, frame)).any()]
    left_out = len(own) - len(shares) + len(outlines) - len(inside)
    boxed = {box.finding for box in own}
    shares += [(findings.index(finding), *around(pixels)) for finding, pixels in inside if finding not in boxed]
    packed = [np.append(np.uint8(findings.index(finding)), np.packbits(pixels)) for finding, pixels in inside]
    boxes = np.asarray(shares, np.float32) if shares else NO_BOXES
    return Marks(boxes, np.stack(packed) if packed else NO_MASKS, left_out)


def moved(box: Box, frame: Frame) -> tuple[float, float, float, float] | None:
    """Edges as shares of the square: top, left, bottom, right; None for a box without area in the image."""
    top, left, bottom, right = box[1:5]
    if not (bottom > top and right > left):
        return None
    if isinstance(box.frame, tuple):
        height, width = box.frame
    else:
        longer = max(frame.height, frame.width)
        scale = 1.0 if box.frame is None else box.frame / longer  # pixels of the box's frame in one of the image
        height, width = frame.height * scale, frame.width * scale
    if not (height > 0 and width > 0):
        return None
    edges = frame.box_of_shares(top / height, left / width, bottom / height, right / width)
    return edges if edges[2] > edges[0] and edges[3] > edges[1] else None


def moved_mask(mask: Mask, frame: Frame) -> np.ndarray:
    """bool [size, size]: the pixels of the square of which the mask covers half; of a mask finer than that, those that it covers most."""
    inside = drawn(mask)
    rows, columns = (
        np.minimum((np.arange(wanted) + 0.5) * given / wanted, given - 1).astype(np.int64)
        for wanted, given in zip((frame.height, frame.width), inside.shape, strict=True)
    )
    if inside.shape != (frame.height, frame.width):
        inside = inside[np.ix_(rows, columns)]
    return frame.mask(inside) > 0


def around(inside: np.ndarray) -> tuple[float, float, float, float]:
    """The box around the pixels of a mask bool [size, size], as shares: top, left, bottom, right."""
    (rows,), (columns,) = (np.nonzero(inside.any(axis=axis)) for axis in (1, 0))
    top, left, bottom, right = (
        float(edge) / len(inside) for edge in (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    )
    return top, left, bottom, right


def drawn(mask: Mask) -> np.ndarray:
    """bool [height, width]: the pixels that the runs are inside of; what they do not reach is outside."""
    shape = (mask.width, mask.height) if mask.by_column else (mask.height, mask.width)
    flat = np.zeros(mask.height * mask.width, bool)
    edges = np.minimum(np.cumsum(mask.runs), flat.size)
    for start, stop in zip(edges[0::2], edges[1::2], strict=False):
        flat[start:stop] = True
    return flat.reshape(shape).T if mask.by_column else flat.reshape(shape)


def notes(rows: Iterable[Row], findings: tuple[str, ...]) -> dict[str, Any]:
    """What a manifest tells of the marks that a table lists: how many, and how many of findings that the set does not have."""
    boxes: Counter[str] = Counter()
    masks: Counter[str] = Counter()
    for row in rows:
        boxes.update(box.finding for box in row.boxes)
        masks.update(mask.finding for mask in row.masks)
    other = {name: count for name, count in (boxes + masks).items() if name not in findings}
    return {"boxes_listed": boxes.total(), "masks_listed": masks.total(), "marks_of_other_findings": other}
