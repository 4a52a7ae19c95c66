"""Small data sets in the layouts of their owners, made by the tests: tables, pictures, and what a reader makes of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_prep import recognition, sources
from data_prep.cells import Cells
from data_prep.files import Folder
from data_prep.plan import open_tables
from data_prep.reader import Reader, Row, inputs_of
from data_prep.schema import Example
from data_prep.source import Skipped
from data_prep.table_source import TableSource
from dirvae.config import DataConfig


class Mapped(NamedTuple):
    """What a reader makes of a folder: rows by their paths, the findings, cells that could not be read, and notices."""

    rows: dict[str, Row]
    findings: tuple[str, ...]
    odd: dict[str, dict[str, int]]
    notices: tuple[str, ...] = ()


def write(path: Path, text: str) -> Path:
    """A text file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def picture(path: Path, height: int = 32, width: int = 32, seed: int = 0) -> np.ndarray:
    """A grey PNG or JPEG of noise, with its folders; its pixels as written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def mapped(reader: Reader, folder: Path, only: str = "", **settings) -> Mapped:
    """The rows that a reader yields, before they are divided and matched to files."""
    data = DataConfig(dataset=reader.name, **settings)
    opened = Folder(folder)
    tables, _ = open_tables(reader, opened, data, only)
    inputs, cells = inputs_of(tables, opened, data, only), Cells()
    rows = {row.path: row for row in reader.rows(inputs, cells)}
    return Mapped(
        rows, reader.findings(inputs), {kind: dict(odd) for kind, odd in cells.odd.items()}, tuple(cells.notices)
    )


def source(folder: Path, dataset: str, **settings) -> TableSource:
    """The source that a command opens for a folder."""
    return sources.open_source(DataConfig(dataset=dataset, **settings), folder)  # type: ignore[return-value]


def files(reader: Reader, folder: Path, **settings) -> dict[str, str]:
    """The file that each row's path means.

    Raises:
      ImageError: where there is none, or more than one.
    """
    opened = Folder(folder)
    return {path: opened.locate(path, reader.tail).path for path in mapped(reader, folder, **settings).rows}


def opened(raw_dir: Path, size: int = 16, only: str = "", **settings) -> TableSource:
    """A source in CheXpert's layout, as the commands open it; `only` names the one table that is wanted."""
    data = DataConfig(dataset="chexpert", image_size=size, **settings)
    made = sources.named("chexpert")
    return made.open_split(raw_dir, only, data) if only else made.open(data, raw_dir)  # type: ignore[misc, return-value]


def everything(made: TableSource) -> tuple[dict[str, list[Example]], list[Skipped]]:
    """Every example of a source by split, and what was left out, read as a build reads them."""
    examples: dict[str, list[Example]] = {}
    skipped: list[Skipped] = []
    for split, count in made.counts().items():
        for number in range(-(-count // made.chunk_size)):
            chunk = made.task(split, number)()
            examples.setdefault(split, []).extend(chunk.examples)
            skipped += chunk.skipped
    return examples, skipped


def patients(made: TableSource) -> dict[str, set[str]]:
    """The patients of each split."""
    return {split: {entry.row.patient for entry in entries} for split, entries in made.plan().entries.items()}


def positives(row: Row) -> set[str]:
    """Findings that a row says are present."""
    return {name for name, state in row.labels.items() if state == 1}


def recognised(folder: Path) -> str:
    """The name of the reader that fits a folder best; nothing where none does."""
    fits = recognition.fitting(Folder(folder))
    return fits[0].name if fits else ""
