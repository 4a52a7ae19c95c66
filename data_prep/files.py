"""The raw files of a data set: what a folder holds, and the one file that a table's row means.

A folder is walked once. A file is named by its path below the folder, with / between the parts.
"""

import fnmatch
import functools
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote

from data_prep import arrays, stores
from data_prep.images import ImageError
from data_prep.progress import Meter, Progress, silent
from data_prep.source import SourceError
from dirvae.config.places import shown, url_of

UNPACKED = 4  # last parts of a path that an archive's member and its unpacked copy share
DRIVE = re.compile(r"[A-Za-z]:(?=/)")
DEPTH = 3  # so many last parts of a path are looked up first
MOST = 1000  # files of one name, of which none can be meant
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def plain(path: str) -> str:
    """A path as tables write it, with / between its parts: without a drive, a scheme such as file://, a leading /, `.` and empty parts."""
    path = path.strip()
    if "://" in path and (scheme := SCHEME.match(path)):
        path = unquote(path[scheme.end() :])
    if "\\" in path:
        path = path.replace("\\", "/")
    if ":" in path[:2]:
        path = DRIVE.sub("", path, count=1)
    if path.startswith(("/", "./")) or "//" in path or "/./" in path:
        path = "/".join(part for part in path.split("/") if part not in ("", "."))
    return path


