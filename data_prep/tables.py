"""CSV files in the CheXpert layout: rows of labels and facts, and boxes; every odd value is mapped in one place here."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.schema import UNKNOWN_AGE
from data_prep.source import SourceError
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN

FACTS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
LABEL_VALUES = {"": BLANK, "1.0": POSITIVE, "0.0": NEGATIVE, "-1.0": UNCERTAIN} | {
    "1": POSITIVE,
    "0": NEGATIVE,
    "-1": UNCERTAIN,
}
SEX_VALUES = {"male": "Male", "m": "Male", "female": "Female", "f": "Female", "unknown": "Unknown", "": "Unknown"}
SIDE_VALUES = {"frontal": "FRONTAL", "lateral": "LATERAL", "": "UNKNOWN"}
PROJECTION_VALUES = {"ap": "AP", "pa": "PA", "ll": "LATERAL", "rl": "LATERAL", "": ""}  # LL, RL: left, right lateral
MAX_AGE = 120
BOX_LABELS = {name: name for name in FINDINGS} | {  # also the names that NIH ChestX-ray14 gives its boxes
    "Effusion": "Pleural Effusion",
    "Infiltrate": "Lung Opacity",
    "Infiltration": "Lung Opacity",
    "Mass": "Lung Lesion",
    "Nodule": "Lung Lesion",
    "Pleural_Thickening": "Pleural Other",
}


class Row(NamedTuple):
    """One line of a table, its values mapped to the schema's (see `data_prep.schema.Example`)."""

    path: str
    patient: str
    study: str
    view: str
    sex: str
    age: int
    labels: tuple[int, ...]


def read_table(table: Path) -> tuple[Row, ...]:
    """Every row of a CSV with the columns `FACTS` and the 14 findings; further columns are ignored.

    Raises:
      SourceError: for a missing, empty or unreadable file, missing columns, a value that is none of the known ones (with
        its line and column), or a path that occurs twice or points outside.
    """
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for line, values in _lines(table, (*FACTS, *FINDINGS)):
        row = _row(values, f"{table}, line {line}")
        if row.path in lines:
            raise SourceError(
                f"{table}, line {line}: {row.path} is in line {lines[row.path]} already; remove one of them"
            )
        lines[row.path] = line
        rows.append(row)
    if not rows:
        raise SourceError(f"{table} has a header but no rows")
    return tuple(rows)


