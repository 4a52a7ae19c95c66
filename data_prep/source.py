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
    """The state of a raw file when it was read: its name as the folder gives it, bytes, modification time, and content."""

    path: str
    size: int
    mtime_ns: int
    sha256: str  # hexadecimal


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

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        """Images number * chunk_size to (number + 1) * chunk_size of a split, as a function that a worker process can be sent."""
        ...

    def facts(self) -> dict[str, Any]:
        """JSON of what else the manifest should tell."""
        ...


def no_simulator(data: DataConfig) -> None:
    """The simulator of data whose causes cannot be switched: none."""


class DataSource(NamedTuple):
    """A kind of data, as the registry `data_prep.sources` holds it.

    `open(data, raw_dir)` gives the `Source` of a configuration's data section. `title` and `origin` take that section and the
    built data set's manifest; they give the data's name for a title, and plain-text sentences on where the images come from.
    `simulator(data)` gives an object of the protocol `dirvae.types.Simulator` for data whose causes can be switched, else None.
    `open_split(raw_dir, name, data)` gives a source with one split alone, for external validation: a table or an owner's split.
    `raw_dir_holds` says what --raw_dir must be, where the source needs it.
    """

    open: Callable[[DataConfig, Path | None], Source]
    title: Callable[[DataConfig, Mapping[str, Any]], str]
    origin: Callable[[DataConfig, Mapping[str, Any]], str]
    raw_dir_holds: str = ""
    simulator: Callable[[DataConfig], Any] = no_simulator
    open_split: Callable[[Path, str, DataConfig], Source] | None = None

    @property
    def needs_raw_dir(self) -> bool:
        return bool(self.raw_dir_holds)
