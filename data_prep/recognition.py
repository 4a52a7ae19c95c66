"""Which reader fits a folder, by the tables that each of the registered ones takes."""

import functools

from data_prep import sources
from data_prep.files import Folder
from data_prep.reader import Reader, TableFile
from data_prep.source import SourceError
from data_prep.tables import Table
from dirvae.config import DataConfig


def fitting(folder: Folder, depth: int = 2) -> list[Reader]:
    """Readers all of whose needed tables a folder holds at most `depth` parts below it, with their columns.

    Those come first that ask for more columns, since what they take is less likely to be there by chance.
    """
    fits = [reader for reader in sources.readers() if _fits(reader, folder, depth)]
    return sorted(fits, key=_columns, reverse=True)


def advice(folder: Folder, reader: Reader, data: DataConfig) -> str:
    """What to do about a folder that lacks a table of a reader: a folder below it, a reader that fits, or what raw_dir must be."""
    if deeper := _deeper(folder, reader, data):
        return f"it lies deeper: give --raw_dir={folder.place / deeper}"
    if fits := other(folder, reader, data):
        return fits
    general = [known.name for known in fitting(folder) if known.name != reader.name]
    ways = [f"give {reader.holds}"]
    if reader.split_is_table and (held := folder.match(("*.csv",))):
        names = ", ".join(path.rpartition("/")[2] for path in held[:8])
        ways.append(f"or name one of its tables ({names}) by --train_table, --test_table or --split")
    if general:
        ways.append(f"or --dataset={general[0]} for a table of another form")
    return ", ".join(ways)


def other(folder: Folder, reader: Reader, data: DataConfig) -> str:
    """The sentence that names another reader, whose tables' columns or files a folder has, or nothing."""
    fits = [known for known in fitting(folder) if known.name != reader.name and (_columns(known) or known.known_by)]
    return f"this folder looks like {fits[0].title}: give --dataset={fits[0].name}" if fits else ""


def _deeper(folder: Folder, reader: Reader, data: DataConfig) -> str:
    """The one folder, at any depth, that holds the needed tables of a reader; nothing where there is none or more than one."""
    needed = [table for table in reader.tables(data, "") if not table.optional]
    places = [{path.rpartition("/")[0] for path in folder.match(table.patterns, depth=20)} for table in needed]
    common = set.intersection(*places) if places else set()
    return common.pop() if len(common) == 1 else ""


def _fits(reader: Reader, folder: Folder, depth: int) -> bool:
    wanted = needed(reader)
    if not wanted:
        return any(_holds(folder, file, depth) for file in reader.known_by)
    return all(_holds(folder, table, depth) for table in wanted)


def _holds(folder: Folder, wanted: TableFile, depth: int) -> bool:
    for path in folder.match(wanted.patterns, depth):
        if not wanted.columns:
            return True
        try:
            table = Table(path, functools.partial(folder.open, path))
        except SourceError:
            continue
        if all(map(table.has, wanted.columns)):
            return True
    return False


def specific(reader: Reader) -> bool:
    """Whether a reader is of one data set, whose tables are told by their columns, rather than of any table or folder."""
    return _columns(reader) > 0


def telling(reader: Reader) -> tuple[list[TableFile], bool]:
    """Tables by whose columns a reader's set can be told, and whether all of them are needed or one would do."""
    wanted = needed(reader)
    return [table for table in wanted or reader.known_by if table.columns and not table.json], bool(wanted)


def _columns(reader: Reader) -> int:
    known = (len(file.columns) for file in reader.known_by)
    return sum(len(table.columns) for table in needed(reader)) or max(known, default=0)


def needed(reader: Reader) -> list[TableFile]:
    """The tables without which a reader reads nothing, where no setting names others."""
    return [table for table in reader.tables(DataConfig(dataset=reader.name), "") if not table.optional]
