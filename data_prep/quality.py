"""Looks at pixels: verdicts on one picture that can be no good radiograph, and on a set of which many pictures are so.

Every verdict is of the finished image, uint8 [size, size, 1] or [size, size], so that a built data set can be judged as raw files are.
Bars of black at the border are left out. The thresholds stand apart from what real chest X-rays do. Measured were 1,601 of NIH at
64 pixels, 788 at 256, 9,820 of MedNIST's (NIH, each stretched to 0..255) at 64, and 500 of the phantom at 64 and at 32.
The two columns are the extremes of these 13,209 and the false alarms among them.

| verdict | rule | real extremes | alarms |
|---|---|---|---|
| black | no level above 12 of 255 | brightest level 148 or more | 0 |
| white | no level below 243 | darkest level 57 or less | 0 |
| constant | levels differ by at most 2 | by 114 or more | 0 |
| narrow | 99 % of the pixels within a quarter of the range | within .43 | 0 |
| dark | mean below 40 | 67 or more | 0 |
| bright | mean above 225 | 199 or less | 0 |
| flat | standard deviation below 20, not narrow | 27 or more | 0 |
| clipped | more than 60 % of the pixels black or white to the last level | at most 36 % | 0 |
| noise | neighbours correlate below .5 | .78 or more | 0 |
| framed | the border between 200 and 255, within 12 levels of one grey, and darkness inside | none has such a border | 0 |
| inverted | correlation with two dark lungs in a bright body below -.3 | 98 % are above .3 | 11 |

The template of `inverted` is two ellipses; an inverted picture has the same correlation with its sign changed. Of inverted copies
of these images, 98 % have the verdict. It also found 3 images of MedNIST's that are no false alarms: two negatives, and one that
stands on its head. The 11 false alarms have a body that fills a part of the image only.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

SERIOUS_SHARE = 0.05
"""A set of which so many pictures have a verdict has a cause in common; the real ones had at most .0015 of any verdict."""
GRID = 16
"""Pixels of the side of the template of `inverted`."""


class Look(NamedTuple):
    """What is measured of a picture, in levels of [0, 255]; shares and correlations in [-1, 1]."""

    low: float
    high: float
    mean: float
    spread: float  # standard deviation
    span: float  # between the levels of .5 and 99.5 % of the pixels
    clipped: float  # share of pixels that are 0 or 255
    neighbours: float  # correlation of pixels side by side
    lungs: float  # correlation with two dark lungs in a bright body
    border: tuple[float, float]  # least and largest level of the pixels one from the border


class Rule(NamedTuple):
    """A verdict: when it holds (None: found in reading the file), what it says of a picture, the likely cause, and what may mend it."""

    holds: Callable[[Look], bool] | None
    words: str
    cause: str
    mend: str = ""  # value of data.intensity


class Verdict(NamedTuple):
    """Something wrong with one picture: its name in `RULES`, and `of` pictures, how many have it."""

    name: str
    count: int = 1
    of: int = 1

    @property
    def share(self) -> float:
        return self.count / max(self.of, 1)

    @property
    def serious(self) -> bool:
        """Whether so large a share of a set has one cause; true of a single picture."""
        return self.share >= SERIOUS_SHARE

    def sentence(self, prefix: str = "--") -> str:
        """What is wrong, the likely cause, and the flag that may mend it; a command's flags begin with `prefix`."""
        rule = RULES[self.name]
        mend = f"; {prefix}intensity={rule.mend} may mend it" if rule.mend else ""
        many = f"{self.count:,} of {self.of:,} pictures ({self.share:.1%}) {'is' if self.count == 1 else 'are'}"
        return f"{'the picture is' if self.of == 1 else many} {rule.words}: {rule.cause}{mend}"


def _black(look: Look) -> bool:
    return look.high <= 12


def _white(look: Look) -> bool:
    return look.low >= 243


def _constant(look: Look) -> bool:
    return look.high - look.low <= 2


def _narrow(look: Look) -> bool:
    return look.span < 64


def _framed(look: Look) -> bool:
    least, largest = look.border
    return least >= 200 and largest - least <= 12 and look.low < 128 and not _inverted(look)


def _dark(look: Look) -> bool:
    return look.mean < 40


def _bright(look: Look) -> bool:
    return look.mean > 225 and not _framed(look)


def _flat(look: Look) -> bool:
    return look.spread < 20 and not _narrow(look)


def _clipped(look: Look) -> bool:
    return look.clipped > 0.6 and not _framed(look)


def _noise(look: Look) -> bool:
    return look.neighbours < 0.5


def _inverted(look: Look) -> bool:
    return look.lungs < -0.3


