"""The division of a data set's rows into splits: which views are wanted, and which patient goes where."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from data_prep import splits
from data_prep.reader import Row
from data_prep.source import SourceError
from dirvae.config import DataConfig

SPLITS = ("train", "validation", "test")


def settings(data: DataConfig, only: str) -> dict[str, Any]:
    """The settings that decide which image goes to which split."""
    if only:
        return {"only": only}
    names = ["division", "train_table", "validation_table", "test_table", "split_table"]
    names += ["folds", "fold"] if data.folds else ["validation_percent", "test_percent"]
    return {name: value for name in names if (value := getattr(data, name)) not in ("", 0)}


def of_views(rows: list[Row], data: DataConfig, notes: dict[str, Any]) -> list[Row]:
    """The rows of the wanted views; where the owners tell the views of some images, one of an unknown view is none of the wanted."""
    views = Counter(row.view for row in rows)
    notes["views"] = dict(views)
    if data.views != "frontal" or set(views) == {"UNKNOWN"}:
        return rows
    return [row for row in rows if row.view in ("AP", "PA", "FRONTAL")]


def divide(rows: list[Row], data: DataConfig, folder: str) -> dict[str, list[Row]]:
    """Rows by split, as `data.division` says."""
    parts: dict[str, list[Row]] = {}
    validated = any(row.split == "validation" for row in rows)
    for row in rows:
        split = row.split if data.division == "official" else ""
        if not split and data.test_percent and splits.bucket(row.patient, 100, splits.TEST_SALT) < data.test_percent:
            split = "test"
        if split in ("", "train") and not (validated and split):
            split = splits.development_split(row.patient, data.validation_percent, data.folds, data.fold)
        parts.setdefault(split, []).append(row)
    if data.folds:
        parts.pop("test", None)
    parts.setdefault("validation", [])
    parts.setdefault("train", [])
    patients = {name: {row.patient for row in part} for name, part in parts.items()}
    both = sorted(set().union(*splits.shared_patients(patients).values()))
    if both:
        some = ", ".join(both[:3]) + ", ..." * (len(both) > 3)
        raise SourceError(f"{folder}: two splits share {len(both)} patients ({some}); remove them from one table")
    return {name: parts[name] for name in (*SPLITS, *parts) if name in parts}


def check(parts: dict[str, list[Row]], data: DataConfig, folder: str) -> None:
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
    test = "the owners' test split" if data.division == "official" else "a test split"
    held = f"{data.validation_percent} % of the training patients select the checkpoint (validation)"
    return held + (f"; there is {test}" if "test" in manifest["splits"] else "; there is no test split")
