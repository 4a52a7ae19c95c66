"""Divides a data set in CheXpert's layout by a column of a table, without changing its images.

    python -m data_prep.resplit --raw_dir=SET --by=SET/labels_original.csv --column=split_loc --held_out=test --out=DIR

The rows of SET/train.csv and SET/valid.csv go to DIR/valid.csv where the column, found by Path, is `held_out`, and to DIR/train.csv
elsewhere. boxes.csv is copied. Images are linked, or copied where the file system cannot link. A localisation split, for example, keeps
images with radiologists' boxes away from training.
"""

import argparse
import csv
import os
import shutil
from pathlib import Path

from data_prep import images
from data_prep.source import SourceError
from dirvae.config import command_line
from dirvae.config.command_line import Parser

SIDES = {"train": False, "valid": True}
"""Tables, and whether what is held out goes there."""


def resplit(raw_dir: Path, by: Path, column: str, held_out: str, out: Path) -> dict[str, int]:
    """{table: rows}.

    Raises:
      SourceError: for tables that cannot be read or lack a column or a row, a value that no row has, a patient on both sides, a missing
        image, or an `out` that holds a data set already.
    """
    if any((out / f"{name}.csv").exists() for name in ("train", "valid")):
        raise SourceError(f"{out} holds a data set already; give an empty folder")
    sides = _sides(by, column)
    header, rows, patients = _rows(raw_dir)
    at = header.index("Path")
    strange = [row[at] for row in rows if row[at] not in sides]
    if strange:
        raise SourceError(f"{by} has no row for {strange[0]}")
    held = [sides[row[at]] == held_out for row in rows]
    if not any(held):
        raise SourceError(f"no image has {column} = {held_out!r}; {by} has {', '.join(sorted(set(sides.values())))}")
    parts = {name: [row for row, away in zip(rows, held, strict=True) if away == side] for name, side in SIDES.items()}
    both = set.intersection(*({patients[row[at]] for row in chosen} for chosen in parts.values()))
    if both:
        raise SourceError(f"{column} puts {len(both)} patients on both sides, {min(both)} among them; split by patient")
    _write(out, header, parts, [_find(row[at], raw_dir) for row in rows], raw_dir)
    return {name: len(chosen) for name, chosen in parts.items()}


def _write(out: Path, header: list[str], parts: dict[str, list[list[str]]], found: list[Path], raw_dir: Path) -> None:
    """The tables last: a folder without them is no data set."""
    for image in found:
        place = out / image.relative_to(raw_dir)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            try:
                os.link(image, place)
            except OSError:
                shutil.copyfile(image, place)
    if (raw_dir / "boxes.csv").is_file():
        shutil.copyfile(raw_dir / "boxes.csv", out / "boxes.csv")
    for name, chosen in parts.items():
        with (out / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *chosen])


def _sides(by: Path, column: str) -> dict[str, str]:
    try:
        with by.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{by} is not a readable CSV file ({error})") from None
    missing = [name for name in ("Path", column) if not rows or name not in rows[0]]
    if missing:
        raise SourceError(f"{by} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    return {row["Path"]: row[column] for row in rows}


def _rows(raw_dir: Path) -> tuple[list[str], list[list[str]], dict[str, str]]:
    """Header and rows of train.csv and valid.csv together, as they are written, and the patient of each path."""
    header, rows, patients = [], [], {}
    for name in SIDES:
        table = raw_dir / f"{name}.csv"
        patients |= {row.path: row.patient for row in read_table(table)}  # refuses what the reader would refuse
        with table.open(newline="", encoding="utf-8-sig") as file:
            own, *more = csv.reader(file)
        if header and own != header:
            raise SourceError(f"{table} has other columns than train.csv")
        header, rows = own, rows + more
    return header, rows, patients


def _find(path: str, raw_dir: Path) -> Path:
    try:
        return locate(path, raw_dir, raw_dir)
    except images.ImageError as error:
        raise SourceError(f"{raw_dir}: {path}: {error}") from None


def parser() -> Parser:
    flags = Parser("data_prep.resplit", __doc__ or "")
    flags.shared("--raw_dir", required=True)
    flags.add_argument("--by", type=Path, required=True, help="a CSV with the columns Path and --column")
    flags.add_argument("--column", required=True, help="column that says on which side an image belongs")
    flags.add_argument("--held_out", default="test", help="the value whose images go to valid.csv")
    flags.shared("--out", required=True, help="folder to write")
    return flags


def run(flags: argparse.Namespace) -> None:
    rows = resplit(flags.raw_dir, flags.by, flags.column, flags.held_out, flags.out)
    print(f"{flags.out}: {', '.join(f'{count} images in {name}.csv' for name, count in rows.items())}")


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments, "images may have been linked, but no table was written; start again")


if __name__ == "__main__":
    main()
