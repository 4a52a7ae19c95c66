"""The phantom: procedural chest X-rays with known anatomy, pathologies and confounders, and exact effects of each.

people = Phantom(named("shortcut", rho=0.9)).whole("test")
images = render(people.factors, people.seeds, 64)
added = effect(people.factors, people.seeds, "Pneumothorax", 64)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.phantom.config import PhantomConfig, PhantomError, named
from data_prep.phantom.factors import CONFOUNDERS, FACTORS, INDEX, PATHOLOGIES, column, do, present
from data_prep.phantom.rendering import effect, mask, quantise, render, renderer
from data_prep.phantom.simulator import PhantomSimulator
from data_prep.phantom.source import Phantom, generate
from data_prep.source import DataSource
from dirvae.config import ConfigError, DataConfig

SMALLEST, LARGEST = 32, 256  # pixels a side that the phantom is drawn at

__all__ = [
    "CONFOUNDERS",
    "FACTORS",
    "INDEX",
    "PATHOLOGIES",
    "SOURCE",
    "Phantom",
    "PhantomConfig",
    "PhantomError",
    "PhantomSimulator",
    "column",
    "do",
    "effect",
    "generate",
    "mask",
    "named",
    "open_phantom",
    "present",
    "quantise",
    "render",
    "renderer",
]


def open_phantom(data: DataConfig, raw_dir: Path | None = None) -> Phantom:
    """The phantom of a run's data section; it reads no raw files.

    Raises:
      ConfigError: for images smaller or larger than the phantom can be drawn.
    """
    if not SMALLEST <= data.image_size <= LARGEST:
        raise ConfigError(f"data.image_size must lie between {SMALLEST} and {LARGEST} for the phantom")
    sizes = (data.phantom_train, data.phantom_validation, data.phantom_test)
    return Phantom(named(data.phantom, *sizes, data.phantom_seed, data.confounder, data.rho, data.image_size))


def _simulator(data: DataConfig) -> PhantomSimulator:
    return PhantomSimulator(data.image_size)


def _title(data: DataConfig, manifest: Mapping[str, Any]) -> str:
    return f"the phantom ({data.phantom})"


def _origin(data: DataConfig, manifest: Mapping[str, Any]) -> str:
    return (
        "The phantom: procedural radiographs with known anatomy, pathologies and confounders. Training labels are partly "
        "uncertain, missing or wrong; those of the other splits are the truth."
    )


SOURCE = DataSource(open_phantom, _title, _origin, simulator=_simulator)
