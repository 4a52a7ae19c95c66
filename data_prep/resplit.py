"""Divides a data set in CheXpert's layout by a column of a table, without changing its images.

    python -m data_prep.resplit --raw_dir=SET --by=SET/labels_original.csv --column=split_loc --held_out=test --out=DIR

The rows of train.csv and, where it is there, valid.csv go to DIR/valid.csv where the column, found by Path, is `held_out`, and to
DIR/train.csv elsewhere. Tables are found and read as `data_prep.build` does it. boxes.csv is copied. Images are linked, or copied
where the file system cannot link. A localisation split, for example, keeps images with radiologists' boxes away from training. To
divide a data set by a table without a second folder, give data_prep.build --split_table.
"""

import argparse
import csv
import functools
import os
import shutil
from pathlib import Path

from data_prep import recognition
from data_prep.files import File, Folder
from data_prep.images import ImageError
from data_prep.plan import open_tables
from data_prep.readers import chexpert
from data_prep.source import SourceError
from data_prep.tables import Line, Table
from dirvae.config import DataConfig, command_line
from dirvae.config.command_line import Parser, names


def resplit(
    raw_dir: Path, by: Path, column: str, held_out: str, out: Path, allowed_roots: tuple[str, ...] = ()
) -> dict[str, int]:
    """{table: rows}.

    Raises:
      SourceError: for tables that cannot be read or lack a column or a row, a value that no row has, a patient on both sides, a missing
        image, or an `out` that holds a data set already.
    """
    if any((out / f"{name}.csv").exists() for name in ("train", "valid")):
        raise SourceError(f"{out} holds a data set already; give an empty folder")
    folder = Folder(raw_dir, allowed_roots)
    data = DataConfig(dataset="chexpert")
    try:
        tables, _ = open_tables(chexpert.READER, folder, data, "")
    except SourceError as error:
        fits = recognition.other(folder, chexpert.READER, data)
        hint = f"{folder} is not in CheXpert's layout; {fits} to data_prep.build, with --split_table={by}"
        raise SourceError(hint if fits else str(error)) from None
    lines = [line for name in ("train", "test") if name in tables for line in tables[name]]
    files = {line["Path"]: _file(line, folder) for line in lines}
    sides = _sides(by, column, folder)
    strange = [path for path, file in files.items() if file.path not in sides]
    if strange:
        raise SourceError(f"{by} has no row for {strange[0]}")
    parts: dict[str, list[Line]] = {"train": [], "valid": []}
    for line in lines:
        parts["valid" if sides[files[line["Path"]].path] == held_out else "train"].append(line)
    _check(parts, sides, by, column, held_out)
    _write(out, parts, list(files.values()), folder)
    return {name: len(chosen) for name, chosen in parts.items()}


def _file(line: Line, folder: Folder) -> File:
    chexpert.identity(line["Path"], line)  # refuses what the reader would refuse
    try:
        return folder.locate(line["Path"], chexpert.TAIL)
    except ImageError as error:
        raise SourceError(f"{line}: {line['Path']}: {error}") from None


def _sides(by: Path, column: str, folder: Folder) -> dict[str, str]:
    """The value of the column by image, as the folder names its file."""
    if not by.is_file():
        raise SourceError(f"{by} is no file; --by is a CSV with the columns Path and {column}")
    table = Table(str(by), functools.partial(by.open, "rb"))
    table.require(("Path", column))
    sides: dict[str, str] = {}
    for line in table:
        side = sides.setdefault(folder.meant(line["Path"], chexpert.TAIL), line[column])
        if side != line[column]:
            raise SourceError(f"{line}: {line['Path']} has {column} = {side!r} in an earlier line; remove one of them")
    return sides


def _check(parts: dict[str, list[Line]], sides: dict[str, str], by: Path, column: str, held_out: str) -> None:
    if not parts["valid"]:
        raise SourceError(f"no image has {column} = {held_out!r}; {by} has {', '.join(sorted(set(sides.values())))}")
    patients = [{chexpert.identity(line["Path"], line)[0] for line in chosen} for chosen in parts.values()]
    both = set.intersection(*patients)
    if both:
        raise SourceError(f"{column} puts {len(both)} patients on both sides, {min(both)} among them; split by patient")


def _write(out: Path, parts: dict[str, list[Line]], files: list[File], folder: Folder) -> None:
    """The tables last: a folder without them is no data set. Paths in them are those of the files in `out`."""
    for file in files:
        place = out / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            try:
                os.link((folder.root / file.path).resolve(), place)
            except OSError:  # another disk, or a member of an archive
                with folder.open(file.path) as source, place.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    for boxes in folder.match(("boxes.csv",))[:1]:
        with folder.open(boxes) as source, (out / "boxes.csv").open("wb") as copy:
            shutil.copyfileobj(source, copy)
    for name, chosen in parts.items():
        header = _header(parts)
        with (out / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *([line.get(column) for column in header] for line in chosen)])


def _header(parts: dict[str, list[Line]]) -> list[str]:
    """The columns of all tables, those without a name left out."""
    tables = {line.table.name: line.table for chosen in parts.values() for line in chosen}
    return [name for name in dict.fromkeys(name for table in tables.values() for name in table.header) if name]


def parser() -> Parser:
    flags = Parser("data_prep.resplit", __doc__ or "")
    flags.shared("--raw_dir", required=True)
    flags.add_argument("--by", type=Path, required=True, help="a CSV with the columns Path and --column")
    flags.add_argument("--column", required=True, help="column that says on which side an image belongs")
    flags.add_argument("--held_out", default="test", help="the value whose images go to valid.csv")
    flags.add_argument("--allowed_roots", type=names, default=(), help="folders that links in raw_dir may lead to")
    flags.shared("--out", required=True, help="folder to write")
    return flags


def run(flags: argparse.Namespace) -> None:
    rows = resplit(flags.raw_dir, flags.by, flags.column, flags.held_out, flags.out, flags.allowed_roots)
    print(f"{flags.out}: {', '.join(f'{count} images in {name}.csv' for name, count in rows.items())}")


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments, "images may have been linked, but no table was written; start again")


if __name__ == "__main__":
    main()
