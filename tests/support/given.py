"""A data source of examples that are there already, for builds that read no files."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep.schema import Example
from data_prep.source import Chunk
from dirvae.labels import FINDINGS


def example(patient: str = "a", **changes: Any) -> Example:
    """A sound example of 8 x 8 pixels."""
    plain = Example(
        image=np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8),
        labels=np.asarray([1, 0, -1, -2] * 3 + [0, 0], np.int8),
        patient=patient,
        study="1",
        view="PA",
        sex="Unknown",
        age=-1,
        path=f"{patient}.png",
        boxes=np.asarray([[3, 0.1, 0.2, 0.5, 0.6]], np.float32),
        factors=np.asarray([0.5, -1.5], np.float32),
        seed=2**40,
    )
    return plain._replace(**changes)


@dataclass
class Given:
    """A source of examples that are there already."""

    examples: dict[str, list[Example]]
    chunk_size: int = 2
    version: str = "1.0.0"
    image_size: int = 8
    factors: int = 2
    name: str = "given"

    @property
    def options(self) -> dict:
        return {}

    def counts(self) -> dict[str, int]:
        return {split: len(examples) for split, examples in self.examples.items()}

    @property
    def findings(self) -> tuple[str, ...]:
        return FINDINGS

    def shards(self, split: str) -> int:
        return -(-self.counts()[split] // self.chunk_size)

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        first = number * self.chunk_size
        return functools.partial(Chunk, self.examples[split][first : first + self.chunk_size])

    def state(self, split: str, number: int) -> str:
        return ""

    def raw_files(self, progress: Callable[[str], None]) -> None:
        return None

    def facts(self) -> dict:
        return {}
