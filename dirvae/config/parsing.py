"""Setting fields by name, from flags, text or JSON."""

import dataclasses
import difflib
import json
import typing
from dataclasses import replace
from typing import Any

from dirvae.config import old_names
from dirvae.config.fields import Config, ConfigError, paths


def assignments(arguments: list[str], prefix: str) -> dict[str, str]:
    """PREFIXname=value, or PREFIXname value, as {name: value}.

    Raises:
      ConfigError: for anything else.
    """
    values: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, given, value = argument.removeprefix(prefix).partition("=")
        if not argument.startswith(prefix) or not name.replace(".", "").isidentifier():
            raise ConfigError(f"{argument!r} is not a flag; --help lists them all")
        following = None if given else next(rest, None)
        if not given and following is None:
            raise ConfigError(f"{argument} needs a value, as in {argument}=1")
        values[name] = value if given else following
    return values


def override(config: Any, values: dict[str, Any]) -> Any:
    """A copy of a config, or of one of its sections, with fields set by path or bare name; text is parsed by type.

    Raises:
      ConfigError: for an unknown field (with the nearest one) or a value that the field's type does not take.
    """
    known = paths(config)
    bare = {path.rpartition(".")[2]: path for path in known}
    for name, value in values.items():
        path = name if name in known else bare.get(name)
        if path is None:
            candidates = [*known, *bare]
            near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.0)[0]
            raise ConfigError(f"no field {name!r} in the config; did you mean {bare.get(near, near)!r}?")
        section, _, leaf = path.rpartition(".")
        owner = getattr(config, section) if section else config
        (field,) = (field for field in dataclasses.fields(owner) if field.name == leaf)
        parsed = _parse(path, typing.get_type_hints(type(owner))[leaf], value)
        _check_choice(path, parsed, tuple(field.metadata["choices"]))
        owner = replace(owner, **{leaf: parsed})
        config = replace(config, **{section: owner}) if section else owner
    return config


def _check_choice(path: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raises ConfigError, with the nearest choice, where there are choices and the value is none of them."""
    if choices and value not in choices:
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.0)[0]
        raise ConfigError(f"{path}={value!r} is not one of {', '.join(choices)}; did you mean {near!r}?")


def _parse(path: str, kind: Any, value: Any) -> Any:
    """`value`, or the text of it, as the field's type."""
    text = str(value).strip()
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        parts = text.strip("()[]").split(",") if isinstance(value, str) else value
        return tuple(_parse(path, item, str(part).strip(" '\"")) for part in parts if str(part).strip(" '\""))
    if kind is bool:
        truth = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in truth:
            raise ConfigError(f"{path}={text!r} is not true or false")
        return truth[text.lower()]
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"{path}={text!r} is not of type {kind.__name__}") from None


def to_json(config: Config) -> str:
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(text: str) -> Config:
    """The inverse of `to_json`, which also reads what earlier versions wrote (`dirvae.config.old_names`).

    Fields that the file lacks keep their defaults, those of the time in a file of an earlier version.

    Raises:
      ConfigError: for a field that this version does not know or can no longer reproduce.
    """
    raw = json.loads(text)
    flat: dict[str, Any] = {}
    for name, value in raw.items():
        flat |= {f"{name}.{leaf}": item for leaf, item in value.items()} if isinstance(value, dict) else {name: value}
    return override(Config(), old_names.translated(flat))
