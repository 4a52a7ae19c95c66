"""Boxes and masks of findings, moved with the image from its stored pixels to the square that a data set holds."""

import numpy as np

from data_prep.reader import Row
from data_prep.schema import NO_BOXES, NO_MASKS


def boxes(row: Row, findings: tuple[str, ...]) -> np.ndarray:
    """Boxes as an example holds them, float32 [n, 5]; those of findings that are not the set's own are left out."""
    kept = [box for box in row.boxes if box.finding in findings]
    shares = [
        (findings.index(box.finding), *np.clip(np.asarray(box[1:5]) / float(box.frame), 0.0, 1.0)) for box in kept
    ]
    return np.asarray(shares, np.float32) if shares else NO_BOXES


def masks(row: Row, findings: tuple[str, ...]) -> np.ndarray:
    """Masks as an example holds them, uint8 [m, 1 + ceil(H W / 8)]."""
    return NO_MASKS
