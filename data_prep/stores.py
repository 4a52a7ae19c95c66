"""Object stores and archives: raw files at an address such as s3://bucket/folder or in a zip archive, and data sets kept at an address.

Addresses are those of fsspec: gs:// and s3:// with their packages (the extra `cloud`), memory://, and others that it knows. A data
set is built on this machine and uploaded file by file, its manifest last; it is read from a copy on this machine. Members of a zip
archive are named as if the archive were a folder, as in `images.zip/images/0001.png`.
"""

import contextlib
import datetime
import functools
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.core import url_to_fs

from data_prep import arrays
from data_prep.source import RawFile, SourceError
from dirvae.config.places import url_of

MEMBER = re.compile(r"(?P<archive>.+?\.zip)/(?P<member>.+)", re.IGNORECASE)
WHOLE = 1 << 26  # bytes of an archive's member up to which it is read at once, so that damage is found
BUCKETS = ("s3", "gs", "gcs", "az", "abfs")
VERSIONS = ("ETag", "etag", "md5Hash", "generation", "crc32c", "version_id", "content_md5")
TIMES = ("mtime", "LastModified", "updated", "last_modified", "created")


class Remote:
    """A folder or file at an address, with as much of `pathlib.Path` as the readers of raw files need."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __truediv__(self, path: str) -> "Remote":
        return Remote(f"{self.url}/{path}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    def _system(self) -> tuple[Any, str]:
        return url_to_fs(self.url)

    def is_dir(self) -> bool:
        with told(self.url):
            system, path = self._system()
            return system.isdir(path)

    def is_file(self) -> bool:
        with told(self.url):
            system, path = self._system()
            return system.isfile(path)

    def open(self, mode: str = "rb") -> BinaryIO:
        system, path = self._system()
        return _errors(functools.partial(system.open, path, mode))

    def read_bytes(self) -> bytes:
        with self.open() as file:
            return file.read()

    def state(self) -> RawFile:
        """The object's present size, time and version."""
        system, path = self._system()
        return _file("", _errors(functools.partial(system.info, path)))

    def walk(self) -> Iterator[RawFile]:
        """Every object below the address."""
        with told(self.url):
            system, path = self._system()
            found = system.find(path, detail=True)
        for name, info in sorted(found.items()):
            yield _file(name[len(path.rstrip("/")) + 1 :], info)


def _errors(read: Any) -> Any:
    """What a function returns; whatever a store's client raises becomes an OSError."""
    try:
        return read()
    except OSError:
        raise
    except Exception as error:  # every store has exceptions of its own
        raise OSError(_brief(error)) from None


def _brief(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _file(path: str, info: dict[str, Any]) -> RawFile:
    """A raw file of an entry of a listing; its version in the store stands in the place of the ctime."""
    time = next((info[name] for name in TIMES if info.get(name)), "")
    version = next((str(info[name]) for name in VERSIONS if info.get(name)), "")
    stamp = _nanoseconds(time)
    return RawFile(path, int(info.get("size") or 0), stamp, _number(version) if version else stamp)


def _nanoseconds(time: Any) -> int:
    """A store's time, which may be a number of seconds, a `datetime` or ISO text, in nanoseconds to the microsecond."""
    if isinstance(time, str):
        try:
            time = datetime.datetime.fromisoformat(time)
        except ValueError:
            return _number(time)
    seconds = time.timestamp() if isinstance(time, datetime.datetime) else float(time)
    return round(seconds * 1e6) * 1000


def _number(text: str) -> int:
    """A number of 63 bits that differs where texts do."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1 if text else 0


@contextlib.contextmanager
def told(url: str) -> Iterator[None]:
    """Whatever a store's client raises becomes a SourceError of one sentence."""
    try:
        yield
    except SourceError:
        raise
    except ImportError as error:
        raise SourceError(
            f"{url} needs a package that is not installed ({error}); pip install 'dirvae[cloud]'"
        ) from None
    except FileNotFoundError:
        raise SourceError(f"{url} does not exist; check the address") from None
    except Exception as error:  # every store has exceptions of its own
        raise SourceError(f"{url} cannot be used ({_brief(error)}); check the address and your rights there") from None


def root_of(raw_dir: Path) -> Any:
    """The folder of raw files: a resolved path, or a `Remote`. The root of a zip archive is the folder that it lies in."""
    url = url_of(raw_dir)
    if not url:
        whole = Path(raw_dir).resolve()
        return whole.parent if is_archive(whole) else whole
    return Remote(url.rpartition("/")[0] if url.lower().endswith(".zip") else url)


def is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def open_file(root: Any, path: str) -> BinaryIO:
    """A raw file below a root, opened: a file or object, the row of an array, or the member of an archive.

    Raises:
      OSError: where it cannot be opened.
    """
    match = _member(root, path)
    if not match:
        return arrays.open_file(root, path)
    place = root / match["archive"]
    try:
        archive = _archive(place if isinstance(place, Path) else str(place), state_of(root, path))
        if archive.getinfo(match["member"]).file_size > WHOLE:
            return archive.open(match["member"])
        return io.BytesIO(archive.read(match["member"]))
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError) as error:
        raise OSError(f"{match['archive']} has no readable {match['member']} ({error})") from None


