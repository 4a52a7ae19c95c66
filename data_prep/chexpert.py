"""Reader of the CheXpert layout: v1.0, v1.0-small, and any CSV with the same columns.

A folder holds train.csv and valid.csv, and the images their `Path` column names, e.g.
`CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg`. The first part of a path may be the folder itself or a
folder in it. Odd values seen in the wild are mapped in one place each: AP/PA of LL and RL and of laterals, sex Unknown, age
0, blank and uncertain labels. An optional boxes.csv (Path, label, x_F, y_F, w_F, h_F; F the frame's size in pixels)
gives findings' boxes.
"""

import csv
import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep import images, splits
from data_prep.schema import SEXES, UNKNOWN_AGE, Example
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN, finding_index

VERSION = "1.0.0"
CHUNK = 500  # images of a shard
LABEL_VALUES = {
    "1.0": POSITIVE,
    "1": POSITIVE,
    "0.0": NEGATIVE,
    "0": NEGATIVE,
    "-1.0": UNCERTAIN,
    "-1": UNCERTAIN,
    "": BLANK,
}
NIH_BOX_LABELS = {  # names of NIH ChestX-ray14's boxes, as CheXpert's labeller would call them
    "Infiltrate": "Lung Opacity",
    "Infiltration": "Lung Opacity",
    "Effusion": "Pleural Effusion",
    "Mass": "Lung Lesion",
    "Nodule": "Lung Lesion",
}
REQUIRED = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS)


class SourceError(ValueError):
    """A raw source that cannot be read as asked; the message says what, where and how to mend it."""


class Skipped(NamedTuple):
    """An image that was left out, and why."""

    path: str
    reason: str


class Row(NamedTuple):
    """One line of a table, its values mapped to the schema's."""

    path: str
    patient: str
    study: str
    view: str
    sex: str
    age: int
    labels: tuple[int, ...]


