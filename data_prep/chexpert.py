"""Reader of the CheXpert layout: v1.0, v1.0-small, and any folder with the same columns.

A folder holds train.csv and valid.csv and the images that their `Path` column names, for instance
`CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg`. The first part of a path may be the folder itself, under
this or another name, or a folder in it; `raw_dir` may be the folder or its parent. An optional boxes.csv gives findings'
boxes. Tables are read by `data_prep.tables`, images by `data_prep.images`, one at a time.

Irvin et al. 2019, CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison.
"""

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep import images, splits
from data_prep.schema import Example
from data_prep.source import DataSource, Skipped, SourceError
from data_prep.tables import Row, read_boxes, read_table
from dirvae.config import DataConfig

VERSION = "1.0.0"
CHUNK_PIXELS = 64_000_000  # a shard's images are held in memory at once


class Plan(NamedTuple):
    """A plan lists what there is to read: rows of each split, boxes by path."""

    rows: dict[str, list[Row]]
    boxes: dict[str, np.ndarray]


@dataclass(frozen=True)
class CheXpert:
    """A `data_prep.source.Source`.

    `views`: "frontal" leaves laterals out. `only`: the stem of one CSV, which becomes the only split, under that name.
    Otherwise train.csv gives "train" and, by patient hash, "validation": `validation_percent` of the patients or, with
    `folds`, those of `fold`. valid.csv, where there is one and no folds are asked for, gives "test".
    """

    raw_dir: Path
    image_size: int
    views: str = "frontal"
    validation_percent: int = 10
    folds: int = 0
    fold: int = 0
    only: str = ""

    version = VERSION
    factors = 0

    @property
    def name(self) -> str:
        return "chexpert"

    @property
    def chunk_size(self) -> int:
        return min(512, max(16, CHUNK_PIXELS // self.image_size**2))

    @property
    def options(self) -> dict[str, Any]:
        if self.only:
            division: dict[str, Any] = {"only": self.only}
        elif self.folds:
            division = {"folds": self.folds, "fold": self.fold}
        else:
            division = {"validation_percent": self.validation_percent}
        try:
            digests = {table.stem: hashlib.sha256(table.read_bytes()).hexdigest() for table in self.tables()}
        except OSError as error:
            raise SourceError(f"{error.filename} cannot be read ({error.strerror})") from None
        return {"folder": self.root().name, "views": self.views, **division, "tables": digests}

    def root(self) -> Path:
        """The set's folder: `raw_dir`, or the one folder in it that holds the table.

        Raises:
          SourceError: where there is no such folder, or more than one.
        """
        table, raw_dir = f"{self.only or 'train'}.csv", self.raw_dir.resolve()
        if not re.fullmatch(r"[\w-]+\.csv", table) or self.only == "all":
            raise SourceError(f"the split {self.only!r} must be the name of a CSV in {self.raw_dir}, without .csv")
        if not raw_dir.is_dir():
            raise SourceError(f"raw_dir {self.raw_dir} is not a folder")
        if (raw_dir / table).is_file():
            return raw_dir
        within = sorted(path.parent for path in raw_dir.glob(f"*/{table}"))
        if len(within) > 1:
            names = ", ".join(path.name for path in within)
            raise SourceError(f"raw_dir {self.raw_dir} holds several sets ({names}); give one of them")
        if not within:
            raise SourceError(f"raw_dir {self.raw_dir} holds no {table}; give the folder that does")
        return within[0]

    def tables(self) -> list[Path]:
        """The CSV files that decide the content; those that the options leave unread are not among them."""
        names = [self.only] if self.only else ["train"] if self.folds else ["train", "valid"]
        root = self.root()
        return [table for name in (*names, "boxes") if (table := root / f"{name}.csv").is_file()]

    def plan(self) -> Plan:
        """The rows of each split.

        Raises:
          SourceError: for a missing folder or table, a bad table, a split that would be empty, or a patient of two splits.
        """
        stamps = tuple((table, table.stat().st_mtime_ns, table.stat().st_size) for table in self.tables())
        return _plan(self, stamps)

    def counts(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.plan().rows.items()}

    def facts(self) -> dict[str, Any]:
        """Boxes that boxes.csv lists, to be compared with those that found their image."""
        return {"boxes_listed": sum(len(boxes) for boxes in self.plan().boxes.values())}

    def chunk(self, split: str, number: int) -> tuple[list[Example], list[Skipped]]:
        """The examples of one shard, and the images that had to be left out."""
        plan, root, size = self.plan(), self.root(), self.chunk_size
        examples, skipped = [], []
        for row in plan.rows[split][number * size : (number + 1) * size]:
            try:
                image = images.read(locate(row.path, root, self.raw_dir), self.image_size)
            except images.ImageError as error:
                skipped.append(Skipped(row.path, str(error)))
            else:
                examples.append(_example(row, image, plan.boxes.get(row.path)))
        return examples, skipped


def locate(path: str, root: Path, raw_dir: Path) -> Path:
    """The file that a row names: below `root` without the path's first folder, or with it, or below `raw_dir`.

    Raises:
      images.ImageError: where there is none, or it would leave raw_dir through a symbolic link.
    """
    places = (root.joinpath(*path.split("/")[1:]), root / path, raw_dir / path)
    try:
        found = next((place for place in places if place.is_file()), None)
    except OSError as error:
        raise images.ImageError(f"cannot be opened ({error.strerror})") from None
    if found is None:
        raise images.ImageError("no such file")
    if not found.resolve().is_relative_to(raw_dir.resolve()):
        raise images.ImageError("a symbolic link that leaves raw_dir")
    return found


def _example(row: Row, image: np.ndarray, boxes: np.ndarray | None) -> Example:
    facts = row._asdict() | {"labels": np.asarray(row.labels, np.int8)}
    none = np.zeros((0, 5), np.float32)
    return Example(
        image=image, boxes=none if boxes is None else boxes, factors=np.zeros(0, np.float32), seed=0, **facts
    )


@functools.lru_cache(maxsize=2)  # each chunk asks for it; the stamps make an edited table count
def _plan(source: CheXpert, stamps: tuple) -> Plan:
    root = source.root()
    rows = {source.only: list(read_table(root / f"{source.only}.csv"))} if source.only else _divide(source, root)
    if source.views == "frontal":
        rows = {name: [row for row in found if row.view != "LATERAL"] for name, found in rows.items()}
    _check_not_empty(rows, source)
    return Plan(rows, read_boxes(root / "boxes.csv"))


def _divide(source: CheXpert, root: Path) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {"train": [], "validation": []}
    for row in read_table(root / "train.csv"):
        side = splits.development_split(row.patient, source.validation_percent, source.folds, source.fold)
        rows[side].append(row)
    if not source.folds and (root / "valid.csv").is_file():
        rows["test"] = list(read_table(root / "valid.csv"))
    patients = {name: {row.patient for row in found} for name, found in rows.items()}
    both = sorted(set().union(*splits.shared_patients(patients).values()))
    if both:
        some = ", ".join(both[:3]) + ", ..." * (len(both) > 3)
        raise SourceError(f"{root}: train.csv and valid.csv share {len(both)} patients ({some}); remove them from one")
    return rows


def _check_not_empty(rows: dict[str, list[Row]], source: CheXpert) -> None:
    for name in (name for name, found in rows.items() if not found):
        more = "use fewer data.folds" if source.folds else "raise data.validation_percent"
        hint = f"; {more}" if name == "validation" else ""
        if source.views == "frontal":
            hint += "; laterals are left out unless data.views is all"
        raise SourceError(f"{source.raw_dir} leaves no image for the split {name}{hint}")


def _open(data: DataConfig, raw_dir: Path | None) -> CheXpert:
    assert raw_dir is not None
    return CheXpert(Path(raw_dir), data.image_size, data.views, data.validation_percent, data.folds, data.fold)


def _open_table(raw_dir: Path, name: str, data: DataConfig) -> CheXpert:
    return CheXpert(Path(raw_dir), data.image_size, data.views, only=name)


def _title(data: DataConfig, manifest: Mapping[str, Any]) -> str:
    return f"chest X-rays ({manifest['options']['folder']})"


def _origin(data: DataConfig, manifest: Mapping[str, Any]) -> str:
    if data.folds:
        division = f"fold {data.fold + 1} of {data.folds} of train.csv's patients is held out as validation"
    else:
        division = f"{data.validation_percent} % of train.csv's patients select the checkpoint (validation)"
    test = "; valid.csv is the test split" if "test" in manifest["splits"] else "; there is no test split"
    folder = manifest["options"]["folder"]
    return f"Chest X-rays from the folder {folder} in CheXpert's layout, divided by patient: {division}{test}."


SOURCE = DataSource(_open, _title, _origin, raw_dir_holds="the folder that holds train.csv", open_table=_open_table)
