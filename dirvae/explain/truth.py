"""This module holds what is known of images and one finding, whatever a model says: exact effects by a simulator, or boxes."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dirvae.labels import COMPOSED, UNLABELLED
from dirvae.metrics import localisation
from dirvae.training import data, parallel
from dirvae.types import Simulator, grey_levels

PRIOR_IMAGES = 200  # training positives whose mean is the location prior, at most


def pair(
    simulator: Simulator, factors: np.ndarray, seeds: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Images float32 [n, H, W] without and with a cause, all else equal; None where its contrast is not defined."""
    ends = simulator.contrast(factors, name)
    return None if ends is None else tuple(simulator.render(end, seeds) for end in ends)


def effect(simulator: Simulator, factors: np.ndarray, seeds: np.ndarray, name: str) -> np.ndarray | None:
    """Returns what a cause adds to each image, float32 [n, H, W] in grey levels; None where its contrast is not defined."""
    ends = pair(simulator, factors, seeds, name)
    return None if ends is None else ends[1] - ends[0]


class Truth(NamedTuple):
    """A truth holds what is known of n images and one finding, the same for all of them; what is not known has no rows."""

    finding: str
    column: int
    patient: np.ndarray  # text [n]
    image: Float[np.ndarray, "n H W C"]
    mask: Bool[np.ndarray, "n H W"]  # where the finding is
    prior: Float[np.ndarray, "k H W"]  # n or no masks: where it is on average, without this patient
    low: Float[np.ndarray, "m H W"]  # n or no images without the finding, all else equal
    high: Float[np.ndarray, "m H W"]  # and with it
    mean_effect: Float[np.ndarray, "k H W"]  # one or none: over training images
    without: Float[np.ndarray, "o H W C"] | None = None  # other images, labelled as lacking the finding
    boxes: Float[np.ndarray, "n most 4"] | None = None  # ymin, xmin, ymax, xmax, shares of the image; NaN-padded

    def filled_up(self, images: Float[np.ndarray, "k ..."], rows: int) -> tuple[Array, Int[Array, " rows"]]:
        """Images repeated up to so many rows, and the label of each: one shape for all findings is compiled once."""
        repeated = parallel.fill(images, rows).astype(np.float32)
        return jnp.asarray(repeated), jnp.full(rows, self.column)

    @property
    def effect(self) -> Float[np.ndarray, "m H W"]:
        """Returns what the finding adds to each image, in grey levels; no rows where no exact effect is known."""
        return self.high - self.low


def of_images(examples: data.Examples, positions: np.ndarray, column: int, simulator: Simulator | None) -> Truth:
    """Returns what is known of these images and the finding of a column, without prior and mean effect.

    The mask is where the exact effect exceeds the threshold. Where no exact effect is known it is what readers drew, within masks or
    else within boxes.
    """
    finding, table = examples.labels[column], examples.split.table
    image, boxes = pixels(examples, positions), boxes_of(examples.split, positions, finding)
    nothing = np.zeros((0, *image.shape[1:3]), np.float32)
    ends = pair(simulator, table.factors[positions], table.seed[positions], finding) if simulator else None
    low, high = (nothing, nothing) if ends is None else ends
    if ends is None:
        within = [filled(rows[np.isfinite(rows).all(axis=1)], *image.shape[1:3]) for rows in boxes]
        mask = np.stack(within) if within else np.zeros(nothing.shape, bool)
        mask = drawn(examples.split, positions, finding, mask)
    else:
        mask = np.abs(high - low) > localisation.MASK_THRESHOLD
    return Truth(finding, column, table.patient[positions], image, mask, nothing, low, high, nothing, None, boxes)


def exact(
    examples: data.Examples, training: data.Examples, positions: np.ndarray, column: int, simulator: Simulator
) -> Truth | None:
    """Returns what is known of a phantom's images; None where the finding has no exact effect.

    The prior is the mean mask, and the mean effect the mean, of training images with the finding.
    """
    truth = of_images(examples, positions, column, simulator)
    positive = np.flatnonzero((training.target[:, column] > 0) & (training.weight[:, column] > 0))[:PRIOR_IMAGES]
    table = training.split.table
    effects = effect(simulator, table.factors[positive], table.seed[positive], truth.finding)
    if not len(truth.low) or effects is None or not len(positive):
        return None
    prior = (np.abs(effects) > localisation.MASK_THRESHOLD).mean(axis=0)
    return truth._replace(prior=np.broadcast_to(prior, truth.low.shape), mean_effect=effects.mean(axis=0)[None])


