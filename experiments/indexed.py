"""Flags of the commands that work through an indexed list of runs, and what they say of it."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dirvae.config import Config, ConfigError, assignments, override, validate

Runs = Sequence[tuple[str, Config]]
"""(folder, config) of each."""


def add_flags(flags: argparse.ArgumentParser) -> None:
    """--data_dir, --seeds and either of --list, --index and --report."""
    flags.add_argument("--data_dir", type=Path, default=Path("data"))
    flags.add_argument("--seeds", default="", help="comma-separated, instead of the usual ones")
    chosen = flags.add_mutually_exclusive_group()
    chosen.add_argument("--list", action="store_true")
    chosen.add_argument("--index", type=int, help="train only this run of the list")
    chosen.add_argument("--report", action="store_true", help="train nothing")
    flags.epilog = "--config.FIELD=VALUE changes a field of every run, as in experiments.run."


def seeds(text: str, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Those of --seeds.

    Raises:
      ConfigError: for what is no list of whole numbers.
    """
    if text and not all(seed.strip().isdigit() for seed in text.split(",")):
        raise ConfigError(f"--seeds={text} is not a list of whole numbers, such as 0,1,2")
    return tuple(dict.fromkeys(map(int, text.split(",")))) if text else usual


def settled(runs: Runs, leftover: list[str], index: int | None) -> Runs:
    """The whole list, with the fields changed that the command line names.

    Raises:
      ConfigError: for a field or value that does not fit, or an index beyond the list.
    """
    changed = assignments(leftover, prefix="--config.")
    found = [(name, validate(override(config, changed))) for name, config in runs]
    if index is not None and not 0 <= index < len(found):
        raise ConfigError(f"--index={index}, but there are {len(found)} runs, from 0 on")
    return found
