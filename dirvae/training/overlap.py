"""What a run has already seen of the images that it is to be scored on: their patients, and the very images.

Scores on patients whose other images a run has learned from say little of new patients. A patient is known by name, within one
collection of images. An image is known by its pixels at the run's size.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.training import data

ROWS = 512  # images that are read together
Person = tuple[str, str]
"""(collection of images, patient)."""


class Overlap(NamedTuple):
    """Positions of images that a run has seen: those of its patients, by the split they are in, and those seen pixel for pixel."""

    of_patients: dict[str, np.ndarray]
    identical: np.ndarray

    @property
    def positions(self) -> np.ndarray:
        """All of them, in order."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self.of_patients.values(), self.identical]))


def find(
    scored: data.Split, seen: Sequence[data.Split], scored_people: list[Person], seen_people: Sequence[list[Person]]
) -> Overlap:
    """What the splits `seen` and the split `scored` have in common; people are given for each image of each split."""
    of_patients = {}
    for split, people in zip(seen, seen_people, strict=True):
        known = set(people)
        positions = np.asarray([i for i, person in enumerate(scored_people) if person in known], np.int64)
        if len(positions):
            of_patients[split.name] = positions
    images = {digest for split in seen for digest in digests(split)} - {None}
    identical = np.asarray([i for i, digest in enumerate(digests(scored)) if digest in images], np.int64)
    return Overlap(of_patients, identical)


def digests(split: data.Split) -> Iterator[bytes | None]:
    """A hash of each image's pixels; None for an image of one level, which is nobody's."""
    for first in range(0, len(split), ROWS):
        for image in split.images(np.arange(first, min(first + ROWS, len(split)))):
            constant = image.min() == image.max()
            yield None if constant else hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def people(split: data.Split, collections: Mapping[str, str]) -> list[Person]:
    """Each image's patient; `collections` says which collection of images each origin of the split is, "" being the only one."""
    origins = split.table.origin
    return [
        (collections[origin], str(patient).removeprefix(f"{origin}/") if origin else str(patient))
        for origin, patient in zip(map(str, origins), split.table.patient, strict=True)
    ]


def sentence(overlap: Overlap, split: data.Split) -> str:
    """Counts and names what was seen; empty where nothing was."""
    total, parts = len(split), []
    if overlap.of_patients:
        positions = np.unique(np.concatenate(list(overlap.of_patients.values())))
        patients = [str(one) for one in np.unique(split.table.patient[positions])]
        names = ", ".join(patients[:3]) + ", ..." * (len(patients) > 3)
        splits, plural = " and ".join(overlap.of_patients), "s" * (len(overlap.of_patients) > 1)
        parts.append(
            f"{len(positions)} of {total} images are of {len(patients)} patients of the run's {splits} split{plural} ({names})"
        )
    if len(overlap.identical):
        paths = [str(path) for path in split.table.path[overlap.identical[:3]]]
        names = ", ".join(paths) + ", ..." * (len(overlap.identical) > 3)
        parts.append(
            f"{len(overlap.identical)} of {total} images are, pixel for pixel, among those it learned from ({names})"
        )
    return "; ".join(parts)


def record(overlap: Overlap, split: data.Split) -> dict:
    """What metrics.json tells of it."""
    return {
        "images_of_known_patients": {name: len(positions) for name, positions in overlap.of_patients.items()},
        "known_patients": sorted({str(split.table.patient[i]) for part in overlap.of_patients.values() for i in part})[
            :100
        ],
        "identical_images": len(overlap.identical),
    }