def boxed(examples: data.Examples, positions: np.ndarray, column: int) -> Truth | None:
    """Returns what is known of those images that have boxes or masks of the finding; None for fewer than two patients.

    The prior is the mean mask of the other patients'.
    """
    table = examples.split.table
    having = np.asarray(positions, np.int64)[has_box(examples)[positions, column]]
    if len(np.unique(table.patient[having])) < 2:
        return None
    truth = of_images(examples, having, column, None)
    return truth._replace(prior=localisation.location_prior(truth.mask, truth.patient))


def boxes_of(split: data.Split, positions: np.ndarray, finding: str) -> Float[np.ndarray, "n most 4"]:
    """The boxes that count for a finding, float32 (ymin, xmin, ymax, xmax), NaN where an image has fewer."""
    boxes, counts = split.table.boxes, counted(split, finding)
    chosen = [boxes[p][counts[p][boxes[p][:, 0].astype(int)], 1:] for p in positions]
    padded = np.full((len(positions), max(map(len, chosen), default=0), 4), np.nan, np.float32)
    for row, box in zip(padded, chosen, strict=True):
        row[: len(box)] = box
    return padded


def drawn(
    split: data.Split, positions: np.ndarray, finding: str, otherwise: Bool[np.ndarray, "n H W"]
) -> Bool[np.ndarray, "n H W"]:
    """The union of each image's masks that count for a finding, and `otherwise` for an image without any."""
    counts, result = counted(split, finding), otherwise.copy()
    for row, position in enumerate(positions):
        if len(split.table.masks[position]):
            found, masks = split.table.mask(int(position), otherwise.shape[1])
            if (kept := counts[position][found]).any():
                result[row] = masks[kept].any(axis=0)
    return result


def counted(split: data.Split, finding: str) -> Bool[np.ndarray, "N F"]:
    """Tells whether the boxes of each of the data set's findings count for one finding, in each image.

    Its own boxes count. In an image that is not labelled for it, those of its parts do, as `dirvae.labels.translate` composes its
    label: a box of a mass is one of a lung lesion.
    """
    labels = split.table.labels
    own = np.asarray([name == finding for name in split.findings])
    parts = np.asarray([name in COMPOSED.get(finding, ()) for name in split.findings])
    composed = (labels[:, own] == UNLABELLED).all(axis=1)
    return own | (composed[:, None] & parts)


def has_box(examples: data.Examples) -> Bool[np.ndarray, "N L"]:
    """Tells whether an image has a box or a mask that counts for each finding."""
    split = examples.split
    marks = zip(split.table.boxes, split.table.masks, strict=True)
    numbers = [np.concatenate([boxes[:, 0], masks[:, 0]]).astype(int) for boxes, masks in marks]
    columns = [
        [bool(row[found].any()) for row, found in zip(counted(split, label), numbers, strict=True)]
        for label in examples.labels
    ]
    return np.asarray(columns).T


def filled(boxes: Float[np.ndarray, "b 4"], height: int, width: int) -> Bool[np.ndarray, "H W"]:
    """Pixels whose centre lies in one of the boxes (ymin, xmin, ymax, xmax, shares of the image); of a tiny box the pixel it is in."""
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes * np.array([height, width, height, width]):
        rows, columns = (
            slice(min(round(a), extent - 1), max(round(b), min(round(a), extent - 1) + 1))
            for a, b, extent in ((top, bottom, height), (left, right, width))
        )
        mask[rows, columns] = True
    return mask


def pixels(examples: data.Examples, positions: np.ndarray) -> Float[np.ndarray, "n H W C"]:
    """Images float32 in grey levels of [0, 1]."""
    return grey_levels(examples.split.images(positions))