RULES = {
    "black": Rule(_black, "black", "levels far below the file's white, or an empty image", "range"),
    "white": Rule(_white, "white", "levels above the file's white, or an empty image", "range"),
    "constant": Rule(_constant, "of one grey", "an empty image, or a window that misses the levels", "range"),
    "narrow": Rule(
        _narrow, "within a quarter of the grey levels", "fewer bits than the file says, or no window", "range"
    ),
    "dark": Rule(_dark, "very dark", "fewer bits than the file says, or a window above the levels", "percentile"),
    "bright": Rule(_bright, "very bright", "a window below the levels", "percentile"),
    "flat": Rule(_flat, "almost without contrast", "a few pixels that set the range", "percentile"),
    "clipped": Rule(
        _clipped, "mostly pure black and white", "a window narrower than the levels, or a mask", "percentile"
    ),
    "framed": Rule(_framed, "inside a bright frame", "a screenshot, or a scan with its margins; cut them off"),
    "noise": Rule(_noise, "like noise", "bytes in the wrong order, or pixels of another layout"),
    "inverted": Rule(
        _inverted, "like a negative or upside down", "a polarity or orientation that the file does not state"
    ),
    "transparent": Rule(
        None, "in part transparent or padding", "an alpha channel or padding value that hides some of the image"
    ),
    "enlarged": Rule(None, "enlarged more than twice", "a thumbnail, or a file of fewer pixels than the set has"),
    "depth": Rule(
        None,
        "of unstated depth",
        "all levels of a 16-bit file stay below a smaller power of two, which was taken for white",
    ),
    "marks": Rule(None, "with a box or mask left out", "one without area, or outside of the image"),
}
ALONE = ("black", "white", "constant")
"""Verdicts that leave nothing else to say."""


def verdicts(image: np.ndarray) -> tuple[Verdict, ...]:
    """What is wrong with an image uint8 [H, W, 1] or [H, W], the worst first; none of a usual radiograph."""
    look = measure(image)
    names = [name for name, rule in RULES.items() if rule.holds and rule.holds(look)]
    return tuple(Verdict(name) for name in (names[:1] if names and names[0] in ALONE else names))


def verdicts_of_set(counts: Mapping[str, int], images: int) -> tuple[Verdict, ...]:
    """What is wrong with a set, from how many of its pictures have each verdict; the most frequent first."""
    return tuple(Verdict(name, count, images) for name, count in sorted(counts.items(), key=_frequency) if count)


def _frequency(entry: tuple[str, int]) -> tuple[int, int]:
    return -entry[1], list(RULES).index(entry[0])


def measure(image: np.ndarray) -> Look:
    """The measurements of an image, of its black bars' inside."""
    grey = _inside(image.reshape(image.shape[:2]))
    counts = np.bincount(grey.ravel(), minlength=256)
    shares, levels = counts / grey.size, np.arange(256.0)
    mean = float(shares @ levels)
    first, last = np.searchsorted(np.cumsum(shares), (0.005, 0.995))
    occurring = np.flatnonzero(counts)
    lines = grey[:: max(1, len(grey) // 64)]
    chest = Image.fromarray(grey).resize((GRID, GRID), Image.Resampling.BOX)
    return Look(
        low=float(occurring[0]),
        high=float(occurring[-1]),
        mean=mean,
        spread=float(np.sqrt(shares @ (levels - mean) ** 2)),
        span=float(last - first),
        clipped=float(shares[0] + shares[255]),
        neighbours=_correlation(lines[:, 1:], lines[:, :-1], 1.0),
        lungs=_correlation(np.asarray(chest)[KNOWN], CHEST[KNOWN], 0.0),
        border=_border(grey),
    )


def _border(grey: np.ndarray) -> tuple[float, float]:
    """Least and largest level of the pixels one from the border; those at the border may be mixed with bars."""
    inner = grey[1:-1, 1:-1] if min(grey.shape) > 4 else grey
    sides = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    return float(sides.min()), float(sides.max())


def _inside(grey: np.ndarray) -> np.ndarray:
    """The image without rows and columns of 0 at its border; all of it where nothing else is there."""
    rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
    if not len(rows):
        return grey
    return np.ascontiguousarray(grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _correlation(one: np.ndarray, other: np.ndarray, constant: float) -> float:
    """Pearson's correlation of two arrays; `constant` where one of them does not vary."""
    one, other = one.ravel() - one.mean(dtype=np.float64), other.ravel() - other.mean(dtype=np.float64)
    scale = np.sqrt(one @ one) * np.sqrt(other @ other)
    return float(one @ other / scale) if scale > 0 else constant


def _chest() -> np.ndarray:
    """[GRID, GRID]: -1 in two lungs, 1 between and below them, 0 where frontals differ."""
    y, x = (np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID
    lungs = (((np.abs(x - 0.5) - 0.2) / 0.14) ** 2 + ((y - 0.45) / 0.28) ** 2) < 1.0
    body = ((np.abs(x - 0.5) < 0.08) & (y > 0.2) & (y < 0.9)) | ((y > 0.8) & (np.abs(x - 0.5) < 0.3))
    return np.where(lungs, -1.0, body.astype(float))


CHEST = _chest()
KNOWN = CHEST != 0.0
