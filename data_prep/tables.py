"""Tables as published and as spreadsheets leave them: CSV, compressed or not, under any usual separator and encoding, and JSON lines."""

import codecs
import csv
import difflib
import functools
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from data_prep.source import SourceError

SEPARATORS = (",", ";", "\t", "|")
UNREADABLE = (OSError, EOFError, UnicodeError, csv.Error, json.JSONDecodeError, zlib.error)
USUAL = {
    "image": "path, image, image path, image file, image filename, image index, image id, image name, filename, file name, file, filepath, "
    "file path, path to image, img, img path, dicom id, png, fname",
    "patient": "patient, patient id, patientid, subject, subject id, case id, person id, deid patient id, anon patient id, mrn",
    "study": "study, study id, study instance uid, accession, accession number, exam, exam id, visit, visit id",
    "view": "view, view position, viewposition, projection, ap/pa, frontal/lateral, orientation",
    "sex": "sex, gender, patient sex, patient gender, sex dicom",
    "age": "age, patient age, age years, age at study, age at exam",
    "split": "split, set, subset, partition, dataset split, data split",
    "finding": "finding labels, findings, finding, labels, label, class, classes, class name, category, diagnosis, diagnoses, target, "
    "pathology, pathologies, disease, diseases",
}
"""Names under which tables keep a fact where nothing says which column holds it, the first that is there counting."""
SPLIT_NAMES = {
    "train": "train, training, trn, tr, development",
    "validation": "validation, valid, val, validate, dev, tune, tuning",
    "test": "test, testing, tst, holdout, hold out, held out, evaluation, eval",
}


def fold(name: str) -> str:
    """A column's name by its letters and digits alone, so that case, blanks and signs do not matter."""
    return "".join(filter(str.isalnum, name)).lower() or name.strip().lower()


USUAL_NAMES = {fact: tuple(map(fold, names.split(", "))) for fact, names in USUAL.items()}
SPLIT_OF = {fold(name): split for split, names in SPLIT_NAMES.items() for name in names.split(", ")}


class Line(NamedTuple):
    """One line of a table; `line["Sex"]` is the stripped text of a column, and raises SourceError where there is no such column."""

    table: Any  # a Table
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

    def __str__(self) -> str:
        return self.where


