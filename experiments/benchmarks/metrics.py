"""Part 5: seconds that the evidence takes: the panel of scores of a code, its permuted codes, the paired bootstrap."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dirvae.config import Config
from dirvae.metrics import bootstrap, classification, latent_panel
from dirvae.metrics.probes import LabelledCodes
from experiments.benchmarks import Settings, timing

EXAMPLES, LATENTS, LABELS = 10_000, 64, 14
IMAGES, REPLICATES = 1_000, 2_000
RARITY = (0.05, 0.5)  # prevalences, from the rarest finding to the commonest


def measure(config: Config, settings: Settings) -> dict:
    del config, settings  # the sizes are those of the claim, and one turn is long enough to tell
    rng = np.random.default_rng(0)
    target = (rng.random((EXAMPLES, LABELS)) < np.linspace(*RARITY, LABELS)).astype(np.float32)
    code = rng.standard_normal((EXAMPLES, LATENTS)) + np.pad(2.0 * target, ((0, 0), (0, LATENTS - LABELS)))
    train, test = (
        LabelledCodes(code[half], target[half], np.ones_like(target[half])) for half in np.split(np.arange(EXAMPLES), 2)
    )
    few = slice(IMAGES)
    scores = [target[few] + noise * rng.standard_normal((IMAGES, LABELS)) for noise in (0.8, 0.9)]
    patients = np.arange(IMAGES).astype(str)
    return {
        "panel": _seconds(lambda: latent_panel.scores(train, test)),
        "ceiling": _seconds(lambda: latent_panel.ceilings(train, test)),
        "null": _seconds(lambda: latent_panel.nulls(train, test, None, 1)),
        "bootstrap": _seconds(
            lambda: [
                classification.per_label(classification.auroc, target[few], np.ones((IMAGES, LABELS)), p, weights)
                for weights in bootstrap.patient_weights(patients, REPLICATES)
                for p in scores
            ]
        ),
    }


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(numbers: dict) -> str:
    size = f"{EXAMPLES:,} examples x {LATENTS} latents x {LABELS} labels"
    names = {
        "panel": f"all scores of a code, {size}",
        "ceiling": "the same of the code z = y",
        "null": "the same of one permuted code",
        "bootstrap": f"{REPLICATES:,} paired bootstrap replicates of AUROC, {IMAGES:,} images x {LABELS} labels",
    }
    rows = [[names[name], f"{seconds:.1f}"] for name, seconds in numbers.items()]
    return f"## Evidence\n\n{timing.table(['what', 'seconds'], rows)}"
