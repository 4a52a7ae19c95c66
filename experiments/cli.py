"""The command line of every experiment: one table of flags, and the list of commands.

Every command is `parser()` and a function of its flags, and ends in `main` (`dirvae.config.command_line`, where errors and exit
codes are described). A flag means the same wherever it occurs:

| flag | meaning |
|---|---|
| --workdir | folder of a run; of a study or a grid where the command trains many |
| --out | what is written: a file where the command writes one, a folder where it writes several |
| --raw_dir, --data_dir | raw images and their tables; prepared data sets and compiled programs |
| --preset, --prior, --dataset | presets of the configuration, latent families, data sources, each by its registered name |
| --split | a split of a data set, such as validation or test |
| --labels | comma-separated findings; --label one finding |
| --image | one image file |
| --images | a number of images; the command's help says which ones |
| --cases | a number of images for each outcome (true positive, false positive, false negative) of a finding |
| --seed, --seeds | whole numbers from 0 to 2^32 - 1 |
| --replicates | bootstrap replicates |
| --list, --index, --report | of commands that train a list of runs: print it, train one of it, report what is finished |
| --config.FIELD=VALUE | any field of the configuration |

Older spellings of published commands (--output for --out) are still read and not shown.
"""

from pathlib import Path
from typing import Any

from dirvae.config import ConfigError, override, validate
from dirvae.config import command_line as shared
from dirvae.config.command_line import CONSOLE, Parser, main, names, one_of, positive, seed, seeds, whole
from dirvae.studies.plan import Runs

__all__ = [
    "COMMANDS",
    "CONSOLE",
    "FLAGS",
    "RESUMES",
    "add_run_list",
    "main",
    "names",
    "one_of",
    "parser",
    "positive",
    "seed",
    "seeds",
    "settled",
    "whole",
]

COMMANDS = (
    "run",
    "report",
    "evaluate",
    "explain",
    "explorer",
    "compare_explanations",
    "removals",
    "study",
    "shortcuts",
    "cross_validate",
    "mnist",
    "benchmark",
    "cost",
    "figures.paths",
    "benchmarks.large_set",
)
RESUMES = "finished phases and checkpoints are kept, and the same command goes on from there"
"""What an interrupted training says."""
FLAGS: dict[str, dict[str, Any]] = shared.FLAGS | {
    "--workdir": {"type": Path, "help": "folder of a run"},
    "--preset": {"help": "named configuration to start from"},
    "--split": {"default": "test", "help": "split of the run's data set"},
    "--labels": {"type": names, "default": (), "help": "comma-separated findings"},
    "--label": {"help": "one finding"},
    "--image": {"type": Path, "help": "an image file: PNG, JPEG, TIFF or DICOM"},
    "--images": {"type": whole(1), "help": "number of images"},
    "--cases": {"type": whole(1), "help": "images for each outcome of a finding"},
    "--replicates": {"type": whole(0), "help": "bootstrap replicates of patients"},
    "--seed": {"type": seed, "help": "seed of every random choice"},
    "--seeds": {"type": seeds, "default": (), "help": "comma-separated seeds, instead of the usual ones"},
}
"""Flags of one meaning, with the type and help they have unless a command says more."""


def parser(command: str, doc: str, config: bool = False) -> Parser:
    """The parser of `python -m experiments.COMMAND`, with --config.FIELD=VALUE where `config` is true."""
    return Parser(f"experiments.{command}", doc, "--config." if config else "", FLAGS)


def add_run_list(flags: Parser) -> None:
    """Flags of a command that trains a list of runs: --data_dir, --seeds, and one of --list, --index and --report."""
    flags.shared("--data_dir")
    flags.shared("--seeds")
    chosen = flags.add_mutually_exclusive_group()
    chosen.add_argument(
        "--list", action="store_true", help="print index, folder and state of every run, and train nothing"
    )
    chosen.add_argument("--index", type=whole(0), help="train only this run of the list")
    chosen.add_argument("--report", action="store_true", help="train nothing; report what is finished")
    flags.epilog = "--config.FIELD=VALUE changes a field of every run, as in experiments.run."


def settled(runs: Runs, fields: dict[str, str], index: int | None) -> Runs:
    """The runs of a list, with the fields changed that the command line names.

    Raises:
      ConfigError: for a field or value that does not fit, or an index beyond the list.
    """
    changed = [run._replace(config=validate(override(run.config, fields))) for run in runs]
    if index is not None and index >= len(changed):
        raise ConfigError(f"--index={index}, but there are {len(changed)} runs, from 0 on")
    return changed
