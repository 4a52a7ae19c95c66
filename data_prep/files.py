"""The raw files of a data set: what a folder holds, and the one file that a table's row means.

A folder is walked once. A file is named by its path below the folder, with / between the parts.
"""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_prep.images import ImageError
from data_prep.source import SourceError


class File(NamedTuple):
    """A raw file: its path below the folder, bytes, and the times in nanoseconds of its last modification and last change (ctime)."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0


class Folder:
    """A folder of raw files; symbolic links are followed within it and into `allowed_roots`, and nowhere else.

    Raises:
      SourceError: where it is no folder, or cannot be listed.
    """

    def __init__(self, raw_dir: Path | str, allowed_roots: tuple[str, ...] = ()) -> None:
        self.place = Path(raw_dir)
        if not self.place.is_dir():
            raise SourceError(f"raw_dir {raw_dir} is not a folder")
        self.root = self.place.resolve()
        self.roots = (self.root, *(Path(root).resolve() for root in allowed_roots))
        self.refused: dict[str, Path] = {}  # links that leave the roots, and where they lead
        self.files = {file.path: file for file in self._walk(self.root, "", {self.root})}
        self._tails: dict[int, dict[str, list[str]]] = {}

    @property
    def name(self) -> str:
        return self.root.name

    def __str__(self) -> str:
        return str(self.place)

    def open(self, path: str) -> BinaryIO:
        return (self.root / path).open("rb")

    def _walk(self, folder: Path, prefix: str, above: set[Path]) -> Iterator[File]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from None
        for entry in entries:
            path = prefix + entry.name
            if entry.is_symlink() and not self._allowed(entry, path):
                continue
            try:
                if entry.is_dir():
                    real = Path(entry.path).resolve() if entry.is_symlink() else Path(entry.path)
                    if real not in above:  # a link to a folder above it would never end
                        yield from self._walk(Path(entry.path), f"{path}/", above | {real})
                elif entry.is_file():
                    stat = entry.stat()
                    yield File(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            except OSError:
                continue  # a file that vanishes or cannot be seen is found missing where a row names it

    def _allowed(self, entry: os.DirEntry, path: str) -> bool:
        target = Path(entry.path).resolve()
        allowed = any(target.is_relative_to(root) for root in self.roots)
        if not allowed:
            self.refused[path] = target
        return allowed

    def match(self, patterns: tuple[str, ...], depth: int = 2) -> list[str]:
        """Files at most `depth` parts below the folder whose names fit one of the patterns, the uppermost first.

        Case does not matter, and `.gz` may follow a name.
        """
        wanted = [pattern.lower() for pattern in patterns for pattern in (pattern, f"{pattern}.gz")]
        fitting = [
            path
            for path in self.files
            if path.count("/") < depth
            and any(fnmatch.fnmatchcase(path.rpartition("/")[2].lower(), name) for name in wanted)
        ]
        return sorted(fitting, key=lambda path: (path.count("/"), path))

    def under(self, path: str, tail: int) -> list[str]:
        """Files in the folder that a table names, such as a study, wherever the set was unpacked; `tail` as in `locate`."""
        key = "/".join(path.strip("/").split("/")[-tail:]).lower()
        return [name for name in self.files if f"/{name.rpartition('/')[0].lower()}".endswith(f"/{key}")]

    def locate(self, path: str, tail: int = 0) -> File:
        """The file that a row means.

        It is the file of that very path. Where there is none, it is the file that remains of the path without its first folders,
        or the only file whose path ends so. With `tail` above 0, the last `tail` parts of a path are known to tell images apart,
        so that a file which agrees in them will do wherever it was unpacked. Case and the file's suffix may differ.

        Raises:
          ImageError: where there is no such file, or more than one.
        """
        path = path.replace("\\", "/").strip("/")
        parts = path.split("/")
        for first in range(len(parts)):
            if (name := "/".join(parts[first:])) in self.files:
                return self.files[name]
        for candidates in self._candidates(parts, tail):
            if candidates:
                return self.files[_only(candidates, path)]
        raise ImageError(self._missing())

    def _candidates(self, parts: list[str], tail: int) -> Iterator[list[str]]:
        """Files that a path may mean, by one rule after the other."""
        whole = self._by_tail(0)
        for first in range(len(parts)):
            yield whole.get(_key(parts[first:], 0), [])
        yield self._by_tail(len(parts)).get(_key(parts, 0), [])
        if 0 < tail < len(parts):
            yield self._by_tail(tail).get(_key(parts, tail), [])

    def _by_tail(self, tail: int) -> dict[str, list[str]]:
        """Files by the last `tail` parts of their paths, by all of them for 0."""
        if tail not in self._tails:
            index: dict[str, list[str]] = {}
            for path in self.files:
                index.setdefault(_key(path.split("/"), tail), []).append(path)
            self._tails[tail] = index
        return self._tails[tail]

    def _missing(self) -> str:
        for link, target in self.refused.items():
            return (
                f"no such file; {link} is a symbolic link that leaves raw_dir, to {target}: "
                "name a folder that holds it in data.allowed_roots"
            )
        return "no such file"


def _key(parts: list[str], tail: int) -> str:
    """The last `tail` parts of a path in small letters, without the file's suffix; all parts for 0."""
    end = "/".join(parts[-tail:]).lower()
    stem, dot, suffix = end.rpartition(".")
    return stem if dot and suffix.isalnum() and len(suffix) <= 5 and not suffix.isdigit() else end


def _only(candidates: list[str], path: str) -> str:
    """The candidate that agrees with the longest end of a path, its suffix included.

    Raises:
      ImageError: where that leaves more than one.
    """
    agreement = {name: _common_end(name, path) for name in candidates}
    best = [name for name in candidates if agreement[name] == max(agreement.values())]
    if len(best) > 1:
        raise ImageError(f"{len(best)} files may be meant ({best[0]}, {best[1]}); remove the others")
    return best[0]


def _common_end(name: str, path: str) -> tuple[int, bool]:
    """How many last parts two paths share, and whether even the suffix agrees."""
    ours, theirs = name.lower().split("/"), path.lower().split("/")
    exact = ours[-1] == theirs[-1]
    ours[-1], theirs[-1] = (part.rpartition(".")[0] or part for part in (ours[-1], theirs[-1]))
    shared = 0
    for one, other in zip(reversed(ours), reversed(theirs), strict=False):
        if one != other:
            break
        shared += 1
    return shared, exact
