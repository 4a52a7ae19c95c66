"""The phantom: procedural chest X-rays with known anatomy, pathologies and confounders, and exact effects of each.

people = Phantom(named("shortcut", rho=0.9)).whole("test")
images = render(people.factors, people.seeds, 64)
added = effect(people.factors, people.seeds, "Pneumothorax", 64)
"""

from data_prep.phantom.config import PhantomConfig, PhantomError, named
from data_prep.phantom.factors import CONFOUNDERS, FACTORS, INDEX, PATHOLOGIES, column, do, present
from data_prep.phantom.rendering import effect, mask, quantise, render, renderer
from data_prep.phantom.source import Phantom, generate
from dirvae.config import DataConfig

__all__ = [
    "CONFOUNDERS",
    "FACTORS",
    "INDEX",
    "PATHOLOGIES",
    "Phantom",
    "PhantomConfig",
    "PhantomError",
    "column",
    "do",
    "effect",
    "generate",
    "mask",
    "named",
    "present",
    "quantise",
    "render",
    "renderer",
    "source",
]


def source(data: DataConfig) -> Phantom:
    """The phantom of a run's data section."""
    sizes = (data.phantom_train, data.phantom_validation, data.phantom_test)
    return Phantom(named(data.phantom, *sizes, data.phantom_seed, data.confounder, data.rho, data.image_size))
