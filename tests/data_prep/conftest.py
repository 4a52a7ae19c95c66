"""Small data sets of the tests' own making: a folder in the CheXpert layout, and a source of given examples."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import real_xrays

from data_prep.schema import Example
from dirvae.labels import FINDINGS

COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS)


def row(path: str, **changes: str) -> dict[str, str]:
    """A plausible line of train.csv; `changes` by column name."""
    facts = {"Path": path, "Sex": "Female", "Age": "55", "Frontal/Lateral": "Frontal", "AP/PA": "AP"}
    return facts | {"Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0"} | changes


def write_table(table: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> None:
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_image(path: Path, seed: int, size: int = 16) -> np.ndarray:
    """A random grey PNG; its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """table(row, row, ..., columns=COLUMNS): a CSV of its own."""

    def make(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
        write_table(tmp_path / "table.csv", list(rows), columns)
        return tmp_path / "table.csv"

    return make


@dataclass
class Layout:
    """A folder with train.csv, valid.csv and images; `rows` by table, `pixels` by path."""

    root: Path
    rows: dict[str, list[dict[str, str]]]
    pixels: dict[str, np.ndarray]

    def rewrite(self, table: str, rows: list[dict[str, str]]) -> None:
        write_table(self.root / f"{table}.csv", rows)


@pytest.fixture
def layout(tmp_path: Path) -> Callable[..., Layout]:
    """layout(train=40, valid=6, root=...): two images of each patient in train.csv, one in valid.csv."""

    def make(train: int = 40, valid: int = 6, root: Path | None = None, prefix: str = "set") -> Layout:
        made = Layout(root or tmp_path / "set", {"train": [], "valid": []}, {})
        for table, count in (("train", train), ("valid", valid)):
            for number in range(count):
                patient = number // 2 if table == "train" else 1000 + number
                tail = f"{table}/patient{patient:05d}/study{number % 2 + 1}/view1_frontal.png"
                made.pixels[f"{prefix}/{tail}"] = write_image(made.root / tail, seed=len(made.pixels))
                made.rows[table].append(row(f"{prefix}/{tail}", Age=str(number)))
            if count:
                made.rewrite(table, made.rows[table])
        return made

    return make


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

    def chunk(self, split: str, number: int) -> tuple[list[Example], list]:
        return self.examples[split][number * self.chunk_size : (number + 1) * self.chunk_size], []

    def facts(self) -> dict:
        return {}


@pytest.fixture
def given() -> type[Given]:
    return Given


@pytest.fixture
def plain_example() -> Callable[..., Example]:
    return example


@pytest.fixture
def plain_row() -> Callable[..., dict[str, str]]:
    return row


@pytest.fixture
def real_set() -> Path:
    if not real_xrays.FOLDER.is_dir():
        pytest.skip(real_xrays.ABSENT)
    return real_xrays.FOLDER
