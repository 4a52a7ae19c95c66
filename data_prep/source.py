"""This module says what a data set is built from: the contracts of a source and of its entry in the registry, and the error users see."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from data_prep.schema import Example
from dirvae.config import DataConfig


class SourceError(ValueError):
    """A source that cannot be read, or a data set that cannot be built; the message says what, where and how to mend it."""


class Skipped(NamedTuple):
    """An image that was left out, and why."""

    path: str
    reason: str


class RawFile(NamedTuple):
    """The state of a raw file: its name as the folder gives it, bytes, times in nanoseconds, and content.

    `ctime_ns` is when the system last changed anything of the file, which no program can set; of an object in a store it is a number
    made of the store's own version of the object. `sha256` is hexadecimal, and empty where the content was not read.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    sha256: str = ""


class RawFiles(NamedTuple):
    """The raw files that a source reads, in the order of its examples, and the place where they are.

    `counts` says how many of them are of each split, in the order of the splits, so that several sources can be merged.
    """

    location: str
    files: Sequence[RawFile]
    open: Callable[[str], Any]  # a binary file, by a raw file's path
    counts: Mapping[str, int] = {}


class Chunk(NamedTuple):
    """The examples of one shard in their order, the images that were left out, and what was noticed in reading.

    `warnings` holds (path, name of a verdict of `data_prep.quality`); `files` the raw files, none where a source draws its images.
    """

    examples: list[Example]
    skipped: Sequence[Skipped] = ()
    warnings: Sequence[tuple[str, str]] = ()
    files: Sequence[RawFile] = ()


class Source(Protocol):
    """A source is an object whose equal copies give equal examples.

    `name` is a Python identifier, `version` the reader's (major.minor.patch), `image_size` in pixels, `factors` the length of
    an example's factors, and `findings` names its labels in their order. `chunk_size` is the number of images of a shard. It
    does not change the content hash, as long as a source's images do not depend on it.
    """

    version: str
    image_size: int
    factors: int

    @property
    def name(self) -> str: ...

    @property
    def findings(self) -> tuple[str, ...]: ...

    @property
    def chunk_size(self) -> int: ...

    @property
    def options(self) -> dict[str, Any]:
        """JSON of everything besides size and version that decides what is built; part of the data set's identity."""
        ...

    def counts(self) -> dict[str, int]:
        """Images of each split, those that will turn out to be unreadable included."""
        ...

    def shards(self, split: str) -> int:
        """Chunks of a split; ceil(count / chunk_size), unless the source is made of several."""
        ...

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        """The images of one chunk of a split, as a function that a worker process can be sent."""
        ...

    def state(self, split: str, number: int) -> str:
        """A digest of the raw files that a chunk is read from, ctime included; a shard of another state is written again."""
        ...

    def raw_files(self, progress: Callable[[str], None]) -> RawFiles | None:
        """The raw files, none where images are drawn. It is asked for first, so that a plan can report its progress."""
        ...

    def facts(self) -> dict[str, Any]:
        """JSON of what else the manifest should tell."""
        ...


class Drawn:
    """The part of a `Source` that those share whose images are drawn by a program and read from no file."""

    def shards(self, split: str) -> int:
        return -(-self.counts()[split] // self.chunk_size)

    def state(self, split: str, number: int) -> str:
        return ""

    def raw_files(self, progress: Callable[[str], None]) -> None:
        """There are none."""


def no_simulator(data: DataConfig) -> None:
    """The simulator of data whose causes cannot be switched: none."""


class DataSource(NamedTuple):
    """A kind of data, as the registry `data_prep.sources` holds it.

    `open(data, raw_dir)` gives the `Source` of a configuration's data section. `title` and `origin` take that section and the
    built data set's manifest; they give the data's name for a title, and plain-text sentences on where the images come from.
    `simulator(data)` gives an object of the protocol `dirvae.types.Simulator` for data whose causes can be switched, else None.
    `open_split(raw_dir, name, data)` gives a source with one split alone, for external validation: a table or an owner's split.
    `raw_dir_holds` says what --raw_dir must be, where the source needs it; `download(data)` fetches the data where there is none.
    `images_of` names the collections whose images they are, since several sets relabel the same ones.
    """

    open: Callable[[DataConfig, Path | None], Source]
    title: Callable[[DataConfig, Mapping[str, Any]], str]
    origin: Callable[[DataConfig, Mapping[str, Any]], str]
    raw_dir_holds: str = ""
    simulator: Callable[[DataConfig], Any] = no_simulator
    open_split: Callable[[Path, str, DataConfig], Source] | None = None
    download: Callable[[DataConfig], Path] | None = None
    images_of: tuple[str, ...] = ()

    @property
    def needs_raw_dir(self) -> bool:
        return bool(self.raw_dir_holds)
