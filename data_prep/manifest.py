"""A manifest says what a data set holds: counted shard by shard in their order, kept as manifest.json beside the records."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import quality
from data_prep.schema import UNKNOWN_AGE
from data_prep.source import SourceError
from dirvae.labels import STATES

FILE = "manifest.json"
LISTED = 100  # pictures of several splits that the manifest names


class Tally:
    """Counts over a split's examples, added shard by shard in their order.

    What it keeps grows by 16 bytes an example and by the names of the patients: nothing else of an example stays in memory.
    """

    def __init__(self, findings: int) -> None:
        self.images = self.boxes = self.masks = 0
        self.patients: set[bytes] = set()
        self.views: Counter[str] = Counter()
        self.sexes: Counter[str] = Counter()
        self.ages: Counter[int] = Counter()
        self.labels = np.zeros((len(STATES), findings), np.int64)
        self.pixels: list[np.ndarray] = []  # int64 [n], the first eight bytes of each picture's digest
        self._studies: list[np.ndarray] = []  # uint64 [n], digests of patient and study
        self._digest = hashlib.sha256()

    def add(self, columns: Mapping[str, np.ndarray], digests: np.ndarray, pixels: np.ndarray) -> None:
        """Counts further examples, given their columns and, both uint8 [n, 32], the digests of them and of their pixels."""
        self.images += len(digests)
        self.boxes += len(columns["boxes"])
        self.masks += len(columns["masks"])
        self.patients.update(columns["patient"].tolist())
        self.views.update(name.decode() for name in columns["view"].tolist())
        self.sexes.update(name.decode() for name in columns["sex"].tolist())
        self.ages.update(columns["age"].tolist())
        self.labels += np.asarray([(columns["labels"] == value).sum(axis=0) for value in STATES.values()])
        self.pixels.append(np.ascontiguousarray(pixels[:, :8]).view(np.int64).ravel())
        studies = zip(columns["patient"].tolist(), columns["study"].tolist(), strict=True)
        short = b"".join(hashlib.blake2b(b" ".join(pair), digest_size=8).digest() for pair in studies)
        self._studies.append(np.frombuffer(short, np.uint64))
        self._digest.update(digests.tobytes().hex().encode())

    def sha256(self) -> str:
        """Over the examples' digests in their order, hence the same however they are spread over shards."""
        return self._digest.hexdigest()

    def summary(self, findings: Sequence[str]) -> dict[str, Any]:
        """A split's entry in the manifest, for the findings of its labels."""
        labels = {
            finding: {state: int(self.labels[row, column]) for row, state in enumerate(STATES)}
            for column, finding in enumerate(findings)
        }
        ages = {age: count for age, count in self.ages.items() if age != UNKNOWN_AGE}
        years = np.repeat(np.asarray(list(ages), np.int16), list(ages.values()))
        return {
            "images": self.images,
            "patients": len(self.patients),
            "studies": len(np.unique(np.concatenate(self._studies))) if self._studies else 0,
            "boxes": self.boxes,
            **({"masks": self.masks} if self.masks else {}),
            "sha256": self.sha256(),
            "labels": labels,
            "views": dict(sorted(self.views.items())),
            "sexes": dict(sorted(self.sexes.items())),
            "age_quartiles": np.percentile(years, [25, 50, 75]).tolist() if len(years) else None,
        }


def content_hash(sha256: dict[str, str]) -> str:
    """One hash over the splits' own, given by split name."""
    return hashlib.sha256(json.dumps(sha256, sort_keys=True).encode()).hexdigest()


def duplicates(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """Pictures that several splits hold, found by their pixels: how many, in which splits, and where the first of them are.

    Returns {"images": number of pictures, "splits": {"train, test": number}, "examples": [{split: position, ...}, ...]}.
    """
    names = [name for name, tally in tallies.items() if tally.images]
    if len(names) < 2:
        return {"images": 0, "splits": {}, "examples": []}
    keys = np.concatenate([part for name in names for part in tallies[name].pixels])
    split = np.repeat(np.arange(len(names)), [tallies[name].images for name in names])
    position = np.concatenate([np.arange(tallies[name].images) for name in names])
    order = np.lexsort((position, split, keys))
    keys, split, position = keys[order], split[order], position[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    several = np.maximum.reduceat(split, starts) != np.minimum.reduceat(split, starts)
    counts: Counter[str] = Counter()
    listed: list[dict[str, int]] = []
    for first, last in zip(starts[several], np.append(starts[1:], len(keys))[several], strict=True):
        held: dict[str, int] = {}
        for s, p in zip(split[first:last], position[first:last], strict=True):
            held.setdefault(names[s], int(p))
        counts[", ".join(held)] += 1
        listed.append(held)
    listed.sort(key=_place)
    return {"images": counts.total(), "splits": dict(counts), "examples": listed[:LISTED]}


def _place(held: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(held.items())


def warnings(whole: Mapping[str, Any]) -> list[str]:
    """What a user of a data set should know, a sentence each: notices of its source, verdicts on its images, duplicates."""
    images = sum(counts["images"] for counts in whole["splits"].values())
    verdicts = {name: found["images"] for name, found in whole.get("warnings", {}).items()}
    lines = [*whole.get("facts", {}).get("notices", ()), *of_pictures(verdicts, images)]
    if "marks" in verdicts:
        lines.append(
            f"{verdicts['marks']} images have boxes or masks that lie outside of them or have no area, which are left out"
        )
    found = whole.get("duplicates", {"images": 0})
    if found["images"]:
        pairs = ", ".join(f"{count} in {names}" for names, count in found["splits"].items())
        lines.append(
            f"{found['images']} pictures are in several splits ({pairs}), so that scores may be too good; manifest.json names them"
        )
    return lines


def of_pictures(verdicts: Mapping[str, int], images: int) -> list[str]:
    """What is wrong with a set's pictures, given how many of them have each verdict of `data_prep.quality`."""
    known = quality.verdicts_of_set({name: count for name, count in verdicts.items() if name in quality.RULES}, images)
    lines = [f"unusual brightness or contrast: {verdict.sentence()}" for verdict in known if verdict.serious]
    few = ", ".join(f"{verdict.count} {verdict.name}" for verdict in known if not verdict.serious)
    return lines + ([f"a few pictures look unlike a good X-ray ({few}); manifest.json names them"] if few else [])


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a finished data set.

    Raises:
      SourceError: where there is none, or it cannot be read.
    """
    path = Path(directory) / FILE
    try:
        whole = json.loads(path.read_text())
        if not isinstance(whole, dict) or not {"content_hash", "splits", "skipped"} <= whole.keys():
            raise ValueError("it is not a manifest")
        return whole
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"{directory} holds no finished data set (no {FILE}); build it first") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read ({error}); delete it and build the data set again") from None
