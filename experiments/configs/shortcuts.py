"""Shortcut detection: do explanations separate classifiers that use a confounder from those that do not?

Endpoints: AUROC of the footprint share for a true reliance above .25 sd of the logit, at least .9 for each kind and pooled; false
alarms at most .1 of null models. The six kinds are local, a treatment, the border, or the whole image.

    python -m experiments.shortcuts                            # 48 runs of about two minutes on two CPU cores
"""

from typing import Any

from dirvae.config import Config, override, validate
from dirvae.studies.plan import PlannedRun

KINDS = ("token", "tube", "drain", "collimation", "scanner_gamma", "scanner_blur")
STRENGTHS = (0.4, 0.9)
SEEDS = (0, 1, 2)
NULL_SEEDS = (0, 1, 2, 3, 4, 5)
MINUTES = 2.0  # of a run on two CPU cores
COMMON: dict[str, Any] = {
    "phantom": "shortcut",
    "phantom_test": 500,
    "steps": 600,
    "checkpoint_every": 300,
    "cases": 0,
    "replicates": 0,
    "bound_images": 0,
}


def runs(seeds: tuple[int, ...] = SEEDS) -> list[PlannedRun]:
    """Every run, the null models first, since nothing can be read without them."""
    grid = [("token", 0.0, seed) for seed in NULL_SEEDS] + [("drain", 0.0, seed) for seed in NULL_SEEDS]
    grid += [(kind, rho, seed) for seed in seeds for kind in KINDS for rho in STRENGTHS]
    return [planned(COMMON, kind, rho, seed) for kind, rho, seed in grid]


def planned(common: dict[str, Any], kind: str, rho: float, seed: int) -> PlannedRun:
    """One model of the grid, trained on a confounder of this kind and strength."""
    config = validate(override(Config(), common | {"confounder": kind, "rho": rho, "seed": seed}))
    return PlannedRun(f"{kind}-{rho:g}-{seed}", f"{kind}-{rho:g}", seed, config)
