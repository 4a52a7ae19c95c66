"""What a folder holds, whether or not a reader fits: files by kind, tables with their columns, and the reader that comes nearest."""

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data_prep import recognition, sources
from data_prep.files import Folder
from data_prep.reader import Reader, TableFile
from data_prep.source import SourceError
from data_prep.tables import Table, fold

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".jsonl")
SHEETS = (".xlsx", ".xls", ".ods", ".parquet", ".feather", ".pkl")
"""Tables that no reader reads."""
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
LISTED = 20  # tables that are looked into
Item = tuple[str, str]
"""A label and what is said under it, as one screen shows them."""


class Held(NamedTuple):
    """A table that a folder holds: its path, and its columns, or why it cannot be read."""

    path: str
    columns: tuple[str, ...]
    problem: str = ""


class Nearest(NamedTuple):
    """The reader that comes nearest to a folder, what the folder lacks for it, and the share in [0, 1] that it has."""

    reader: Reader
    lacks: tuple[str, ...]
    share: float


def opened(raw_dir: Path, allowed_roots: tuple[str, ...] = ()) -> Folder:
    """The folder.

    Raises:
      SourceError: for what is no folder, with what to do about a file; an empty one; one that cannot be listed.
    """
    try:
        folder = Folder(raw_dir, allowed_roots)
    except SourceError as error:
        if not raw_dir.is_file():
            raise
        what = "an archive: unpack it, and" if kind(raw_dir.name) in ARCHIVES else "a file:"
        raise SourceError(f"{error}, but {what} give the folder that holds the tables and images") from None
    if not folder.files and not folder.refused:
        raise SourceError(f"raw_dir {raw_dir} is empty; give the folder that holds the tables and images")
    return folder


def kind(path: str) -> str:
    """The suffix of a file, with the one before .gz and its like."""
    name = path.rpartition("/")[2].lower()
    if name.startswith("."):
        return "hidden"
    stem, dot, last = name.rpartition(".")
    inner = stem.rpartition(".")[2]
    if last in ("gz", "bz2", "xz") and 0 < len(inner) <= 4 and "." in stem:
        return f".{inner}.{last}"
    return f".{last}" if dot and len(last) <= 8 and not last.isdigit() else "without suffix"


def number(count: int, noun: str) -> str:
    """A count with its noun in the right number."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def kinds(paths: Sequence[str]) -> str:
    """How many files there are of each kind, the most frequent first, six of them."""
    counts = Counter(map(kind, paths)).most_common()
    more = f", {len(counts) - 6} other kinds" if len(counts) > 6 else ""
    return ", ".join(f"{count:,} {name}" for name, count in counts[:6]) + more


def summary(folder: Folder) -> Iterator[Item]:
    """How many files of which kinds, and links that were not followed."""
    size = sum(file.size for file in folder.files.values())
    yield "folder", f"{folder}: {number(len(folder.files), 'file')}, {size / 1e6:,.1f} MB: {kinds(list(folder.files))}"
    if folder.refused:
        link, target = next(iter(folder.refused.items()))
        root = target if target.is_dir() else target.parent
        yield (
            "links",
            f"{len(folder.refused):,} links that leave the folder are not followed, such as {link}; --allowed_roots={root} does",
        )
    archives = [path for path in folder.files if kind(path) in ARCHIVES]
    if archives:
        yield "archives", f"{len(archives):,}, which are not looked into, such as {archives[0]}; unpack them first"


def tables(folder: Folder) -> list[Held]:
    """The first tables of a folder, the uppermost first."""
    paths = [path for path in folder.files if kind(path) in TABLES + SHEETS]
    return [_held(folder, path) for path in sorted(paths, key=_depth)[:LISTED]]


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _held(folder: Folder, path: str) -> Held:
    if kind(path) in SHEETS:
        return Held(path, (), f"{path} is no CSV; save it as CSV")
    try:
        return Held(path, Table(path, functools.partial(folder.open, path)).header)
    except SourceError as error:
        return Held(path, (), str(error))


def details(folder: Folder, held: Sequence[Held]) -> Iterator[Item]:
    """Tables with their columns, and the first file of each other kind."""
    for table in held[:8]:
        yield "table", table.problem or f"{table.path} ({len(table.columns)} columns: {', '.join(table.columns)[:240]})"
    if len(held) > 8:
        yield "table", f"and {len(held) - 8} more"
    first: dict[str, str] = {}
    for path in folder.files:
        if kind(path) not in TABLES + SHEETS + ("hidden",):
            first.setdefault(kind(path), path)
    for path in list(first.values())[:5]:
        yield "file", f"{path}, the first {kind(path)}"


def nearest(folder: Folder, held: Sequence[Held]) -> Nearest | None:
    """The reader whose needed tables and columns a folder has the largest share of; None where it has nothing of any."""
    compared = [_compared(reader, folder, held) for reader in sources.readers() if recognition.telling(reader)[0]]
    best = max(compared, key=_share, default=None)
    return best if best and best.share > 0 else None


def resemblance(near: Nearest | None) -> Iterator[Item]:
    """The reader that comes nearest, and what is lacking."""
    if near:
        yield (
            "nearest",
            f"--dataset={near.reader.name} ({near.reader.title}), but: {'; '.join(near.lacks) or 'nothing lacks'}",
        )


def _second(item: tuple[str, float]) -> float:
    return item[1]


def _share(item: Nearest) -> float:
    return item.share


def _compared(reader: Reader, folder: Folder, held: Sequence[Held]) -> Nearest:
    wanted, all_of_them = recognition.telling(reader)
    parts = [_lack(table, folder, held) for table in wanted]
    if not all_of_them:
        parts = [max(parts, key=_second)]
    lacks = tuple(lack for lack, _ in parts if lack)
    return Nearest(reader, lacks, sum(share for _, share in parts) / len(parts))


def _lack(wanted: TableFile, folder: Folder, held: Sequence[Held]) -> tuple[str, float]:
    """What a folder lacks of a table, and the share of it that it has; a table of the right name counts half."""
    named = set(folder.match(wanted.patterns, depth=20))
    own = [table for table in held if table.path in named]
    count = len(wanted.columns)
    best = max(own or held, key=functools.partial(_columns, wanted), default=None)
    has = _columns(wanted, best) if best else 0
    share = (has / count if count else float(bool(own))) / 2 + 0.5 * bool(own)
    if own and best:
        missing = ", ".join(name for name in wanted.columns if not _has(best, name))
        lack = best.problem or (f"{best.path} lacks the columns {missing}" if missing else "")
        return lack, share
    near = f" ({best.path} has {has} of its {count} needed columns)" if best and has else ""
    return f"no {wanted.patterns[0]}{near}", share


def _columns(wanted: TableFile, table: Held) -> int:
    return sum(_has(table, name) for name in wanted.columns)


def _has(table: Held, name: str) -> bool:
    return fold(name) in map(fold, table.columns)
