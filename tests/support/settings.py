"""Configurations for tests: the plain preset, one simplex and a linear head, with changed fields."""

from dirvae.config import Config, ModelConfig, override
from experiments.configs import plain as preset


def plain(fields=None, /, **more) -> Config:
    """The plain preset with these fields."""
    return override(preset.config(), (fields or {}) | more)


def plain_model(fields=None, /, **more) -> ModelConfig:
    """The plain preset's model with these fields."""
    return override(preset.config().model, (fields or {}) | more)
