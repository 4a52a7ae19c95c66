"""How an image compares with those of a run's validation: whether the run has seen anything like it, and what may be wrong if not.

Two numbers are looked at. The error is the mean absolute difference between an image and its expected reconstruction, in grey levels of
[0, 1], which is what the model itself knows of an image. The spread is the standard deviation of an image's grey levels.
An image is unlike those of validation where its error is above m + 2 (q - m), with m the median of validation and q its 99th
percentile, or where its spread is outside m -+ 2 |q - m| with the 1st and 99th percentiles. The rule was fixed on the phantom of the
default preset. Shares of 200 changed test images that have a word, of all 1,000 and 163 test images where they are unchanged:

| image | default preset, phantom | plain preset of 600 steps, 163 images of NIH |
|---|---|---|
| unchanged | 0 % | 0 % |
| black, white | all | all |
| noise, 12 bits in 16 | 100 % | 100 % |
| inverted | 100 % | 87 % |
| a quarter of the contrast | 100 % | 0 % |
| upside down | 100 % | 31 % |
| turned by 90 degrees | 100 % | 4 % |
| mirrored | 2 % | 0 % |

The weaker the model, the less it notices. A whole set has a word in all of these cases but for mirrored images, and for the quarter of
the contrast on NIH.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dirvae.training import data, evaluate, workdir
from dirvae.types import grey_levels

FILE = "familiarity.npz"
ROWS = 512  # images that are looked at together
FLAT = 1.5 / 255  # standard deviation of grey levels below which an image shows nothing
NARROW = 0.25  # share of all grey levels that a picture uses at least
FLAGS = "--intensity=range (for a whole data set --config.intensity=range) spreads the levels"


class Reference(NamedTuple):
    """What is known of the validation images: `error` [N], `spread` [N], `roughness` [N], and their mean.

    Runs of earlier versions know the errors alone; the others are then empty.
    """

    error: Float[np.ndarray, " N"]
    spread: Float[np.ndarray, " M"]
    roughness: Float[np.ndarray, " M"]
    mean: Float[np.ndarray, "H W"]


class Standing(NamedTuple):
    """Where one image stands among those of validation.

    `percentile` is the percentage of validation images with a smaller error. `unlike` is one sentence for an image that is unlike all
    of them, and empty otherwise.
    """

    error: float
    percentile: float
    unlike: str


def of_split(error: np.ndarray, split: data.Split) -> Reference:
    """What is known of a split's images and their errors."""
    spread, roughness, total = [], [], 0.0
    for images in _parts(split):
        spread.append(images.std(axis=(1, 2)))
        roughness.append(rough(images))
        total = total + images.sum(axis=0, dtype=np.float64)
    mean = np.asarray(total / max(1, len(split)), np.float32)
    return Reference(np.asarray(error, np.float32), np.concatenate(spread), np.concatenate(roughness), mean)


def _parts(split: data.Split) -> Iterator[Float[np.ndarray, "n H W"]]:
    for first in range(0, len(split), ROWS):
        yield grey_levels(split.images(np.arange(first, min(first + ROWS, len(split)))))[..., 0]


def rough(images: Float[np.ndarray, "n H W"]) -> Float[np.ndarray, " n"]:
    """Mean absolute difference of horizontal neighbours, in grey levels of [0, 1]."""
    return np.abs(np.diff(images, axis=2)).mean(axis=(1, 2))


def save(directory: Path, reference: Reference) -> None:
    workdir.write_arrays(Path(directory) / FILE, reference._asdict())


def load(directory: Path, tuned: evaluate.Predictions) -> Reference:
    """The reference of a run; of an earlier version's run the errors of its validation predictions `tuned`."""
    path, nothing = Path(directory) / FILE, np.zeros(0, np.float32)
    if not path.exists():
        return Reference(tuned.l1, nothing, nothing, np.zeros((0, 0), np.float32))
    with np.load(path) as arrays:
        return Reference(**{name: arrays[name] for name in Reference._fields})


def limits(values: Float[np.ndarray, " N"]) -> tuple[float, float]:
    """The least and the largest value that is still like those of validation: twice as far from the median as 98 % of them."""
    if not len(values):
        return -np.inf, np.inf
    low, middle, high = np.percentile(values, (1, 50, 99))
    return float(2 * low - middle), float(2 * high - middle)


