"""What a data set is built from: the contract of a source, and the one error that users of it see."""

from typing import Any, NamedTuple, Protocol

from data_prep.schema import Example


class SourceError(ValueError):
    """A source that cannot be read, or a data set that cannot be built; the message says what, where and how to mend it."""


class Skipped(NamedTuple):
    """An image that was left out, and why."""

    path: str
    reason: str


class Source(Protocol):
    """A small picklable object, since worker processes get a copy; equal sources give equal examples.

    `name` is a Python identifier, `version` the reader's (major.minor.patch), `image_size` in pixels, `factors` the
    length of an example's factors, `chunk_size` the images of a shard (of no influence on the content hash, as long as a
    source's images do not depend on it).
    """

    version: str
    image_size: int
    factors: int

    @property
    def name(self) -> str: ...

    @property
    def chunk_size(self) -> int: ...

    @property
    def options(self) -> dict[str, Any]:
        """JSON of everything besides size and version that decides what is built; part of the data set's identity."""
        ...

    def counts(self) -> dict[str, int]:
        """Images of each split, those that will turn out to be unreadable included."""
        ...

    def chunk(self, split: str, number: int) -> tuple[list[Example], list[Skipped]]:
        """Images number * chunk_size to (number + 1) * chunk_size of a split, and those that were left out."""
        ...

    def facts(self) -> dict[str, Any]:
        """JSON of what else the manifest should tell."""
        ...
