"""A published data set as a source of examples: the entries of its plan (`data_prep.plan`), read from the files of a folder."""

import functools
import hashlib
import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import division, images, marks, stores
from data_prep.files import File
from data_prep.plan import Entry, Plan, make_plan
from data_prep.progress import Progress, silent
from data_prep.reader import Reader, Row
from data_prep.schema import Example
from data_prep.source import Chunk, DataSource, RawFile, RawFiles, Skipped, SourceError
from data_prep.stored import MAX_BYTES
from dirvae.config import DataConfig
from dirvae.config.places import place, url_of
from dirvae.labels import BLANK, UNLABELLED

COLUMNS = ("image_column", "patient_column", "finding_column", "finding_separator")
CHUNK_PIXELS = 64_000_000  # a shard's images are held in memory at once


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
            self._plan.append(make_plan(self.reader, self.data, self.raw_dir, self.only, progress))
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