class Table:
    """A table, read line by line each time it is walked through.

    Text is UTF-8, UTF-16 or, where it is neither, Windows-1252. A line that repeats the header, as files put one after the other
    have it, and an empty line are no rows.
    """

    def __init__(self, name: str, open_file: Callable[[], BinaryIO]) -> None:
        self.name = name  # as errors and manifests name it
        self._open = open_file
        self.encoding = self._guarded(self._find_encoding)
        self._begin, self._read = 0, self._csv
        self.header: tuple[str, ...] = self._guarded(self._find_header)
        if not any(name.strip() for name in self.header):
            raise SourceError(f"{self.name} is empty; it must begin with a line of column names")
        folded = [fold(column) for column in self.header]
        self._places = {column: folded.index(column) for column in folded if column}
        self._repeated = {column for column in folded if column and folded.count(column) > 1}
        for place, column in enumerate(self.header):  # `Age (years)` is the age where nothing else is
            self._places.setdefault(fold(re.sub(r"\s*[(\[].*?[)\]]", "", column)), place)
        self._known: dict[str, int | None] = {}

    def has(self, name: str) -> bool:
        return self._find(name) is not None

    def _find(self, name: str) -> int | None:
        if name not in self._known:
            self._known[name] = self._places.get(fold(name))
            if fold(name) in self._repeated:
                raise SourceError(f"{self.name} has the column {name} more than once; remove one of them")
        return self._known[name]

    def place(self, name: str) -> int:
        """The position of a column.

        Raises:
          SourceError: for a column that is not there, with the nearest one, or that is there twice.
        """
        place = self._find(name)
        if place is None:
            self.require((name,))
            raise AssertionError(name)
        return place

    def usual(self, fact: str, named: str = "") -> str:
        """The column that holds a fact, one of `USUAL`: the one that is `named`, else the first under a usual name, else nothing.

        Raises:
          SourceError: for a named column that is not there.
        """
        if named:
            self.require((named,))
            return named
        place = next((self._places[name] for name in USUAL_NAMES[fact] if name in self._places), None)
        return "" if place is None else self.header[place]

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

    def lines_with(self, text: str) -> list[Line]:
        """Lines of which a cell is this text."""
        return [line for line in self if text in map(str.strip, line.cells)]

    def __iter__(self) -> Iterator[Line]:
        wanted, header, previous = len(self.header), list(self.header), 0
        records = self._records()
        while (record := self._guarded(next, records, None)) is not None:
            number, cells = record
            if len(cells) != wanted:
                cells = self._fitted(number, cells)
            if number > previous + 1 and any(map(self._swallows, cells)):
                raise SourceError(
                    f"{self.name}, line {number}: a quote that is not closed has swallowed the lines before it"
                )
            previous = number
            if cells != header:
                yield Line(self, number, cells)

    def _swallows(self, cell: str) -> bool:
        """Whether a cell holds a whole line of the table; a line of a report seldom has just as many separators, five or more."""
        separators = len(self.header) - 1
        return separators >= 5 and any(line.count(self.separator) == separators for line in cell.split("\n")[1:-1])

    def _fitted(self, number: int, cells: list[str]) -> list[str]:
        """Cells as many as the header has, where no more than separators at a line's end are missing or too many.

        Raises:
          SourceError: for any other number of cells.
        """
        wanted = len(self.header)
        if any(map(str.strip, [*cells[wanted:], *self.header[len(cells) :]])):
            raise SourceError(
                f"{self.name}, line {number}: {len(cells)} fields, but the header has {wanted}; the file may be cut off"
            )
        return (cells + [""] * wanted)[:wanted]

    def _guarded(self, function: Callable, *arguments):
        """What a function returns; what cannot be read or is no text becomes a SourceError."""
        try:
            return function(*arguments)
        except UNREADABLE as error:
            why = getattr(error, "strerror", None) or error
            raise SourceError(f"{self.name} is not a readable table ({why}); it must be CSV, as text") from None

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of every line but the empty ones and the header."""
        with self._text() as text:
            yield from self._read(_clean(text))

    def _csv(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(lines, delimiter=self.separator)
        full = ((reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
        for _ in range(self._begin):
            next(full, None)
        yield from full

    def _json(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(lines, 1):
            if line.strip():
                fields = json.loads(line)
                if not isinstance(fields, dict):
                    raise csv.Error(f"line {number} is no JSON object")
                values = (fields.get(name) for name in self.header)
                yield number, ["" if value is None else str(value) for value in values]

    def _find_header(self) -> tuple[str, ...]:
        with self._text() as text:
            sample = list(_clean(io.StringIO(text.read(1 << 16), newline="")))
        first = next((line for line in sample if line.strip()), "")
        self.separator = ","
        if first.lstrip().startswith("{"):
            self._read = self._json
            return tuple(json.loads(first))
        if stated := re.fullmatch(r'"?sep=(.)"?\s*', first):  # a line that Excel writes and reads
            self.separator, self._begin = stated[1], 1
        else:
            self.separator = max(SEPARATORS, key=functools.partial(_width, sample))
        _, header = next(self._csv(sample), (0, []))
        self._begin += 1
        return tuple(name.strip() for name in header)

    def _find_encoding(self) -> str:
        with self._bytes() as file:
            head = file.read(4)
            if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                return "utf-16"
            if 0 in head[:2]:
                return "utf-16-be" if head[0] == 0 else "utf-16-le"
            file.seek(0)
            decoder = codecs.getincrementaldecoder("utf-8")()
            try:
                while block := file.read(1 << 20):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return "cp1252"
            return "utf-8-sig"

    def _bytes(self) -> BinaryIO:
        raw = self._open()
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        return gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[return-value]

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._bytes(), encoding=self.encoding, newline="")


def _width(sample: list[str], separator: str) -> int:
    """The number of columns that a header has under a separator."""
    return len(next(filter(None, csv.reader(sample, delimiter=separator)), ()))


def _clean(lines: Iterable[str]) -> Iterator[str]:
    """Lines without byte order marks, which files put one after the other have in their midst.

    Raises:
      UnicodeError: for a NUL, which no text holds.
    """
    for line in lines:
        if "\0" in line:
            raise UnicodeError("it holds NUL bytes")
        yield line.replace("\ufeff", "") if "\ufeff" in line else line


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
