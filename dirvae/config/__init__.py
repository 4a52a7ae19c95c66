"""The typed, closed configuration of a run: `fields` with their meaning, `parsing` that sets them, `checks` that refuse.

Importing this package imports no numerical library, so that `--help` answers at once.
"""

from dirvae.config.checks import validate, validate_data
from dirvae.config.fields import (
    Config,
    ConfigError,
    DataConfig,
    EvaluateConfig,
    ExplainConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    differences,
    paths,
)
from dirvae.config.parsing import assignments, from_json, override, to_json

__all__ = [
    "Config",
    "ConfigError",
    "DataConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "TrainConfig",
    "assignments",
    "differences",
    "from_json",
    "override",
    "paths",
    "to_json",
    "validate",
    "validate_data",
]
