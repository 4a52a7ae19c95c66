"""A published data set as a source of examples: its reader's rows, divided by patient and matched to the files of a folder.

The plan of a data set lists every image that is wanted, with its split. It is settled before anything is read, so that a set
that cannot be built fails at once. Its digest, with sizes and modification times of the files, is part of the set's identity.
"""

import functools
import hashlib
import io
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep import division, images, marks, recognition, stores
from data_prep.cells import Cells
from data_prep.files import File, Folder
from data_prep.progress import Meter, Progress, silent
from data_prep.reader import Reader, Row, inputs_of
from data_prep.schema import Example
from data_prep.source import Chunk, DataSource, RawFile, RawFiles, Skipped, SourceError
from data_prep.stored import MAX_BYTES
from data_prep.tables import Document, Line, Table
from dirvae.config import DataConfig
from dirvae.config.places import place, url_of
from dirvae.labels import BLANK, UNLABELLED

COLUMNS = ("image_column", "patient_column", "finding_column", "finding_separator")
CHUNK_PIXELS = 64_000_000  # a shard's images are held in memory at once


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


@dataclass(frozen=True)
class TableSource:
    """A `data_prep.source.Source` of a reader's rows. `only` names one split, or one table where the reader says so."""

    reader: Reader
    data: DataConfig
    raw_dir: Path
    only: str = ""
    _plan: list[Plan] = field(default_factory=list, compare=False, repr=False)

    factors = 0

    @property
    def name(self) -> str:
        return self.reader.name

    @property
    def version(self) -> str:
        return self.reader.version

    @property
    def image_size(self) -> int:
        return self.data.image_size

    @property
    def findings(self) -> tuple[str, ...]:
        return self.plan().findings

    @property
    def chunk_size(self) -> int:
        return min(512, max(16, CHUNK_PIXELS // self.image_size**2))

    @property
    def options(self) -> dict[str, Any]:
        plan = self.plan()
        return {
            "views": self.data.views,
            "intensity": self.data.intensity,
            "division": division.settings(self.data, self.only),
            "findings": plan.findings,
            "tables": plan.tables,
            "files": plan.files,
        } | self._columns()

    def _columns(self) -> dict[str, Any]:
        """The columns that the configuration names: two of them may hold the same findings, and say them of other images."""
        named = {name: getattr(self.data, name) for name in COLUMNS}
        return {"columns": given} if (given := {name: text for name, text in named.items() if text}) else {}

    def plan(self, progress: Progress = silent) -> Plan:
        """What there is to read.

        Raises:
          SourceError: for a missing folder or table, a bad table, a split that would be empty, or a patient of two splits.
        """
        if not self._plan:
            self._plan.append(make_plan(self, progress))
        return self._plan[0]

    def raw_files(self, progress: Progress = silent) -> RawFiles:
        """The files of all images, those that cannot be read included."""
        parts = {
            split: [RawFile(*entry.file) for entry in entries if entry.file is not None]
            for split, entries in self.plan(progress).entries.items()
        }
        files, folder = list(itertools.chain.from_iterable(parts.values())), stores.root_of(self.raw_dir)
        counts = {split: len(part) for split, part in parts.items()}
        return RawFiles(str(folder), files, functools.partial(stores.open_file, folder), counts)

    def counts(self) -> dict[str, int]:
        return {name: len(entries) for name, entries in self.plan().entries.items()}

    def facts(self) -> dict[str, Any]:
        """What the plan noticed: cells that could not be read, views left out, boxes listed."""
        return {
            "folder": (self.raw_dir if url_of(self.raw_dir) else Path(self.raw_dir).resolve()).name
        } | self.plan().notes

    def shards(self, split: str) -> int:
        return -(-len(self.plan().entries[split]) // self.chunk_size)

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        folder = stores.root_of(self.raw_dir)
        return functools.partial(
            read_entries, self._chunk(split, number), folder, self.image_size, self.findings, self.data.intensity
        )

    def state(self, split: str, number: int) -> str:
        files = [entry.file for entry in self._chunk(split, number)]
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()

    def _chunk(self, split: str, number: int) -> list[Entry]:
        first = number * self.chunk_size
        return self.plan().entries[split][first : first + self.chunk_size]


def read_entries(
    entries: list[Entry], folder: Any, image_size: int, findings: tuple[str, ...], intensity: str
) -> Chunk:
    """The examples of one shard."""
    chunk = Chunk([], [], [], [])
    for entry in entries:
        try:
            if entry.file is None:
                raise images.ImageError(entry.reason)
            picture = _read(entry.file, folder, image_size, intensity, chunk)
        except images.ImageError as error:
            chunk.skipped.append(Skipped(entry.row.path, str(error)))
        else:
            moved = marks.of(entry.row, findings, picture.frame)
            chunk.examples.append(_example(entry.row, picture, moved, findings))
            verdicts = [verdict.name for verdict in picture.warnings] + ["marks"] * bool(moved.left_out)
            chunk.warnings.extend((entry.row.path, name) for name in verdicts)
    return chunk


def _read(file: File, folder: Any, image_size: int, intensity: str, chunk: Chunk) -> images.Picture:
    """A file's picture; the file and its content are added to the chunk, whether or not it is an image."""
    digest = ""
    try:
        with stores.open_file(folder, file.path) as opened:
            if stores.state_of(folder, file.path) != file[2:4]:
                raise SourceError(f"{folder / file.path} changed while the set was being built; start again")
            content = opened.read(MAX_BYTES + 1)
        digest = hashlib.sha256(content).hexdigest()
        return images.picture(io.BytesIO(content), image_size, intensity, file.path)
    except OSError as error:
        raise images.ImageError(f"cannot be opened ({error.strerror or error})") from None
    finally:
        chunk.files.append(RawFile(*file, digest))


def _example(row: Row, picture: images.Picture, moved: marks.Marks, findings: tuple[str, ...]) -> Example:
    return Example(
        image=picture.image,
        labels=labels_of(row, findings),
        patient=row.patient,
        study=row.study,
        view=row.view,
        sex=row.sex,
        age=row.age,
        path=row.path,
        boxes=moved.boxes,
        factors=np.zeros(0, np.float32),
        seed=0,
        masks=moved.masks,
    )


def labels_of(row: Row, findings: tuple[str, ...]) -> np.ndarray:
    """int8 [L]. A row that leaves all blank, No Finding among them, is not labelled: of a report, one of them would be positive."""
    mute = "No Finding" in row.labels and all(value == BLANK for value in row.labels.values())
    return np.asarray([UNLABELLED if mute else row.labels.get(name, UNLABELLED) for name in findings], np.int8)


def make_plan(source: TableSource, progress: Progress = silent) -> Plan:
    """Opens the folder and its tables, maps every row, and divides the rows."""
    data, reader = source.data, source.reader
    folder = Folder(source.raw_dir, data.allowed_roots, progress)
    tables, digests = open_tables(reader, folder, data, source.only)
    inputs, cells = inputs_of(tables, folder, data, source.only), Cells()
    rows = _unique(_counted(reader.rows(inputs, cells), Meter(progress, "reading tables", "rows")), inputs.tables)
    notes: dict[str, Any] = {"notices": cells.notices}
    if source.only and not reader.split_is_table:
        rows = [row for row in rows if row.split == source.only]
    parts = division.divide(rows, data, folder, notes, reader.tail, source.only)
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


def data_source(reader: Reader) -> DataSource:
    """The entry of a reader in the registry of data sources."""

    def title(data: DataConfig, manifest: Mapping[str, Any]) -> str:
        return f"{reader.title} ({_folder(manifest)})"

    def origin(data: DataConfig, manifest: Mapping[str, Any]) -> str:
        folder = _folder(manifest)
        return f"{reader.title}, chest X-rays from the folder {folder}, divided by patient: {division.told(data, manifest)}."

    return DataSource(
        open=functools.partial(_open, reader),
        title=title,
        origin=origin,
        raw_dir_holds=reader.holds,
        open_split=functools.partial(_open_split, reader),
        download=reader.download,
        images_of=(reader.images_of,) if reader.images_of else (),
    )


def _folder(manifest: Mapping[str, Any]) -> str:
    """The name of the folder with the raw images, which sets built before kept among their options."""
    return (manifest.get("facts", {}) | manifest["options"]).get("folder", "")


def _as_path(raw_dir: Path | str) -> Path:
    return raw_dir if url_of(raw_dir) else place(str(raw_dir))


def _open(reader: Reader, data: DataConfig, raw_dir: Path | None) -> TableSource:
    assert raw_dir is not None
    return TableSource(reader, data, _as_path(raw_dir))


def _open_split(reader: Reader, raw_dir: Path, name: str, data: DataConfig) -> TableSource:
    return TableSource(reader, data, _as_path(raw_dir), only=name)
