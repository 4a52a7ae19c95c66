"""The plan of a published data set: its reader's rows, divided by patient and matched to the files of a folder.

It lists every image that is wanted, with its split. It is settled before anything is read, so that a set that cannot be built fails
at once. Its digest, with sizes and modification times of the files, is part of the set's identity.
"""

import functools
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data_prep import division, images, marks, recognition
from data_prep.cells import Cells
from data_prep.files import File, Folder
from data_prep.progress import Meter, Progress, silent
from data_prep.reader import Reader, Row, inputs_of
from data_prep.source import SourceError
from data_prep.tables import Document, Line, Table
from dirvae.config import DataConfig


class Entry(NamedTuple):
    """A row and its file; `file` is None where there is none, and `reason` says why."""

    row: Row
    file: File | None
    reason: str = ""


class Plan(NamedTuple):
    """A plan lists what there is to read: entries of each split, the findings, and what was noticed on the way."""

    entries: dict[str, list[Entry]]
    findings: tuple[str, ...]
    notes: dict[str, Any]
    tables: dict[str, str]  # file name of each table read, and its sha256
    files: str  # digest of every image's split, name, size and modification time


def make_plan(reader: Reader, data: DataConfig, raw_dir: Path, only: str, progress: Progress = silent) -> Plan:
    """Opens the folder and its tables, maps every row, and divides the rows; `only` is that of `data_prep.reader.Inputs`."""
    folder = Folder(raw_dir, data.allowed_roots, progress)
    tables, digests = open_tables(reader, folder, data, only)
    inputs, cells = inputs_of(tables, folder, data, only), Cells()
    rows = _unique(_counted(reader.rows(inputs, cells), Meter(progress, "reading tables", "rows")), inputs.tables)
    notes: dict[str, Any] = {"notices": cells.notices}
    if only and not reader.split_is_table:
        rows = [row for row in rows if row.split == only]
    parts = division.divide(rows, data, folder, notes, reader.tail, only)
    _check_cells(cells, data)
    notes["notices"] += map(_told, cells.odd.items())
    notes |= {"unknown_cells": {kind: dict(odd.most_common(20)) for kind, odd in cells.odd.items()}}
    findings = tuple(reader.findings(inputs))
    notes |= marks.notes([row for part in parts.values() for row in part], findings)
    entries = {name: [_entry(row, folder, reader.tail) for row in part] for name, part in parts.items()}
    _check_files(entries, str(folder))
    return Plan(entries, findings, notes, digests, _files_digest(entries))


def open_tables(
    reader: Reader, folder: Folder, data: DataConfig, only: str
) -> tuple[dict[str, Table | Document], dict[str, str]]:
    """The tables and documents that a reader takes, by key, and the sha256 of each by name.

    Raises:
      SourceError: for a table that is missing, there twice, or without a column that it must have.
    """
    tables: dict[str, Table | Document] = {}
    digests = {}
    for wanted in reader.tables(data, only):
        paths = next(filter(None, (folder.match((pattern,)) for pattern in wanted.patterns)), [])
        uppermost = [path for path in paths if path.count("/") == paths[0].count("/")]
        if not paths:
            if wanted.optional:
                continue
            raise SourceError(
                f"raw_dir {folder} holds no {wanted.patterns[0]}; {recognition.advice(folder, reader, data)}"
            )
        if len(uppermost) > 1:
            names = ", ".join(uppermost)
            raise SourceError(
                f"raw_dir {folder} holds several tables that may be meant ({names}); "
                "give one of the folders, or name the table by --train_table"
            )
        name, opener = f"{folder.name}/{paths[0]}", functools.partial(folder.open, paths[0])
        if wanted.json:
            tables[wanted.key] = Document(name, opener)
        else:
            table = Table(name, opener)
            try:
                table.require(wanted.columns)
            except SourceError as error:
                advice = recognition.other(folder, reader, data)
                raise SourceError(f"{error}; {advice}" if advice else str(error)) from None
            if reader.split_is_table and wanted.key in division.SPLITS and next(iter(table), None) is None:
                raise SourceError(f"{name} has a header but no rows; fetch it again, or remove it if it is not needed")
            tables[wanted.key] = table
        with folder.open(paths[0]) as file:
            digests[paths[0].rpartition("/")[2]] = hashlib.file_digest(file, "sha256").hexdigest()
    return tables, digests


