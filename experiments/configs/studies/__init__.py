"""Studies: lab notes that run. Each states its question and endpoints before any run, and is an indexed list of runs."""

import importlib
from typing import Any, NamedTuple

from dirvae.config import Config, override, validate

STUDIES = ("quick", "full", "audit", "xrays")


class Study(NamedTuple):
    """Arms are settings on top of the preset and of `common`; every arm is trained from every seed."""

    name: str
    question: str
    arms: dict[str, dict[str, Any]]
    seeds: tuple[int, ...]
    common: dict[str, Any]
    contrast: tuple[str, str]  # the two arms that the endpoints compare, first less second
    margin: float  # of "no loss of accuracy", macro AUROC
    minutes: float  # expected of a run on two CPU cores
    contrasts: tuple[tuple[str, str], ...] = ()  # further pairs of arms, each set beside `contrast` in "The audit"


def load(name: str) -> Study:
    return importlib.import_module(f"experiments.configs.studies.{name}").study()


def runs(study: Study) -> list[tuple[str, Config]]:
    """(folder, config) of every run, all arms of a seed before the next seed, so that an unfinished study is balanced."""
    return [
        (f"{arm}-{seed}", validate(override(Config(), study.common | settings | {"seed": seed})))
        for seed in study.seeds
        for arm, settings in study.arms.items()
    ]
