"""The contract of a reader: a pure mapping from the tables and files of one published data set to rows of one form.

A reader is a module of `data_prep.readers` with one `Reader`. It says which tables it needs and what their lines mean. What all
of them share lives elsewhere: tables are opened by `data_prep.tables`, odd cells are read and counted by `data_prep.cells`,
images are looked up by `data_prep.files`, and splits, views and identity are settled by `data_prep.plan`.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from data_prep.cells import Cells
from data_prep.files import Folder
from data_prep.schema import UNKNOWN_AGE
from data_prep.tables import Document, Table
from dirvae.config import DataConfig
from dirvae.labels import FINDINGS


class Box(NamedTuple):
    """A box around a finding: edges in pixels of a frame, from the top left corner of the image as it is stored.

    `frame` is the (height, width) of the image in which the edges are counted, or the length of its longer side alone. None
    stands for the stored image's own pixels.
    """

    finding: str
    top: float
    left: float
    bottom: float
    right: float
    frame: tuple[float, float] | float | None = None


class Mask(NamedTuple):
    """The pixels of a finding as run lengths, in an image of `height` by `width` pixels as it is stored.

    `runs` alternate between pixels outside and inside, from outside on, down the columns where `by_column` is true, else along
    the rows.
    """

    finding: str
    height: int
    width: int
    runs: tuple[int, ...]
    by_column: bool = True


class Row(NamedTuple):
    """What a data set's owners say of one image.

    `path` names the image file as the table does. `labels` maps findings of the reader to states of `dirvae.labels.STATES`; a
    finding that is not in it is not labelled. `split` is the owners' own: train, validation or test, or nothing.
    """

    path: str
    patient: str
    study: str = "study"
    view: str = "UNKNOWN"
    sex: str = "Unknown"
    age: int = UNKNOWN_AGE
    labels: Mapping[str, int] = {}
    boxes: tuple[Box, ...] = ()
    masks: tuple[Mask, ...] = ()
    split: str = ""


class TableFile(NamedTuple):
    """A table that a reader takes: its key there, file names or patterns that it may have, and the columns it must have.

    Patterns are those of `fnmatch`, without regard to case; `.gz` may follow. The table may lie in the set's folder or in one
    of its subfolders. An optional one that is missing is not among the reader's inputs. With `json`, it is no table but a
    `data_prep.tables.Document`.
    """

    key: str
    patterns: tuple[str, ...]
    columns: tuple[str, ...] = ()
    optional: bool = False
    json: bool = False


class Inputs(NamedTuple):
    """What a reader maps: its tables and documents by key, the images' folder, the configuration, the only split wanted, if any."""

    tables: Mapping[str, Table]
    folder: Folder
    data: DataConfig
    only: str = ""
    documents: Mapping[str, Document] = {}


def inputs_of(opened: Mapping[str, Table | Document], folder: Folder, data: DataConfig, only: str = "") -> Inputs:
    """The inputs of a reader, of what was opened for it by key."""
    tables = {key: item for key, item in opened.items() if isinstance(item, Table)}
    documents = {key: item for key, item in opened.items() if isinstance(item, Document)}
    return Inputs(tables, folder, data, only, documents)


NO_PATIENTS = "patients are not known: each image stands as its own, and one patient may be in several splits"
"""What a reader notices of a set whose owners do not say which images are of one patient."""


def default_findings(inputs: Inputs) -> tuple[str, ...]:
    """The 14 findings of CheXpert, for readers whose labels are those."""
    return FINDINGS


class Reader(NamedTuple):
    """One published data set, or one form in which data sets are brought.

    `tables(data, only)` lists the tables of a configuration; `rows(inputs, cells)` yields a `Row` an image, or raises SourceError
    where a line cannot be meant. `findings(inputs)` names the labels in their order. `tail` is the number of last parts of a
    path, folders and file name, that tell one image from another wherever the set was unpacked. `images_of` names whose images
    they are, since several sets relabel the same ones. `holds` says what raw_dir must be. `source` cites where header and layout
    are documented. `split_is_table` is true where `--split` names a table rather than an owner's split. `download`, of a set that
    needs no registration, fetches it and gives the folder. `known_by` lists files of which any shows that the set is this one, for a
    reader that needs no table; without columns, it is the name alone.
    """

    name: str
    title: str
    holds: str
    source: str
    tables: Callable[[DataConfig, str], tuple[TableFile, ...]]
    rows: Callable[[Inputs, Cells], Iterator[Row]]
    findings: Callable[[Inputs], tuple[str, ...]] = default_findings
    images_of: str = ""
    tail: int = 1
    split_is_table: bool = False
    download: Callable[[DataConfig], Path] | None = None
    known_by: tuple[TableFile, ...] = ()
    version: str = "2.0.0"
