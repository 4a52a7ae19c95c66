"""A manifest says what a data set holds: counted by example, added up over shards, kept as manifest.json beside the records."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import records
from data_prep.schema import UNKNOWN_AGE, Example
from data_prep.source import SourceError
from dirvae.labels import STATES

FILE = "manifest.json"


@dataclass
class Tally:
    """Counts over examples in their order; `+=` appends the examples of another. All fields are JSON."""

    digests: list[str] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)  # of each example, as are studies, views and sexes
    studies: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    sexes: list[str] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)  # years; known ones only
    labels: list[list[int]] = field(default_factory=list)  # [state][finding]
    boxes: int = 0

    @classmethod
    def empty(cls, findings: int) -> "Tally":
        """The tally of no example, for data with so many findings."""
        return cls(labels=[[0] * findings for _ in STATES])

    def add(self, example: Example) -> None:
        self.digests.append(records.digest(example).hex())
        self.patients.append(example.patient)
        self.studies.append(f"{example.patient} {example.study}")
        self.views.append(example.view)
        self.sexes.append(example.sex)
        self.ages += [] if example.age == UNKNOWN_AGE else [int(example.age)]
        for counts, value in zip(self.labels, STATES.values(), strict=True):
            for column in np.flatnonzero(example.labels == value):
                counts[column] += 1
        self.boxes += len(example.boxes)

    def __iadd__(self, other: "Tally") -> "Tally":
        for name in ("digests", "patients", "studies", "views", "sexes", "ages"):
            getattr(self, name).extend(getattr(other, name))
        self.labels = (np.asarray(self.labels, int).reshape(len(STATES), -1) + other.labels).tolist()
        self.boxes += other.boxes
        return self

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sha256(self) -> str:
        """Over the examples' digests in their order, hence the same however they are spread over shards."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()

    def summary(self, findings: Sequence[str]) -> dict[str, Any]:
        """A split's entry in the manifest, for the findings of its labels."""
        labels = {
            finding: {state: self.labels[row][column] for row, state in enumerate(STATES)}
            for column, finding in enumerate(findings)
        }
        return {
            "images": len(self.digests),
            "patients": len(set(self.patients)),
            "studies": len(set(self.studies)),
            "boxes": self.boxes,
            "sha256": self.sha256(),
            "labels": labels,
            "views": dict(sorted(Counter(self.views).items())),
            "sexes": dict(sorted(Counter(self.sexes).items())),
            "age_quartiles": np.percentile(self.ages, [25, 50, 75]).tolist() if self.ages else None,
        }


def content_hash(sha256: dict[str, str]) -> str:
    """One hash over the splits' own, given by split name."""
    return hashlib.sha256(json.dumps(sha256, sort_keys=True).encode()).hexdigest()


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
