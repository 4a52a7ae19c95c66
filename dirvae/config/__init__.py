"""The typed, closed configuration of a run.

| module | what it holds |
|---|---|
| fields | every field with default, meaning, unit and choices |
| parsing | fields set by name, from flags, text or JSON |
| checks | what is refused, and why |
| help | the fields as text |
| old_names | fields of runs that earlier versions wrote |
| places | folders of this machine, and addresses of object stores |
| command_line | what commands share: flags, errors, exit codes |

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
    decisive_differences,
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
    "decisive_differences",
    "differences",
    "from_json",
    "override",
    "paths",
    "to_json",
    "validate",
    "validate_data",
]
