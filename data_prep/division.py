"""The division of a data set's rows into splits: which views are wanted, and which patient goes where.

A split table is a CSV with a column of paths or of patients and a column that says train, validation or test. It counts instead of
the owners' splits. An image whose cell there is empty is left out. One that the table does not name is an error.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep import splits
from data_prep.files import Folder
from data_prep.reader import Row
from data_prep.source import SourceError
from data_prep.tables import SPLIT_OF, Table, fold
from dirvae.config import DataConfig

SPLITS = ("train", "validation", "test")
FRONTAL = ("AP", "PA", "FRONTAL")


def settings(data: DataConfig, only: str) -> dict[str, Any]:
    """The settings that decide which image goes to which split."""
    if only:
        return {"only": only}
    names = ["division", "train_table", "validation_table", "test_table", "split_table"]
    names += ["folds", "fold"] if data.folds else ["validation_percent", "test_percent"]
    return {name: value for name in names if (value := getattr(data, name)) not in ("", 0)}


def of_views(rows: list[Row], data: DataConfig, notes: dict[str, Any]) -> list[Row]:
    """The rows of the wanted views.

    Where no view of any image is stated, all images are taken for frontal ones. Otherwise those of an unknown view are left out of
    the frontal ones. Both are among the notices.
    """
    views = Counter(row.view for row in rows)
    notes["views"] = dict(views)
    if data.views != "frontal":
        return rows
    if set(views) == {"UNKNOWN"}:
        _notice(notes, f"no view is stated of any of the {len(rows)} images: all are taken for frontal ones")
        return rows
    if views["UNKNOWN"]:
        _notice(
            notes, f"{views['UNKNOWN']} images of an unknown view are left out; --views=all keeps them, and laterals"
        )
    return [row for row in rows if row.view in FRONTAL]


def _notice(notes: dict[str, Any], sentence: str) -> None:
    notes.setdefault("notices", []).append(sentence)


def divide(
    rows: list[Row], data: DataConfig, folder: Folder, notes: dict[str, Any], tail: int = 0, only: str = ""
) -> dict[str, list[Row]]:
    """Rows of the wanted views by split, as `data.split_table` or `data.division` says; all in the split `only` where that is given.

    `tail` is that of `Folder.locate`.

    Raises:
      SourceError: for a split table that cannot be used, a patient of two splits, or a split without an image.
    """
    stated = {row.split for row in rows if row.split} if data.division == "official" and not data.split_table else set()
    rows = of_views(rows, data, notes)
    if data.split_table and not only:
        rows = _by_table(rows, data.split_table, folder, tail, notes)
    elif data.division != "official":
        rows = [row._replace(split="") for row in rows]
    validated = not data.folds and any(row.split == "validation" for row in rows)
    parts: dict[str, list[Row]] = {only: rows} if only else {name: [] for name in ("train", "validation", *stated)}
    for row in () if only else rows:
        parts.setdefault(_split(row, data, validated), []).append(row)
    if data.folds:
        parts.pop("test", None)
    _check_patients(parts, str(folder))
    _check_images(parts, data, str(folder))
    return {name: parts[name] for name in (*SPLITS, *parts) if name in parts}


def _split(row: Row, data: DataConfig, validated: bool) -> str:
    """The split of a row: its own, or by the hash of its patient; `validated` says that a validation split is given."""
    if row.split == "test" or (row.split and validated):
        return row.split
    if not row.split and data.test_percent and splits.bucket(row.patient, 100, splits.TEST_SALT) < data.test_percent:
        return "test"
    return splits.development_split(row.patient, data.validation_percent, data.folds, data.fold)


def _check_patients(parts: Mapping[str, list[Row]], folder: str) -> None:
    """Checks that no patient is in two splits.

    Raises:
      SourceError: for patients that are, with some of their names.
    """
    patients = {name: {row.patient for row in part} for name, part in parts.items()}
    for (one, other), both in splits.shared_patients(patients).items():
        some = ", ".join(both[:3]) + ", ..." * (len(both) > 3)
        raise SourceError(
            f"{folder}: the splits {one} and {other} share {len(both)} patients ({some}); remove them from one, "
            "or give --division=hash, which divides by patient"
        )


def _by_table(rows: list[Row], name: str, folder: Folder, tail: int, notes: dict[str, Any]) -> list[Row]:
    """The rows that a split table puts into a split, with that split."""
    table = _opened(name, folder)
    patients, paths = table.usual("patient"), table.usual("image")
    if not (paths or patients):
        raise SourceError(f"{table.name} needs a column of image paths (path) or of patients (patient)")
    sides = _sides(table, paths or patients, bool(paths), folder, tail)
    notes["split_table"] = {"name": table.name, "sha256": _digest(name, folder)}
    kept = []
    for row in rows:
        key = folder.meant(row.path, tail) if paths else row.patient
        if key not in sides:
            named = f"the image {row.path}" if paths else f"the patient {row.patient}"
            raise SourceError(f"{table.name} does not name {named}; add a line, with an empty split to leave it out")
        if sides[key]:
            kept.append(row._replace(split=sides[key]))
    if len(kept) < len(rows):
        _notice(notes, f"{len(rows) - len(kept)} images are left out, to which {table.name} gives no split")
    return kept


def _sides(table: Table, key: str, by_path: bool, folder: Folder, tail: int) -> dict[str, str]:
    """Split by image or patient; empty for those that are to be left out."""
    column = _split_column(table)
    sides: dict[str, str] = {}
    for line in table:
        name, text = folder.meant(line[key], tail) if by_path else line[key], line[column]
        side = SPLIT_OF.get(fold(text), "") if text else ""
        if text and not side:
            raise SourceError(f"{line}: {column} is {text!r}; it must be train, validation, test or empty")
        if sides.setdefault(name, side) != side:
            raise SourceError(
                f"{line}: {line[key]} is in the split {sides[name] or 'none'} already; remove one of the lines"
            )
    return sides


def _split_column(table: Table) -> str:
    others = [name for name in table.header if name not in (table.usual("image"), table.usual("patient"))]
    column = table.usual("split") or (others[0] if len(others) == 1 else "")
    if not column:
        raise SourceError(f"{table.name} needs a column named split, with train, validation or test in each line")
    return column


def _place(name: str, folder: Folder) -> Path:
    """Where a split table lies: in the data set's folder, with or without .csv, or else where its own path says."""
    for stem in (name, f"{name}.csv"):
        for place in (folder.root / stem, Path(stem)):
            if place.is_file():
                return place
    raise SourceError(f"data.split_table={name!r} is no file, neither as it stands nor in {folder}")


