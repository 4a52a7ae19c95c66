"""The fields of a configuration as text: default, meaning, unit and choices, from the fields' own metadata."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from dirvae.config.fields import Config


def describe(config: Config) -> str:
    """One line a field, with the value that it has in `config`, such as a preset."""
    return "\n".join(f"  {path} = {_text(value)}  {explanation(field)}" for path, value, field in leaves(config))


def leaves(config: Any, section: str = "") -> Iterator[tuple[str, Any, dataclasses.Field]]:
    """Every field of a configuration, in the order of declaration, as (path, value, field)."""
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{section}{field.name}"
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value, field


def explanation(field: dataclasses.Field) -> str:
    """The meaning of a field, then its unit and its choices where it has any."""
    meaning, unit, choices = (field.metadata[name] for name in ("meaning", "unit", "choices"))
    text = f"{meaning} ({unit})" if unit else meaning
    return f"{text}; one of {', '.join(choices)}" if choices else text


def _text(value: Any) -> str:
    """A value as a flag takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or "none"
