"""Presets, each a lab note that runs, and how flags become a config."""

import importlib
from collections.abc import Mapping
from typing import Any

from dirvae.config import Config, ConfigError, ModelConfig, differences, override, validate
from dirvae.config.help import describe as described

PRESETS = ("smoke", "default", "plain", "paper", "xrays")


def preset(name: str) -> Config:
    """The configuration of a preset."""
    return importlib.import_module(f"experiments.configs.{name}").config()


def resolve(name: str, prior: str | None = None, fields: Mapping[str, Any] | None = None) -> Config:
    """A preset with another prior, if one is given, and then with other fields, by path or bare name.

    The other prior keeps the preset's count of free numbers, as a fair comparison asks: a simplex of K components has K - 1. A
    value for `latents`, or for `local_latents`, is taken as it is. A family without a density has no KL, so that the preset's
    target of it is dropped.

    Raises:
      ConfigError: for a field or a value that cannot be.
    """
    config, fields = preset(name), dict(fields or {})
    prior = fields.pop("prior", fields.pop("model.prior", prior))
    if prior is not None:
        config = override(config, {"prior": prior} | twin(config.model, prior))
        config = override(config, {name: 0.0 for name in dropped(config)})
    return validate(override(config, fields))


def dropped(config: Config) -> tuple[str, ...]:
    """The fields of a preset that mean nothing for its prior: the target of a KL, where the family has no density."""
    return ("loss.target_kl",) if config.loss.target_kl and not config.model.family.density else ()


def twin(model: ModelConfig, prior: str) -> dict[str, int]:
    """The sizes with which a model of another prior has as many free numbers."""
    change = int(override(model, {"prior": prior}).family.simplex) - int(model.family.simplex)
    sizes = {"latents": model.latents + change}
    if model.structure == "hierarchical":
        sizes["local_latents"] = model.local_latents + change
    return sizes if change else {}


def origin(name: str, config: Config) -> dict[str, Any]:
    """Returns what data.json holds of a run's preset: its name and the fields that differ from it; nothing where there is no preset."""
    if not name:
        return {}
    departures = {path: ours for path, (ours, _) in differences(config, preset(name)).items()}
    return {"preset": {"name": name, "departures": departures}}


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


def describe(name: str = "default") -> str:
    """Every field with its value in a preset, its meaning, unit and choices."""
    return described(preset(name))
