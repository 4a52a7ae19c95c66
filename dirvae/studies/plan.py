"""A study as an indexed list of runs: its arms and seeds, and the folder of each run. Importing this brings no JAX."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dirvae.config import Config, override, validate


class Study(NamedTuple):
    """The question, and what is trained to answer it: every arm from every seed.

    An arm's settings stand on top of the default config and of `common`. Arms are named by their titles.
    """

    name: str
    question: str
    arms: dict[str, dict[str, Any]]
    seeds: tuple[int, ...]
    common: dict[str, Any]
    contrast: tuple[str, str]  # the two arms that the endpoints compare, first less second
    margin: float  # of "no loss of accuracy", macro AUROC
    minutes: float  # expected of a run on two CPU cores
    contrasts: tuple[tuple[str, str], ...] = ()  # further pairs of arms, each set beside `contrast` as a flaw's effect


class PlannedRun(NamedTuple):
    """One run of a list: its folder below the list's directory, the arm that it belongs to, its seed and whole config."""

    folder: str
    arm: str
    seed: int
    config: Config


Runs = Sequence[PlannedRun]


def slug(title: str) -> str:
    """A title as part of a file's name.

    >>> slug("DirVAE, shuffled labels")
    'dirvae_shuffled_labels'
    """
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def folder(arm: str, seed: int) -> str:
    """The folder of an arm's run, without spaces or commas."""
    return f"{slug(arm)}-{seed}"


def runs(study: Study) -> list[PlannedRun]:
    """Every run, all arms of a seed before the next seed, so that an unfinished study is balanced.

    Raises:
      ConfigError: for settings that do not fit.
    """
    return [
        PlannedRun(folder(arm, seed), arm, seed, validate(override(Config(), study.common | settings | {"seed": seed})))
        for seed in study.seeds
        for arm, settings in study.arms.items()
    ]


def place(directory: Path, run: PlannedRun) -> Path:
    """The folder of a run: where only `ARM-SEED` with the arm's title exists, as version 0.1.0 named folders, that one."""
    own, former = Path(directory) / run.folder, Path(directory) / f"{run.arm}-{run.seed}"
    return former if former.exists() and not own.exists() else own
