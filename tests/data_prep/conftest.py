"""Small data sets of the tests' own making: a folder in the CheXpert layout, and what `support.given` has, as fixtures."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import real_xrays
from support.given import Given, example

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
