"""Folders that a command line names: paths of this machine, and addresses of object stores such as s3://bucket/folder.

What lies in a store is worked on in a copy on this machine. A `Place` is the path of that copy, so that all code that takes a path
takes it too; code that knows of stores (`data_prep.stores`) reads its `url`. Copies are below DIRVAE_CACHE, by default
~/.cache/dirvae.
"""

import os
import re
from pathlib import Path

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Place(type(Path())):  # type: ignore[misc]
    """The path of the local copy of what lies at `url`."""

    url = ""

    def __reduce__(self) -> tuple:
        return (place, (self.url,)) if self.url else (Path, (os.fspath(self),))


def place(text: str) -> Path:
    """The type of a flag that names a folder, or several separated by commas: a path, or a `Place` where one is an address."""
    if not SCHEME.search(text):
        return Path(text)
    scheme, _, rest = text.partition("://")
    cache = Path(os.environ.get("DIRVAE_CACHE") or Path.home() / ".cache" / "dirvae")
    made = Place(cache / scheme / rest.strip("/"))
    made.url = text.rstrip("/")
    return made


def url_of(path: object) -> str:
    """The address that a path stands for; nothing for a path of this machine."""
    return getattr(path, "url", "")


def shown(path: Path) -> str:
    """A path or the address that it stands for, as a user wrote it."""
    return url_of(path) or str(path)
