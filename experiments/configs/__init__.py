"""Presets, each a lab note that runs, and how flags become a config."""

import importlib
import re
from pathlib import Path

from dirvae.config import Config, ConfigError
from dirvae.config import fields as schema

PRESETS = ("smoke", "default", "plain", "paper", "xrays")


def preset(name: str) -> Config:
    return importlib.import_module(f"experiments.configs.{name}").config()


def phases(text: str, known: tuple[str, ...], flag: str = "--phases") -> tuple[str, ...]:
    """The comma-separated names of a flag, in their natural order.

    Raises:
      ConfigError: for a name that is not known, or none.
    """
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    strange = [name for name in wanted if name not in known]
    if strange or not wanted:
        raise ConfigError(f"{flag}={text}: {strange[0] if strange else 'nothing'} is not one of {', '.join(known)}")
    return tuple(name for name in known if name in wanted)


def describe() -> str:
    """Every field with its default and the comment that stands beside it in dirvae/config/fields.py."""
    comments = {}
    for line in Path(schema.__file__).read_text().splitlines():
        match = re.match(r"    (\w+): .+?  # (.+)$", line)
        if match:
            comments.setdefault(match[1], match[2])
    values = schema.paths(Config())
    return "\n".join(
        f"  {path} = {value!r}  {comments.get(path.rpartition('.')[2], '')}" for path, value in values.items()
    )
