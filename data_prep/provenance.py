"""Which data set a source is: a name for all that decides its content, and proof that the raw files are those that were read.

The name holds a digest of the options, of the tables' bytes, and of every raw file's name, size and modification time. Copies with
other pixels can agree in all of these. Therefore a finished set keeps the sha256 of each raw file, beside the time at which the
system last changed that file (ctime), which no program can set. Files whose ctime is a recorded one are trusted. Others are
read and compared: equal ones are recorded too, so that this is done once; files of other content are another data set.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep import manifest
from data_prep.progress import Meter, Progress
from data_prep.shards import replacing
from data_prep.source import RawFile, RawFiles, Source, SourceError

FILE = "raw_files.npz"
LOCATIONS = 8  # the last places where the files were found, whose times are kept
BLOCK = 1 << 20  # bytes


class Record(NamedTuple):
    """What a finished set knows of its raw files, in the order of their paths; `ctimes` has a row for each location."""

    paths: np.ndarray  # bytes [N], UTF-8
    sizes: np.ndarray  # int64 [N]
    mtimes: np.ndarray  # int64 [N], nanoseconds
    sha256: np.ndarray  # uint8 [N, 32], zeros where a file could not be read
    ctimes: np.ndarray  # int64 [L, N], nanoseconds
    locations: np.ndarray  # bytes [L], UTF-8


def identity(source: Source) -> str:
    """The data set's name: source, image size, and a digest of everything that changes the content."""
    everything = json.dumps([source.options, source.image_size, source.version], sort_keys=True)
    return f"{source.name}_{source.image_size}_{hashlib.sha256(everything.encode()).hexdigest()[:12]}"


def settle(source: Source, data_dir: Path, progress: Progress, check_files: bool = True) -> str:
    """The name of a source's data set, which tells its raw files from others of the same names, sizes and modification times.

    Without `check_files` names, sizes and modification times are trusted.

    Raises:
      SourceError: for a finished set without the record of its raw files.
    """
    raw = source.raw_files(progress)
    name = identity(source)
    finished = _finished(Path(data_dir), name, source.version)
    if raw is None or not check_files or not finished:
        return name
    raw = raw._replace(files=sorted(raw.files))
    records = {where: read(where) for where in finished}
    known, sha256 = _known(raw, records.values())
    if not known.all():
        _hash(raw, np.flatnonzero(~known), sha256, progress)
    for where, record in records.items():
        if record.sha256.shape == sha256.shape and (record.sha256 == sha256).all():
            if not _trusted(raw, record).all():
                _remember(where, record, raw, progress)
            return where.parent.name
    progress("data: the raw files have the names, sizes and times of a set that is built, but other content")
    return f"{name}_{content_of(sha256)}"


def content_of(sha256: np.ndarray) -> str:
    """A short digest of the content of raw files, uint8 [N, 32]."""
    return hashlib.sha256(sha256.tobytes()).hexdigest()[:12]


def _finished(data_dir: Path, name: str, version: str) -> list[Path]:
    """Finished sets of a name, with and without a digest of their content, the latter first."""
    if not data_dir.is_dir():
        return []
    places = [place for place in data_dir.glob(f"{name}*") if re.fullmatch(rf"{name}(_[0-9a-f]{{12}})?", place.name)]
    return sorted(place / version for place in places if (place / version / manifest.FILE).exists())


def _known(raw: RawFiles, records: Iterable[Record]) -> tuple[np.ndarray, np.ndarray]:
    """Which files' content is known by their ctimes, bool [N], and that content, uint8 [N, 32]."""
    known, sha256 = np.zeros(len(raw.files), bool), np.zeros((len(raw.files), 32), np.uint8)
    for record in records:
        fresh = _trusted(raw, record) & ~known
        sha256[fresh] = record.sha256[fresh] if len(record.sha256) == len(known) else 0
        known |= fresh
    return known, sha256


def _trusted(raw: RawFiles, record: Record) -> np.ndarray:
    """bool [N]: which files have a ctime that was recorded of them."""
    if len(record.paths) != len(raw.files):
        return np.zeros(len(raw.files), bool)
    return (record.ctimes == _ctimes(raw.files)).any(axis=0)


def _ctimes(files: Sequence[RawFile]) -> np.ndarray:
    return np.fromiter((file.ctime_ns for file in files), np.int64, len(files))


def _hash(raw: RawFiles, positions: np.ndarray, sha256: np.ndarray, progress: Progress) -> None:
    """Reads files at `positions` and fills in their sha256; zeros for one that cannot be read."""
    progress(
        f"data: {len(positions)} of {len(raw.files)} raw files were copied or touched since they were last read; comparing their content"
    )
    meter = Meter(progress, "comparing raw files", "files", len(positions))
    for position in positions:
        sha256[position] = np.frombuffer(hash_file(raw, raw.files[position].path), np.uint8)
        meter.step()


def hash_file(raw: RawFiles, path: str) -> bytes:
    """sha256 of a raw file's content, zeros where it cannot be read."""
    try:
        with raw.open(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return bytes(32)


def _remember(directory: Path, record: Record, raw: RawFiles, progress: Progress) -> None:
    """Adds the present location and ctimes to a record, where its folder can be written."""
    locations = np.append(record.locations, np.asarray(raw.location.encode()))[-LOCATIONS:]
    ctimes = np.concatenate([record.ctimes, _ctimes(raw.files)[None]])[-LOCATIONS:]
    try:
        _write(directory, record._replace(locations=locations, ctimes=ctimes))
        progress("data: the raw files are those of the data set that is built")
    except OSError:
        progress(f"data: {directory} cannot be written, so that these raw files will be compared again next time")


class Collector:
    """Gathers the raw files of a build's shards for the record."""

    def __init__(self) -> None:
        self.paths: list[bytes] = []
        self.numbers: list[np.ndarray] = []
        self.sha256 = bytearray()

    def add(self, files: Sequence[RawFile]) -> None:
        self.paths += [file.path.encode() for file in files]
        self.numbers.append(np.asarray([file[1:4] for file in files], np.int64).reshape(-1, 3))
        for file in files:
            self.sha256 += bytes.fromhex(file.sha256) if file.sha256 else bytes(32)

    def write(self, directory: Path, location: str) -> str:
        """Leaves the record in a data set's folder; the digest of the files' content."""
        numbers = np.concatenate([np.zeros((0, 3), np.int64), *self.numbers])
        sha256 = np.frombuffer(bytes(self.sha256), np.uint8).reshape(-1, 32)
        order = sorted(range(len(self.paths)), key=self.paths.__getitem__)
        numbers, sha256 = numbers[order], sha256[order]
        paths = np.asarray([self.paths[place] for place in order] or np.zeros(0, "S1"))
        where = np.asarray([location.encode()])
        _write(directory, Record(paths, numbers[:, 0], numbers[:, 1], sha256, numbers[:, 2][None], where))
        return content_of(sha256)


def _write(directory: Path, record: Record) -> None:
    with replacing(directory / FILE) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **record._asdict())


def read(directory: Path) -> Record:
    """The record of a finished set.

    Raises:
      SourceError: where there is none, or it cannot be read.
    """
    try:
        with np.load(Path(directory) / FILE, allow_pickle=False) as stored:
            return Record(**{name: stored[name] for name in Record._fields})
    except Exception as error:  # NumPy and zipfile raise many kinds for a damaged file
        raise SourceError(
            f"{Path(directory) / FILE} cannot be read ({type(error).__name__}), so that nobody can tell whether the raw files are "
            "still the same; delete the folder and build the data set again, or set data.check_files to false"
        ) from None
