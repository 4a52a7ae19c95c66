"""What is known of the examples of a split besides their images: one array a column.

A built data set keeps the columns in `columns-SPLIT.npz` beside its records, as `data_prep.columns` describes it. Sets that were
built before that file existed are read record by record.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from dirvae.config import ConfigError


class Ragged(Sequence):
    """Arrays of different lengths, one an example, kept one below the other: item i is rows start[i] to start[i + 1]."""

    def __init__(self, rows: np.ndarray, start: np.ndarray) -> None:
        self.rows, self.start = rows, start

    @classmethod
    def of(cls, parts: Sequence[np.ndarray], width: int, dtype: Any) -> "Ragged":
        """From the arrays of each example, which are brought to `width` columns and `dtype`."""
        shaped = [np.asarray(part, dtype).reshape(-1, width) for part in parts]
        start = np.cumsum([0, *map(len, shaped)], dtype=np.int64)
        return cls(np.concatenate([np.zeros((0, width), dtype), *shaped]), start)

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, position: Any) -> Any:
        at = range(len(self))[position]
        if isinstance(at, range):
            return tuple(self[i] for i in at)
        return self.rows[self.start[at] : self.start[at + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.rows[first:last] for first, last in zip(self.start[:-1], self.start[1:], strict=True))


class Table(NamedTuple):
    """A table holds what is known of each example of a split besides its image; rows are in the order of the records."""

    labels: np.ndarray  # int8 [N, F], as stored, F the number of the data set's findings
    patient: np.ndarray  # text [N]
    study: np.ndarray  # text [N]
    path: np.ndarray  # text [N]
    view: np.ndarray  # text [N]
    sex: np.ndarray  # text [N]
    age: np.ndarray  # int32 [N], years, -1 unknown
    boxes: Sequence[np.ndarray]  # N arrays float32 [n, 5]: finding, ymin, xmin, ymax, xmax (shares of the image)
    factors: np.ndarray  # float32 [N, F], the phantom's
    seed: np.ndarray  # int64 [N], the phantom's
    origin: np.ndarray  # text [N], the data set an example stems from, where several are merged
    masks: Sequence[np.ndarray]  # N arrays uint8 [m, 1 + ceil(H W / 8)]: finding, then the pixels of `numpy.packbits`

    def mask(self, position: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Findings int64 [m] and masks bool [m, side, side] of an example of a data set with images of `side` pixels."""
        packed = self.masks[position]
        pixels = np.unpackbits(packed[:, 1:], axis=1, count=side * side)
        return packed[:, 0].astype(np.int64), pixels.reshape(-1, side, side).astype(bool)


TEXTS = ("patient", "study", "path", "view", "sex", "origin")


def read(
    directory: Path, name: str, source: Sequence[Any], features: tfds.features.FeaturesDict, findings: int
) -> Table:
    """The table of a split, whose records are `source`.

    Raises:
      ConfigError: where the columns cannot be read, or are of another number of examples.
    """
    path = Path(directory) / f"columns-{name}.npz"
    if not path.exists():
        return of_records(source, features, findings)
    try:
        with np.load(path, allow_pickle=False) as stored:
            columns = {column: stored[column] for column in stored.files}
        ragged = {kind: Ragged(columns[kind], columns[f"{kind}_start"]) for kind in ("boxes", "masks")}
        texts = {column: text(columns[column]) for column in TEXTS}
        plain = {column: columns[column] for column in ("labels", "age", "factors", "seed")}
        table = Table(**plain, **texts, **ragged)
    except Exception as error:  # NumPy and zipfile raise many kinds for a damaged file
        raise ConfigError(
            f"{path} cannot be read ({type(error).__name__}); delete it, the records hold it all"
        ) from None
    if len(table.labels) != len(source):
        raise ConfigError(f"{path} has {len(table.labels)} rows for {len(source)} records; build the data set again")
    return table


def text(values: np.ndarray) -> np.ndarray:
    """Text [N] of UTF-8 bytes [N]."""
    try:
        return values.astype(str)  # ASCII
    except UnicodeDecodeError:
        return np.char.decode(values, "utf-8")


def of_records(source: Sequence[Any], features: tfds.features.FeaturesDict, findings: int) -> Table:
    """The table of records as TFDS decodes them."""
    columns: dict[str, list] = {name: [] for name in Table._fields}
    empty = {"origin": b"", "masks": np.zeros((0, 0))}  # fields that came later
    for position in range(len(source)):
        record = empty | source[position]
        for name, column in columns.items():
            column.append(record[name])

    def texts(name: str) -> np.ndarray:
        return np.asarray([v.decode() if isinstance(v, bytes) else str(v) for v in columns[name]], str)

    def classes(name: str) -> np.ndarray:
        return np.asarray(features[name].names)[np.asarray(columns[name], np.int64)]

    count, factors = len(source), features["factors"].shape[0]
    mask_width = features["masks"].shape[1] if "masks" in features else 1
    return Table(
        labels=np.asarray(columns["labels"], np.int8).reshape(count, findings),
        patient=texts("patient"),
        study=texts("study"),
        path=texts("path"),
        view=classes("view"),
        sex=classes("sex"),
        age=np.asarray(columns["age"], np.int32),
        boxes=Ragged.of(columns["boxes"], 5, np.float32),
        factors=np.asarray(columns["factors"], np.float32).reshape(count, factors),
        seed=np.asarray(columns["seed"], np.int64),
        origin=texts("origin"),
        masks=Ragged.of(columns["masks"], mask_width, np.uint8),
    )