def _member(root: Any, path: str) -> re.Match[str] | None:
    """The archive and the member that a path names; None for another file, such as one in a folder that is called x.zip."""
    match = MEMBER.fullmatch(path)
    return None if match and isinstance(root, Path) and (root / match["archive"]).is_dir() else match


@functools.lru_cache(maxsize=32)
def _archive(place: Path | str, state: tuple[int, int]) -> zipfile.ZipFile:
    """An archive of a state, which stays open for the members that follow."""
    return zipfile.ZipFile(place if isinstance(place, Path) else Remote(place).open())


def members(root: Any, archive: RawFile) -> Iterator[RawFile]:
    """The files in an archive, with its times: it is read whole or not at all.

    Raises:
      SourceError: for an archive that cannot be read.
    """
    try:
        with (root / archive.path).open("rb") as file, zipfile.ZipFile(file) as whole:
            listed = whole.infolist()
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceError(f"{root / archive.path} is no readable zip archive ({error}); download it again") from None
    for member in listed:
        if not member.is_dir() and not member.filename.startswith("__MACOSX/"):
            yield RawFile(f"{archive.path}/{member.filename}", member.file_size, archive.mtime_ns, archive.ctime_ns)


def state_of(root: Any, path: str) -> tuple[int, int]:
    """The present mtime and ctime, or a store's time and version, of the file that holds a raw file."""
    match = _member(root, path)
    place = root / (match["archive"] if match else arrays.file_of(path))
    if isinstance(place, Remote):
        return place.state()[2:4]
    stat = place.stat()
    return stat.st_mtime_ns, stat.st_ctime_ns


def upload(folder: Path, url: str, last: str) -> None:
    """Copies a folder's files to an address, whole files, the one named `last` at the end.

    Raises:
      SourceError: where one cannot be written.
    """
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda path: (path.name == last, str(path))
    )
    with told(url):
        system, root = url_to_fs(url)
        for path in files:
            target = f"{root}/{path.relative_to(folder).as_posix()}"
            if not system.exists(target) or system.size(target) != path.stat().st_size or path.name == last:
                _make_parent(system, target)
                system.put_file(str(path), target)


def _make_parent(system: Any, target: str) -> None:
    """Makes the folder of a file; object stores have none, and theirs would make a bucket instead of saying that there is none."""
    if "file" in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)):
        system.makedirs(target.rpartition("/")[0], exist_ok=True)


def download(url: str, folder: Path, last: str, only: tuple[str, ...] = ()) -> bool:
    """Copies the files of a data set at an address, the one named `last` at the end; false where there is no such file.

    Raises:
      SourceError: where the address cannot be read.
    """
    with told(url):
        system, root = url_to_fs(url)
        if not system.exists(f"{root}/{last}"):
            return False
        sizes = {name: info["size"] for name, info in system.find(root, detail=True).items()}
        for name in sorted(sizes, key=lambda name: (name.rpartition("/")[2] == last, name)):
            path = name[len(root.rstrip("/")) + 1 :]
            place = folder / path
            if (only and path not in only) or (place.exists() and place.stat().st_size == sizes[name] and path != last):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f".partial-{place.name}")
            system.get_file(name, str(partial))
            partial.replace(place)
    return True


def names(url: str, prefix: str) -> list[str]:
    """Names of the data sets at an address that begin with a prefix.

    Raises:
      SourceError: where the address cannot be read.
    """
    with told(url):
        system, root = url_to_fs(url)
        if not system.exists(root):
            bucket = root.partition("/")[0]
            if bucket and url.partition("://")[0] in BUCKETS and not system.exists(bucket):
                raise SourceError(f"{url}: there is no bucket {bucket}, or you have no right to see it")
            return []
        found = [name.rstrip("/").rpartition("/")[2] for name in system.ls(root, detail=False)]
        return sorted(name for name in found if name.startswith(prefix))


def fetch(address: str, place: Path) -> None:
    """Copies an object to a file, where it is there.

    Raises:
      SourceError: where the address cannot be read.
    """
    with told(address):
        system, path = url_to_fs(address)
        if system.exists(path):
            place.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(path, str(place))


def put(address: str, content: bytes) -> None:
    """Writes an object.

    Raises:
      SourceError: where it cannot be written.
    """
    with told(address):
        system, path = url_to_fs(address)
        _make_parent(system, path)
        system.pipe_file(path, content)


def get(place: str) -> bytes:
    """The content of a file or an object.

    Raises:
      SourceError: where it cannot be read.
    """
    with told(place):
        system, path = url_to_fs(place)
        return system.cat_file(path)


def remove(address: str, folders: tuple[str, ...]) -> None:
    """Deletes folders at an address, as far as they are there.

    Raises:
      SourceError: where they cannot be deleted.
    """
    with told(address):
        system, path = url_to_fs(address)
        for folder in folders:
            if system.exists(f"{path}/{folder}"):
                system.rm(f"{path}/{folder}", recursive=True)