def _opened(name: str, folder: Folder) -> Table:
    place = _place(name, folder)
    return Table(place.name, functools.partial(place.open, "rb"))


def _digest(name: str, folder: Folder) -> str:
    return hashlib.sha256(_place(name, folder).read_bytes()).hexdigest()


def _check_images(parts: dict[str, list[Row]], data: DataConfig, folder: str) -> None:
    """Checks that no split is empty.

    Raises:
      SourceError: for one that is, with the setting that decides its size.
    """
    for name in (name for name, rows in parts.items() if not rows):
        more = "use fewer data.folds" if data.folds else "raise data.validation_percent"
        hint = f"; {more}" if name == "validation" else ""
        if data.views == "frontal":
            hint += "; laterals are left out unless data.views is all"
        raise SourceError(f"{folder} leaves no image for the split {name}{hint}")


def told(data: DataConfig, manifest: Mapping[str, Any]) -> str:
    """What a page says of the division."""
    if data.folds:
        return f"fold {data.fold + 1} of {data.folds} of the training patients is held out as validation"
    if data.split_table:
        return f"the splits are those of the table {Path(data.split_table).name}"
    test = "the owners' test split" if data.division == "official" else "a test split"
    held = f"{data.validation_percent} % of the training patients select the checkpoint (validation)"
    return held + (f"; there is {test}" if "test" in manifest["splits"] else "; there is no test split")