class File(NamedTuple):
    """A raw file: its path below the folder, bytes, and the times in nanoseconds of its last modification and last change (ctime)."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0


class Folder:
    """A folder of raw files; symbolic links are followed within it and into `allowed_roots`, and nowhere else.

    Raises:
      SourceError: where it is no folder, cannot be listed, or an allowed root is none.
    """

    def __init__(self, raw_dir: Path | str, allowed_roots: tuple[str, ...] = (), progress: Progress = silent) -> None:
        self.place = raw_dir if url_of(raw_dir) else Path(raw_dir)
        self.root = stores.root_of(self.place)
        self.archive = shown(self.place).rpartition("/")[2] if self.place.suffix.lower() == ".zip" else ""
        if not (self.root / self.archive).is_file() if self.archive else not self.root.is_dir():
            raise SourceError(
                f"raw_dir {shown(self.place)} is not a folder; give the one that holds the tables and images"
            )
        if absent := [root for root in allowed_roots if not Path(root).is_dir()]:
            raise SourceError(f"data.allowed_roots names {absent[0]}, which is not a folder")
        self.roots = (self.root, *(Path(root).resolve() for root in allowed_roots))
        self.refused: dict[str, Path] = {}  # links that leave the roots, and where they lead
        self.files = {file.path: file for file in sorted(self._with_members(self._listing(progress)))}
        self._shallow: dict[int, list[str]] = {}
        self._tails: dict[int, dict[str, list[str]]] = {}
        self._folders: dict[int, dict[str, dict[str, list[str]]]] = {}

    @property
    def name(self) -> str:
        return self.archive[: -len(".zip")] if self.archive else self.root.name

    def __str__(self) -> str:
        return shown(self.place)

    def open(self, path: str) -> BinaryIO:
        return stores.open_file(self.root, path)

    def _listing(self, progress: Progress) -> Iterator[File]:
        """The files of the folder, of the store's folder, or the archive alone."""
        meter = Meter(progress, f"listing {self}", "files")
        remote = isinstance(self.root, stores.Remote)
        for file in (File(*found[:4]) for found in self.root.walk()) if remote else self._walk():
            if not self.archive or file.path == self.archive:
                yield file
            meter.step()

    def _with_members(self, files: Iterator[File]) -> list[File]:
        """Files, and those in zip archives among them, but for members that are unpacked too."""
        whole = list(files)
        archives = [file for file in whole if file.path.lower().endswith(".zip")]
        unpacked = {_end(file.path.split("/"), UNPACKED) for file in whole} if archives else set()
        for archive in archives:
            packed = (File(*member[:4]) for member in stores.members(self.root, archive))
            whole += [file for file in packed if _end(file.path.split("/"), UNPACKED) not in unpacked]
        return whole

    def _walk(self) -> Iterator[File]:
        """Every file below the folder, in no order; a link to a folder above itself is not followed, since that would never end."""
        waiting = [(str(self.root), "", frozenset({self.root}))]
        while waiting:
            folder, prefix, above = waiting.pop()
            for entry in _listed(folder):
                path = prefix + entry.name
                try:
                    link = entry.is_symlink()
                    if link and not self._allowed(entry, path):
                        continue
                    if entry.is_dir():
                        real = frozenset({Path(entry.path).resolve()}) if link else frozenset()
                        if not real & above:
                            waiting.append((entry.path, f"{path}/", above | real if link else above))
                    elif entry.is_file():
                        stat = entry.stat()
                        yield File(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
                except OSError:
                    continue  # a file that vanishes or cannot be seen is found missing where a row names it

    def _allowed(self, entry: os.DirEntry, path: str) -> bool:
        target = Path(os.path.realpath(entry.path))
        allowed = any(target.is_relative_to(root) for root in self.roots)
        if not allowed:
            self.refused[path] = target
        return allowed

    def match(self, patterns: tuple[str, ...], depth: int = 2) -> list[str]:
        """Files at most `depth` parts below the folder whose names fit one of the patterns, the uppermost first.

        Case does not matter, and `.gz` may follow a name. Hidden files are none of them, such as those that macOS leaves.
        """
        wanted = "|".join(
            fnmatch.translate(name.lower()) for pattern in patterns for name in (pattern, f"{pattern}.gz")
        )
        fits = re.compile(wanted).match
        if depth not in self._shallow:
            self._shallow[depth] = [path for path in self.files if _depth(path) < depth]
        fitting = [path for path in self._shallow[depth] if fits(path.rpartition("/")[2].lower())]
        shown = [path for path in fitting if not path.rpartition("/")[2].startswith(".")]
        return sorted(shown, key=lambda path: (_depth(path), path))

    def under(self, path: str, tail: int) -> list[str]:
        """Files in the folder that a table names, such as a study, wherever the set was unpacked; `tail` as in `locate`.

        Raises:
          ImageError: where more than one folder may be meant.
        """
        parts = plain(path).strip("/").split("/")
        tail = min(tail, len(parts))
        if tail not in self._folders:
            index: dict[str, dict[str, list[str]]] = {}
            for name in self.files:
                folder = name.rpartition("/")[0]
                index.setdefault(_end(folder.split("/"), tail), {}).setdefault(folder, []).append(name)
            self._folders[tail] = index
        folders = self._folders[tail].get(_end(parts, tail))
        return folders[_only(list(folders), "/".join(parts))] if folders else []

    def locate(self, path: str, tail: int = 0) -> File:
        """The file that a row means.

        It is the file of that very path. Where there is none, it is the file that remains of the path without its first folders,
        or the only file whose path ends so. With `tail` above 0, the last `tail` parts of a path are known to tell images apart,
        so that a file which agrees in them will do wherever it was unpacked. Case, the form of accented letters and the file's
        suffix may differ.

        Raises:
          ImageError: where there is no such file, or more than one.
        """
        path = plain(path)
        if place := arrays.place_of(path):
            file = self.locate(place.file, tail)
            return file._replace(path=str(place._replace(file=file.path)))
        rest = path
        for _ in range(_removable(path, tail)):
            if rest in self.files:
                return self.files[rest]
            rest = rest.partition("/")[2]
        parts = path.split("/")
        for candidates in self._candidates(parts, tail):
            if candidates:
                return self.files[_only(candidates, path)]
        raise ImageError(self._missing(path))

    def meant(self, path: str, tail: int = 0) -> str:
        """The path of the file that a row means, or the row's own path where there is none; by it two tables' rows correspond."""
        try:
            return self.locate(path, tail).path
        except ImageError:
            return plain(path)

    def _candidates(self, parts: list[str], tail: int) -> Iterator[list[str]]:
        """Files that a path may mean, by one rule after the other: a part of its end is the file's whole path, it is the end of the
        file's path, or both agree in the last `tail` parts."""
        depth = min(len(parts), max(tail, DEPTH))
        whole = _key(parts, 0)
        ending = self._ending(parts, depth)
        keys = {name: _key(name.split("/"), 0) for name in ending}
        yield [name for name, key in keys.items() if f"/{whole}".endswith(f"/{key}")]
        for fewer in range(depth - 1, max(tail, 1) - 1, -1):  # files less deep, whose whole path it is
            yield [name for name in self._by_tail(depth).get(_key(parts, fewer), ()) if name.count("/") < fewer]
        yield [name for name, key in keys.items() if f"/{key}".endswith(f"/{whole}")]
        if 0 < tail < len(parts):
            yield self._ending(parts, tail)

    def _ending(self, parts: list[str], depth: int) -> list[str]:
        """Files that agree with a path in the last `depth` parts.

        Raises:
          ImageError: where they are too many to be told apart.
        """
        names = self._by_tail(depth).get(_key(parts, depth), [])
        if len(names) > MOST:
            raise ImageError(f"{len(names)} files may be meant ({names[0]}, ...); give more of the path in the table")
        return names

    def _by_tail(self, depth: int) -> dict[str, list[str]]:
        """Files by the last `depth` parts of their paths, or by all where there are fewer."""
        if depth not in self._tails:
            index: dict[str, list[str]] = {}
            for path in self.files:
                index.setdefault(_key(path.rsplit("/", depth)[-depth:], 0), []).append(path)
            self._tails[depth] = index
        return self._tails[depth]

    def _missing(self, path: str) -> str:
        """Why a path means no file: a link on its way that leaves the roots, or a folder behind such a link that was not looked into."""
        parts = path.split("/")
        on_the_way = (
            "/".join(parts[first:last]) for first in range(len(parts)) for last in range(first + 1, len(parts) + 1)
        )
        link = next((place for place in on_the_way if place in self.refused), "") if self.refused else ""
        place, beginning = (link, "") if link else (self._refused_folder, "no such file; ")
        if not place:
            return "no such file"
        return (
            f"{beginning}{place} is a symbolic link that leaves raw_dir, to {self.refused[place]}; "
            f"--allowed_roots={self._needed_roots} (the field data.allowed_roots) allows it"
        )

    @functools.cached_property
    def _refused_folder(self) -> str:
        return next((link for link, target in self.refused.items() if target.is_dir()), "")

    @functools.cached_property
    def _needed_roots(self) -> str:
        """The folders that would allow every link: one that holds all targets, if it is no more than a disk's uppermost folders."""
        roots = sorted({target if target.is_dir() else target.parent for target in self.refused.values()})
        common = Path(os.path.commonpath(roots))
        return str(common) if len(common.parts) > 2 else ",".join(map(str, roots[:5]))


def _removable(path: str, tail: int) -> int:
    """One more than the number of first folders without which a path still tells one image from another."""
    return max(1, path.count("/") + 2 - max(1, tail))


def _depth(path: str) -> int:
    """How many folders a file lies below the root; an archive is none."""
    return path.count("/") - path.lower().count(".zip/")


def _listed(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from None


def _end(parts: list[str], tail: int) -> str:
    """The last `tail` parts of a path, all of them for 0, in a form in which neither case nor the coding of accents counts."""
    end = "/".join(parts[-tail:])
    return (end if end.isascii() else unicodedata.normalize("NFC", end)).lower()


def _key(parts: list[str], tail: int) -> str:
    """The last parts of a path as `_end` has them, without the file's suffix."""
    end = _end(parts, tail)
    stem, dot, suffix = end.rpartition(".")
    return stem if dot and suffix.isalnum() and len(suffix) <= 5 and not suffix.isdigit() else end


def _only(candidates: list[str], path: str) -> str:
    """The candidate that agrees with the longest end of a path, its suffix included.

    Raises:
      ImageError: where that leaves more than one.
    """
    if len(candidates) == 1:
        return candidates[0]
    agreement = {name: _common_end(name, path) for name in candidates}
    best = [name for name in candidates if agreement[name] == max(agreement.values())]
    if len(best) > 1:
        raise ImageError(f"{len(best)} files may be meant ({best[0]}, {best[1]}); remove the others")
    return best[0]


def _common_end(name: str, path: str) -> tuple[int, bool]:
    """How many last parts two paths share, and whether even the suffix agrees."""
    ours, theirs = (_end(text.split("/"), 0).split("/") for text in (name, path))
    exact = ours[-1] == theirs[-1]
    ours[-1], theirs[-1] = (part.rpartition(".")[0] or part for part in (ours[-1], theirs[-1]))
    shared = 0
    for one, other in zip(reversed(ours), reversed(theirs), strict=False):
        if one != other:
            break
        shared += 1
    return shared, exact