def _lines(table: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, stripped text of each column), one row at a time."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in required if name not in (reader.fieldnames or ())]
            if missing:
                raise SourceError(f"{table} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
            twice = [name for name in required if reader.fieldnames.count(name) > 1]
            if twice:
                raise SourceError(f"{table} has the column {twice[0]} more than once; remove one of them")
            for values in reader:
                if None in values or None in values.values():
                    raise SourceError(
                        f"{table}, line {reader.line_num}: {_fields(values)} fields, but the header has "
                        f"{len(reader.fieldnames)}; the file may be cut off"
                    )
                yield reader.line_num, {name: text.strip() for name, text in values.items()}
    except FileNotFoundError:
        raise SourceError(f"{table} does not exist; raw_dir must be the folder that holds it") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{table} is not a readable CSV file ({error})") from None


def _fields(values: dict) -> int:
    """Counts the fields of a line that DictReader has read: it fills up a short line, and puts aside the rest of a long one."""
    return sum(1 for text in values.values() if text is not None) + len(values.get(None, [""])) - 1


def _row(text: dict[str, str], where: str) -> Row:
    patient, study = _identity(text["Path"], where)
    side = _known(SIDE_VALUES, text["Frontal/Lateral"], "Frontal/Lateral", where)
    projection = _known(PROJECTION_VALUES, text["AP/PA"], "AP/PA", where)
    return Row(
        path=text["Path"],
        patient=patient,
        study=study,
        view=side if side == "LATERAL" else projection or side,
        sex=_known(SEX_VALUES, text["Sex"], "Sex", where),
        age=_age(text["Age"], where),
        labels=tuple(_known(LABEL_VALUES, text[name], name, where) for name in FINDINGS),
    )


def _known(values: dict, text: str, column: str, where: str) -> str | int:
    """Returns the value that a cell stands for, as it is written or in small letters; raises SourceError for an unknown one."""
    key = text if text in values else text.lower()
    if key not in values:
        allowed = ", ".join(value or "empty" for value in values)
        raise SourceError(f"{where}: {column} is {text!r}; it must be one of {allowed}")
    return values[key]


def _identity(path: str, where: str) -> tuple[str, str]:
    """Patient and study from the path's folders, .../patientPPPPP/studyN/file."""
    parts = path.split("/")
    if not path.isprintable() or "\\" in path or re.match(r"[A-Za-z]:", path) or {"", ".", ".."} & set(parts):
        raise SourceError(f"{where}: the Path {path!r} must be relative, plain and within raw_dir")
    named = [i for i, part in enumerate(parts[:-2]) if part.startswith("patient")]
    if not named:
        raise SourceError(f"{where}: the Path {path!r} is not of the form .../patient00001/study1/view1_frontal.jpg")
    patient, study = parts[named[-1]], parts[named[-1] + 1]  # the last, since a folder above may be called patients
    return patient, f"{patient}/{study}"


def _age(text: str, where: str) -> int:
    """Returns an age in whole years; `63.0` and DICOM's `063Y`, `018M`, `003W`, `010D` are read too."""
    if not text:
        return UNKNOWN_AGE
    match = re.fullmatch(r"(\d{1,3})(?:\.0*)?([YMWD]?)", text)
    years = int(match[1]) // {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}[match[2]] if match else -1
    if not 0 <= years <= MAX_AGE:
        raise SourceError(f"{where}: Age is {text!r}; it must be a number of years from 0 to {MAX_AGE}, or empty")
    return years


def read_boxes(table: Path) -> dict[str, np.ndarray]:
    """Path -> float32 [n, 5]: finding, ymin, xmin, ymax, xmax as shares of the image; nothing where there is no file.

    Columns: Path, label, x_F, y_F, w_F, h_F (left, top, width, height) in a square frame of F pixels, as in x_1024; of
    several frames the largest counts. What reaches beyond the frame is cut off.

    Raises:
      SourceError: for missing columns, an unknown label, or a box without area.
    """
    found: dict[str, list[tuple[float, ...]]] = {}
    for line, row in _lines(table, ("Path", "label")) if table.is_file() else ():
        frames = [int(match[1]) for name in row if (match := re.fullmatch(r"x_(\d+)", name))]
        frame = max(frames, default=0)
        where = f"{table}, line {line}"
        if not frame or not {f"{side}_{frame}" for side in "ywh"} <= set(row):
            raise SourceError(f"{table} needs the columns x_F, y_F, w_F and h_F, with F the frame's size in pixels")
        label = _known(BOX_LABELS, row["label"], "label", where)
        found.setdefault(row["Path"], []).append((FINDINGS.index(label), *_box(row, frame, where)))
    return {path: np.asarray(boxes, np.float32) for path, boxes in found.items()}


def _box(row: dict[str, str], frame: int, where: str) -> tuple[float, float, float, float]:
    """ymin, xmin, ymax, xmax as shares of the frame."""
    try:
        x, y, w, h = (float(row[f"{side}_{frame}"]) / frame for side in "xywh")
    except ValueError:
        raise SourceError(f"{where}: x, y, w and h must be numbers") from None
    top, left, bottom, right = (min(max(edge, 0.0), 1.0) for edge in (y, x, y + h, x + w))
    if not (bottom > top and right > left):
        raise SourceError(f"{where}: the box has no area within its frame of {frame} pixels")
    return top, left, bottom, right
