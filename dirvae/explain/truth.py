"""The images of a contest, true positives of one finding, and what is known of them: exact effects, or boxes."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dirvae.explain import cases
from dirvae.labels import FINDINGS
from dirvae.metrics import localisation
from dirvae.training import data, parallel
from dirvae.training.evaluate import Predictions
from dirvae.types import Simulator, grey_levels

PRIOR_IMAGES = 200  # training positives whose mean is the location prior, at most

Intervene = Callable[[np.ndarray, np.ndarray, str], tuple[np.ndarray, np.ndarray] | None]
"""(factors [n, F], seeds [n], finding) -> images [n, H, W] without and with it, all else equal; None where that is not defined."""


def pair(
    simulator: Simulator, factors: np.ndarray, seeds: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Images float32 [n, H, W] without and with a cause, all else equal; None where its contrast is not defined."""
    found = simulator.contrast(factors, name)
    return None if found is None else tuple(simulator.render(each, seeds) for each in found)


def effect(simulator: Simulator, factors: np.ndarray, seeds: np.ndarray, name: str) -> np.ndarray | None:
    """What a cause adds to each image, float32 [n, H, W] in grey levels; None where its contrast is not defined."""
    found = pair(simulator, factors, seeds, name)
    return None if found is None else found[1] - found[0]


class Truth(NamedTuple):
    """n true positives of one finding; what is not known has no rows."""

    finding: str
    column: int
    patient: np.ndarray  # text [n]
    image: Float[np.ndarray, "n H W C"]
    mask: Bool[np.ndarray, "n H W"]  # where the finding is
    prior: Float[np.ndarray, "n H W"]  # where it is on average, without this patient
    low: Float[np.ndarray, "m H W"]  # n or no images without the finding, all else equal
    high: Float[np.ndarray, "m H W"]  # and with it
    mean_effect: Float[np.ndarray, "k H W"]  # one or none: over training images
    without: Float[np.ndarray, "o H W C"] | None = None  # other images, labelled as lacking the finding

    def filled_up(self, images: Float[np.ndarray, "k ..."], rows: int) -> tuple[Array, Int[Array, " rows"]]:
        """Images repeated up to so many rows, and the label of each: one shape for all findings is compiled once."""
        repeated = parallel.fill(images, rows).astype(np.float32)
        return jnp.asarray(repeated), jnp.full(rows, self.column)

    @property
    def effect(self) -> Float[np.ndarray, "m H W"]:
        """What the finding adds to each image."""
        return self.high - self.low


def exact(
    examples: data.Examples, training: data.Examples, positions: np.ndarray, column: int, intervene: Intervene
) -> Truth | None:
    """Of a phantom's images; the prior is the mean mask, and the mean effect the mean, of training images with the finding."""
    finding = examples.labels[column]
    images = _switched(examples, positions, finding, intervene)
    positives = np.flatnonzero((training.target[:, column] > 0) & (training.weight[:, column] > 0))[:PRIOR_IMAGES]
    others = _switched(training, positives, finding, intervene)
    if images is None or others is None or not len(positives):
        return None
    effects = others[1] - others[0]
    prior = (np.abs(effects) > localisation.MASK_THRESHOLD).mean(axis=0)
    return Truth(
        finding,
        column,
        examples.split.table.patient[positions],
        pixels(examples, positions),
        np.abs(images[1] - images[0]) > localisation.MASK_THRESHOLD,
        np.broadcast_to(prior, images[0].shape),
        *images,
        effects.mean(axis=0)[None],
    )


def boxed(examples: data.Examples, positions: np.ndarray, column: int) -> Truth | None:
    """Of real images with boxes of the finding; the prior is the mean mask of the other patients'. None for fewer than two."""
    finding, table = examples.labels[column], examples.split.table
    number = FINDINGS.index(finding)
    having = np.asarray([p for p in positions if np.any(table.boxes[p][:, 0] == number)], np.int64)
    if len(np.unique(table.patient[having])) < 2:
        return None
    image = pixels(examples, having)
    mask = np.stack([filled(table.boxes[p][table.boxes[p][:, 0] == number, 1:], *image.shape[1:3]) for p in having])
    patient, nothing = table.patient[having], np.zeros((0, *mask.shape[1:]), np.float32)
    prior = localisation.location_prior(mask, patient)
    return Truth(finding, column, patient, image, mask, prior, nothing, nothing, nothing)


def has_box(examples: data.Examples) -> Bool[np.ndarray, "N L"]:
    """Whether an image has a box of each finding."""
    numbers = [FINDINGS.index(label) for label in examples.labels]
    return np.stack([np.isin(numbers, boxes[:, 0]) for boxes in examples.split.table.boxes])


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


def positives(predictions: Predictions, tuned: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Of each label up to `count` true positives at its threshold [L], drawn by seed."""
    return [cases.true_positives(predictions, column, t, count, seed) for column, t in enumerate(tuned)]


def lacking(examples: data.Examples, column: int, count: int, seed: int) -> Float[np.ndarray, "o H W C"]:
    """Up to `count` images that are labelled as without the finding, drawn by seed."""
    negative = np.flatnonzero((examples.target[:, column] == 0) & (examples.weight[:, column] > 0))
    drawn = np.random.default_rng([seed, column]).permutation(negative)[:count]
    return pixels(examples, np.sort(drawn))


def pixels(examples: data.Examples, positions: np.ndarray) -> Float[np.ndarray, "n H W C"]:
    """In [0, 1]."""
    return grey_levels(examples.split.images(positions))


def _switched(
    examples: data.Examples, positions: np.ndarray, finding: str, intervene: Intervene
) -> tuple[np.ndarray, np.ndarray] | None:
    table = examples.split.table
    return intervene(table.factors[positions], table.seed[positions], finding)
