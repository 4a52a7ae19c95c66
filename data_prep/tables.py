"""CSV files as published and as spreadsheets leave them: compressed or not, with any usual separator, header and encoding."""

import csv
import difflib
import gzip
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from data_prep.source import SourceError

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def fold(name: str) -> str:
    """A column's name without regard to case, blanks and underscores."""
    return " ".join(name.replace("_", " ").split()).lower()


class Line(NamedTuple):
    """One line of a table; `line["Sex"]` is the stripped text of a column, and raises SourceError where there is no such column."""

    table: "Table"
    number: int
    cells: list[str]

    def __getitem__(self, name: str) -> str:  # type: ignore[override]
        return self.cells[self.table.place(name)].strip()

    def get(self, name: str, default: str = "") -> str:
        """The text of a column that a table may lack."""
        return self[name] if self.table.has(name) else default

    @property
    def where(self) -> str:
        return f"{self.table.name}, line {self.number}"


class Table:
    """A CSV file, read line by line each time it is walked through."""

    def __init__(self, name: str, open_file) -> None:
        self.name = name  # as errors and manifests name it
        self._open = open_file
        with self._text() as text:
            first = text.readline()
            self.separator = max(SEPARATORS, key=first.count) if any(map(first.count, SEPARATORS)) else ","
            self.header = tuple(next(csv.reader([first], delimiter=self.separator), ()))
        if not any(name.strip() for name in self.header):
            raise SourceError(f"{self.name} is empty; it must begin with a line of column names")
        folded = [fold(column) for column in self.header]
        self.fewest = max(place for place, name in enumerate(folded, 1) if name)  # a header may end in commas
        self._places = {column: folded.index(column) for column in folded}
        self._repeated = {column for column in folded if column and folded.count(column) > 1}
        self._known: dict[str, int] = {}

    def has(self, name: str) -> bool:
        return fold(name) in self._places

    def place(self, name: str) -> int:
        """The position of a column.

        Raises:
          SourceError: for a column that is not there, with the nearest one, or that is there twice.
        """
        if name not in self._known:
            self.require((name,))
            self._known[name] = self._places[fold(name)]
        return self._known[name]

    def require(self, names: tuple[str, ...]) -> None:
        """Checks that columns are there, once each.

        Raises:
          SourceError: for one that is not, with the nearest one and the columns that are there.
        """
        missing = [name for name in names if not self.has(name)]
        if missing:
            near = difflib.get_close_matches(fold(missing[0]), self._places, n=1, cutoff=0.7)
            hint = f"; did you mean {self.header[self._places[near[0]]].strip()!r}?" if near else ""
            held = ", ".join(name.strip() for name in self.header if name.strip())
            plural = "s" * (len(missing) > 1)
            raise SourceError(f"{self.name} lacks the column{plural} {', '.join(missing)}{hint}; it has {held[:300]}")
        for name in names:
            if fold(name) in self._repeated:
                raise SourceError(f"{self.name} has the column {name} more than once; remove one of them")

    def __iter__(self) -> Iterator[Line]:
        try:
            with self._text() as text:
                reader = csv.reader(text, delimiter=self.separator)
                next(reader)
                for cells in reader:
                    if not any(cells):
                        continue
                    if not self.fewest <= len(cells) <= len(self.header):
                        raise SourceError(
                            f"{self.name}, line {reader.line_num}: {len(cells)} fields, but the header has "
                            f"{len(self.header)}; the file may be cut off"
                        )
                    yield Line(self, reader.line_num, cells)
        except (OSError, EOFError, UnicodeDecodeError, csv.Error, gzip.BadGzipFile) as error:
            raise SourceError(f"{self.name} is not a readable CSV file ({error}); it must be UTF-8 text") from None

    def _text(self) -> io.TextIOWrapper:
        try:
            raw: BinaryIO = self._open()
            if raw.read(2) == b"\x1f\x8b":
                raw.seek(0)
                raw = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
            raw.seek(0)
            mark = raw.read(2)
            raw.seek(0)
            text = io.TextIOWrapper(raw, encoding=ENCODINGS.get(mark, "utf-8-sig"), newline="")
            text.readline()
            text.seek(0)
            return text
        except (OSError, EOFError, UnicodeDecodeError, gzip.BadGzipFile) as error:
            raise SourceError(f"{self.name} is not a readable CSV file ({error}); it must be UTF-8 text") from None


class Document(NamedTuple):
    """A JSON file beside the tables, such as outlines of findings; `open` gives it as a binary file."""

    name: str
    open: Callable[[], BinaryIO]

    def json(self) -> Any:
        """What the file holds.

        Raises:
          SourceError: for a file that is no JSON.
        """
        try:
            with self.open() as file:
                return json.loads(file.read())
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.name} is not a readable JSON file ({error}); fetch it again") from None