def read_table(table: Path) -> tuple[Row, ...]:
    """Every row of a CSV in the layout.

    Raises:
      SourceError: for a missing or empty file, missing columns, a value that is none of the known ones, or a path twice.
    """
    if not table.is_file():
        raise SourceError(f"{table} does not exist; raw_dir must be the folder that holds it")
    rows, seen = [], set()
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
        if missing:
            raise SourceError(f"{table} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
        for number, values in enumerate(reader, start=2):
            row = _row(values, f"{table}, line {number}")
            if row.path in seen:
                raise SourceError(f"{table}, line {number}: {row.path} occurs twice; remove one of the rows")
            seen.add(row.path)
            rows.append(row)
    if not rows:
        raise SourceError(f"{table} holds no rows")
    return tuple(rows)


def _row(values: dict[str, str | None], where: str) -> Row:
    text = {name: (values[name] or "").strip() for name in REQUIRED}
    for name in FINDINGS:
        if text[name] not in LABEL_VALUES:
            raise SourceError(f"{where}: {name} is {text[name]!r}; labels are 1.0, 0.0, -1.0 or empty")
    patient, study = _identity(text["Path"], where)
    return Row(
        path=text["Path"],
        patient=patient,
        study=study,
        view=_view(text["Frontal/Lateral"], text["AP/PA"]),
        sex=text["Sex"].capitalize() if text["Sex"].capitalize() in SEXES else "Unknown",
        age=_age(text["Age"], where),
        labels=tuple(LABEL_VALUES[text[name]] for name in FINDINGS),
    )


def _identity(path: str, where: str) -> tuple[str, str]:
    """Patient and study from the path's folders."""
    parts = path.replace("\\", "/").split("/")
    if not path or path.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", path):
        raise SourceError(f"{where}: the path {path!r} must stay within raw_dir")
    patients = [i for i, part in enumerate(parts) if part.startswith("patient")]
    if not patients or patients[0] + 1 >= len(parts):
        raise SourceError(
            f"{where}: the path {path!r} names no patient and study, as in train/patient00001/study1/view1.jpg"
        )
    return parts[patients[0]], "/".join(parts[patients[0] : patients[0] + 2])


def _view(side: str, projection: str) -> str:
    """LL and RL are laterals, whatever the other column says; a frontal without projection stays FRONTAL."""
    if side.lower() == "lateral" or projection.upper() in ("LL", "RL"):
        return "LATERAL"
    if projection.upper() in ("AP", "PA"):
        return projection.upper()
    return "FRONTAL" if side.lower() == "frontal" else "UNKNOWN"


def _age(text: str, where: str) -> int:
    """Whole years; `060Y` and `60.0` occur."""
    if not text:
        return UNKNOWN_AGE
    match = re.fullmatch(r"0*(\d{1,3})(?:\.0+)?Y?", text)
    if not match:
        raise SourceError(f"{where}: the age {text!r} is not a number of years")
    return int(match[1])


def read_boxes(raw_dir: Path) -> dict[str, np.ndarray]:
    """Path -> float32 [n, 5] (finding, ymin, xmin, ymax, xmax as shares) from boxes.csv; empty without one."""
    table = raw_dir / "boxes.csv"
    if not table.is_file():
        return {}
    found: dict[str, list] = {}
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        frames = [int(m[1]) for name in reader.fieldnames or () if (m := re.fullmatch(r"x_(\d+)", name))]
        if not frames or not {"Path", "label"} <= set(reader.fieldnames or ()):
            raise SourceError(f"{table} needs the columns Path, label and x_F, y_F, w_F, h_F with the frame's size F")
        frame = max(frames)
        for number, row in enumerate(reader, start=2):
            try:
                x, y, w, h = (float(row[f"{side}_{frame}"]) / frame for side in "xywh")
                box = (finding_index(NIH_BOX_LABELS.get(row["label"], row["label"])), y, x, y + h, x + w)
            except (KeyError, TypeError, ValueError) as error:
                raise SourceError(f"{table}, line {number}: {error}") from None
            found.setdefault(row["Path"], []).append(box)
    return {path: np.asarray(boxes, np.float32) for path, boxes in found.items()}


@dataclass(frozen=True)
class CheXpert:
    """A source of examples (see `data_prep.build`), small enough to be sent to worker processes.

    `only`: the stem of one CSV, which becomes the only split, named so. Otherwise train.csv gives "train" and, by patient
    hash, "validation", and valid.csv, where there is one and no folds are asked for, "test".
    """

    raw_dir: Path
    image_size: int
    views: str = "frontal"
    validation_percent: int = 10
    folds: int = 0
    fold: int = 0
    only: str = ""
    factors: int = 0

    version = VERSION

    @property
    def options(self) -> dict:
        tables = [name for name in ([self.only] if self.only else ["train", "valid"]) if self._table(name).is_file()]
        digests = {
            name: hashlib.sha256(self._table(name).read_bytes()).hexdigest()[:16]
            for name in (*tables, "boxes")
            if self._table(name).is_file()
        }
        return {
            "source": self.raw_dir.resolve().name,
            "views": self.views,
            "validation_percent": self.validation_percent,
            "folds": self.folds,
            "fold": self.fold,
            "only": self.only,
            "tables": digests,
        }

    @property
    def name(self) -> str:
        return "chexpert_layout"

    def facts(self) -> dict:
        return {}

    def counts(self) -> dict[str, int]:
        """Rows of each split.

        Raises:
          SourceError: for a missing folder or table, a bad table, or a patient on both sides of train and test.
        """
        return {name: len(rows) for name, rows in _rows_by_split(self).items()}

    def chunk(self, split: str, number: int) -> tuple[list[Example], list[Skipped]]:
        """The examples of one shard, and the images that had to be left out."""
        rows = _rows_by_split(self)[split][number * CHUNK : (number + 1) * CHUNK]
        boxes, examples, skipped = _boxes(self.raw_dir), [], []
        for row in rows:
            try:
                image = images.read(self.locate(row.path), self.image_size)
            except images.ImageError as error:
                skipped.append(Skipped(row.path, str(error)))
                continue
            labels, none = np.asarray(row.labels, np.int8), np.zeros((0, 5), np.float32)
            examples.append(
                Example(
                    image, labels, row.patient, row.study, row.view, row.sex, row.age, row.path,
                    boxes.get(row.path, none), np.zeros(0, np.float32), 0,
                )
            )  # fmt: skip
        return examples, skipped

    chunk_size = CHUNK

    def locate(self, path: str) -> Path:
        """The file a row names: below raw_dir with or without the path's first folder, never outside.

        Raises:
          images.ImageError: where it would leave raw_dir, through a symbolic link for instance.
        """
        root = self.raw_dir.resolve()
        whole, tail = root / path, root.joinpath(*path.split("/")[1:])
        found = next((p for p in (tail, whole) if p.exists()), whole)
        if not found.resolve().is_relative_to(root):
            raise images.ImageError("the path leaves raw_dir")
        return found

    def _table(self, name: str) -> Path:
        return self.raw_dir / f"{name}.csv"


_boxes = functools.cache(read_boxes)


@functools.lru_cache(maxsize=4)
def _rows_by_split(source: CheXpert) -> dict[str, list[Row]]:
    if not source.raw_dir.is_dir():
        raise SourceError(f"raw_dir {source.raw_dir} is not a folder")
    wanted = lambda row: source.views == "all" or row.view != "LATERAL"  # noqa: E731
    if source.only:
        return {source.only: _some(filter(wanted, read_table(source._table(source.only))), source)}
    divided: dict[str, list[Row]] = {"train": [], "validation": []}
    for row in filter(wanted, read_table(source._table("train"))):
        side = splits.development_split(row.patient, source.validation_percent, source.folds, source.fold)
        divided[side].append(row)
    if source._table("valid").is_file() and not source.folds:
        divided["test"] = list(filter(wanted, read_table(source._table("valid"))))
        shared = {r.patient for r in divided["test"]} & {
            r.patient for part in ("train", "validation") for r in divided[part]
        }
        if shared:
            some = ", ".join(sorted(shared)[:3])
            raise SourceError(
                f"{source.raw_dir}: {len(shared)} patients ({some}, ...) are in train.csv and valid.csv both"
            )
    for name, rows in divided.items():
        _some(rows, source, name)
    return divided


def _some(rows: object, source: CheXpert, name: str = "") -> list[Row]:
    found = list(rows)
    if not found:
        hint = " (only frontal views are kept; data.views=all keeps all)" if source.views == "frontal" else ""
        raise SourceError(f"{source.raw_dir} leaves no image for the split {name or source.only}{hint}")
    return found