def _counted(rows: Iterator[Row], meter: Meter) -> Iterator[Row]:
    for row in rows:
        meter.step()
        yield row


def _unique(rows: Iterator[Row], tables: Mapping[str, Table]) -> list[Row]:
    """The rows, each of its own image.

    Raises:
      SourceError: for an image that has two, with their lines, or where there is none at all.
    """
    kept: dict[str, Row] = {}
    for row in rows:
        if row.path in kept:
            lines = [line for table in tables.values() for line in table.lines_with(row.path)]
            known = (
                f"{lines[1]}: {row.path} is in {_beside(lines[0], lines[1])} already"
                if lines[1:]
                else f"{row.path} has two rows"
            )
            raise SourceError(f"{known}; remove one of them")
        kept[row.path] = row._replace(patient=sys.intern(row.patient), study=sys.intern(row.study))
    if not kept:
        raise SourceError(f"{', '.join(table.name for table in tables.values())} has a header but no rows")
    return list(kept.values())


def _beside(line: Line, other: Line) -> str:
    """A line as it is named next to another one."""
    return f"line {line.number}" if line.table is other.table else line.where


def _check_files(entries: dict[str, list[Entry]], folder: str) -> None:
    """Checks that no two rows mean one file.

    Raises:
      SourceError: for rows that do, with both of their paths.
    """
    rows: dict[str, str] = {}
    for entry in (entry for part in entries.values() for entry in part if entry.file):
        other = rows.setdefault(entry.file.path, entry.row.path)
        if other != entry.row.path:
            raise SourceError(
                f"{folder}: {other} and {entry.row.path} are the same file, {entry.file.path}; remove one row"
            )


def _check_cells(cells: Cells, data: DataConfig) -> None:
    """Checks that few cells of a kind could not be read.

    Raises:
      SourceError: for a kind with more of them than `data.max_unknown_percent`.
    """
    for kind, odd in cells.odd.items():
        share = 100.0 * odd.total() / max(cells.read[kind], odd.total())
        if share > data.max_unknown_percent:
            text, _ = odd.most_common(1)[0]
            raise SourceError(
                f"{cells.first[kind]}: {odd.total()} cells of {cells.read[kind]} are no {kind} that is known, such as {text[:40]!r}; "
                f"mend the table, or raise data.max_unknown_percent (--max_unknown_percent), which is {data.max_unknown_percent:g}"
            )


def _told(item: tuple[str, Counter[str]]) -> str:
    """What a user should know of a kind of cells of which few could not be read."""
    kind, odd = item
    cells = "1 cell is" if odd.total() == 1 else f"{odd.total()} cells are"
    return f"{cells} no {kind} that is known, such as {odd.most_common(1)[0][0][:40]!r}, and left unknown"


def _entry(row: Row, folder: Folder, tail: int) -> Entry:
    try:
        return Entry(row, folder.locate(row.path, tail))
    except images.ImageError as error:
        return Entry(row, None, str(error))


def _files_digest(parts: Mapping[str, list[Entry]]) -> str:
    """sha256 over every image's split, name in the tables, size and modification time, in the order of the plan.

    Where the files are, below raw_dir or elsewhere, has no part in it.
    """
    whole = hashlib.sha256()
    for split, entries in parts.items():
        for row, file, _ in entries:
            whole.update(json.dumps([split, row.path, file and (file.size, file.mtime_ns)]).encode())
    return whole.hexdigest()