def standing(reference: Reference, image: Float[np.ndarray, "H W"], error: float) -> Standing:
    """Compares one image, in grey levels of [0, 1], and its error with those of validation."""
    percentile = 100.0 * float(np.mean(reference.error < error)) if len(reference.error) else float("nan")
    low, high = limits(reference.spread)
    beyond = error > limits(reference.error)[1]
    if not beyond and low <= image.std() <= high:
        return Standing(float(error), percentile, "")
    what = "is reconstructed far worse than" if beyond else "has a contrast unlike"
    return Standing(
        float(error), percentile, f"the picture {what} all validation images: {suspicion(reference, image)}"
    )


def suspicion(reference: Reference, image: Float[np.ndarray, "H W"]) -> str:
    """What is probably wrong with an image that is unlike those of validation, and what mends it."""
    low, high = np.percentile(image, (0.5, 99.5))
    levels = f"grey levels {255 * low:.0f} to {255 * high:.0f} of 255"
    if image.std() < FLAT:
        return f"it shows nothing but {levels}; its window may miss the picture, or the file be empty"
    if high - low < NARROW:
        return f"it uses {levels} alone, as 12 bits kept in 16 do; {FLAGS}"
    if len(reference.roughness) and rough(image[None])[0] > limits(reference.roughness)[1]:
        return "its neighbouring pixels differ too much, as in noise or another kind of picture"
    if not reference.mean.size:
        return "its levels, position or kind differ"
    return _by_mean(reference.mean, image)


TURNED = (
    ("lies on its left side", 1, False),
    ("is upside down", 2, False),
    ("lies on its right side", 3, False),
    ("is mirrored", 0, True),
    ("is mirrored and turned", 1, True),
    ("is mirrored upside down", 2, True),
    ("is mirrored and turned", 3, True),
)


def _by_mean(mean: Float[np.ndarray, "H W"], image: Float[np.ndarray, "H W"]) -> str:
    upright = correlation(mean, image)
    if upright < -0.3:
        return "dark and bright are exchanged, so the file may not say that white is its lowest level; invert it"
    turned = {
        words: correlation(np.rot90(mean[:, ::-1] if mirrored else mean, turns), image)
        for words, turns, mirrored in TURNED
    }
    words = max(turned, key=turned.__getitem__)
    if turned[words] > max(0.5, upright + 0.2):
        return f"it {words}; turn it, or mend what the file says of its orientation"
    if upright < 0.5:
        return "it does not look like a chest X-ray as the run knows them; its position, size or kind differs"
    return f"its grey levels differ, which a wrong window or another export makes; {FLAGS}"


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two pictures; 0 where one is constant."""
    a, b = one.ravel() - one.mean(), other.ravel() - other.mean()
    norm = np.sqrt(np.sum(a * a) * np.sum(b * b))
    return float(a @ b / norm) if norm > 0 else 0.0


class SetStanding(NamedTuple):
    """Where a set of images stands among those of validation: counts, and one sentence where the set is unlike them."""

    unlike: int  # images
    median_percentile: float  # of the median error
    warning: str


def of_set(reference: Reference, error: np.ndarray, split: data.Split) -> SetStanding:
    """Compares a set's images with those of validation.

    The set is unlike validation where its median error is above the 99th percentile there, or half of its images are unlike.
    """
    low, high = limits(reference.spread)
    spread = np.concatenate([images.std(axis=(1, 2)) for images in _parts(split)])
    unlike = np.flatnonzero((error > limits(reference.error)[1]) | (spread < low) | (spread > high))
    median = float(np.median(error))
    percentile = 100.0 * float(np.mean(reference.error < median))
    if median <= np.percentile(reference.error, 99) and 2 * len(unlike) <= len(error):
        return SetStanding(len(unlike), percentile, "")
    reason = _common([suspicion(reference, image) for image in _first(split, unlike)])
    return SetStanding(
        len(unlike),
        percentile,
        f"{len(unlike)} of {len(error)} images are unlike all that the run was validated on (median error {median:.3f} "
        f"grey levels, there {np.median(reference.error):.3f}){reason}",
    )


def _first(split: data.Split, positions: np.ndarray, count: int = 50) -> Float[np.ndarray, "n H W"]:
    return grey_levels(split.images(positions[:count]))[..., 0] if len(positions) else np.zeros((0, 1, 1), np.float32)


def _common(reasons: Sequence[str]) -> str:
    return f"; of most, {max(reasons, key=reasons.count)}" if reasons else ""
