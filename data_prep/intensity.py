"""The rules by which stored levels become grey: what `data.intensity` may be.

A rule gives each code of an image its share of white, float [n] in [0, 1]. None looks at other images. What is no picture (padding,
transparent pixels) is left out of every rule and is black at last. What is stored as a negative is turned over.

| rule | white is |
|---|---|
| declared | what the file says: a window or table, else the largest level of its bits |
| range | the image's own largest level, and black its smallest |
| percentile | the level that 99.5 % of the pixels do not exceed, and black that of 0.5 % |
"""

import difflib
from collections.abc import Callable

import numpy as np

from data_prep.stored import NO_RANGE, ImageError, Stored
from dirvae.config import ConfigError

TAIL = 0.005
"""The share of the pixels that the rule `percentile` lets be black, and the share that it lets be white."""


def declared(stored: Stored) -> np.ndarray:
    """Grey levels by the file's window or table, else over the range that it states.

    Raises:
      ImageError: for levels without a stated range.
    """
    if stored.display:
        return stored.display.shares(stored.levels)
    if stored.range is None:
        raise ImageError(f"{stored.no_range} {NO_RANGE}")
    return _over(stored.levels, stored.range.black, stored.range.white)


def own_range(stored: Stored) -> np.ndarray:
    """From the smallest to the largest level that occurs."""
    levels = stored.levels[stored.present()]
    return _over(stored.levels, float(levels.min()), float(levels.max()))


def percentile(stored: Stored) -> np.ndarray:
    """From the level of the lower `TAIL` to that of the upper one."""
    order = np.argsort(stored.levels, kind="stable")
    reached = np.cumsum(np.where(stored.blank, 0, stored.counted().counts)[order])
    first, last = np.searchsorted(reached, np.asarray([TAIL, 1.0 - TAIL]) * reached[-1], side="left")
    return _over(stored.levels, float(stored.levels[order[first]]), float(stored.levels[order[last]]))


def _over(levels: np.ndarray, black: float, white: float) -> np.ndarray:
    return np.clip((levels - black) / max(white - black, 1e-9), 0.0, 1.0)


RULES: dict[str, Callable[[Stored], np.ndarray]] = {
    "declared": declared,
    "range": own_range,
    "percentile": percentile,
}


def grey(stored: Stored, rule: str = "declared") -> np.ndarray:
    """[H, W], grey levels of [0, 255], uint8 or float32.

    Raises:
      ImageError: where a window or table of the file shows different levels as one, or nothing of the image is picture.
      ConfigError: for an unknown rule.
    """
    if rule not in RULES:
        near = difflib.get_close_matches(rule, RULES, n=1, cutoff=0.0)[0]
        raise ConfigError(f"data.intensity {rule!r} is not one of {', '.join(RULES)}; did you mean {near!r}?")
    stored = stored.counted() if rule != "declared" or stored.blank.any() else stored
    if stored.blank.any() and not stored.present().any():
        raise ImageError("nothing but padding or transparent pixels")
    shares = RULES[rule](stored)
    if rule == "declared" and stored.display:
        _check_contrast(stored, shares)
    table = np.float32(255.0) * np.where(stored.blank, 0.0, 1.0 - shares if stored.inverted else shares).astype(
        np.float32
    )
    whole = np.rint(table)
    if np.abs(table - whole).max() < 1e-4:  # 8 bit stay what they are
        table = whole.astype(np.uint8)
        if stored.codes.dtype == np.uint8 and np.array_equal(table, np.arange(256)):
            return stored.codes
    return table[stored.codes]


def _check_contrast(stored: Stored, shares: np.ndarray) -> None:
    """Raises ImageError where levels that differ are all shown as one grey."""
    codes = stored.codes
    if not stored.blank.any() and shares[codes.flat[0]] != shares[codes.flat[-1]]:
        return
    present = stored.present()
    levels = stored.levels[present]
    if np.ptp(levels) > 0 and np.ptp(shares[present]) == 0:
        raise ImageError(
            f"{stored.display.words} shows the levels {levels.min():g}..{levels.max():g} as one grey; "
            "--intensity=range (data.intensity) leaves it out"
        )
