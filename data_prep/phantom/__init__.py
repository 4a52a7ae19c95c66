"""The phantom: procedural chest X-rays with known anatomy, pathologies and confounders, and exact effects of each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data_prep.phantom.config import PhantomConfig, named
from data_prep.phantom.factors import CONFOUNDERS, FACTORS, INDEX, PATHOLOGIES, do, present
from data_prep.phantom.population import confounder_rates, sample
from data_prep.phantom.render import effect, mask, quantise, render, renderer
from data_prep.schema import Example
from dirvae.config import DataConfig

__all__ = [
    "CONFOUNDERS",
    "FACTORS",
    "INDEX",
    "PATHOLOGIES",
    "Phantom",
    "PhantomConfig",
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
]  # fmt: skip

VERSION = "1.0.0"


@dataclass(frozen=True)
class Phantom:
    """A source of examples (see `data_prep.build`): every chunk is a function of the configuration and its number."""

    config: PhantomConfig
    image_size: int

    version = VERSION
    chunk_size = 500
    factors = len(FACTORS)

    @property
    def name(self) -> str:
        return f"phantom_{self.config.name}"

    @property
    def options(self) -> dict:
        return self.config.asdict()

    def counts(self) -> dict[str, int]:
        return self.config.splits()

    def facts(self) -> dict:
        """P(confounder) and prevalence of every split, and the names of the factors."""
        rates = {}
        for split, count in self.counts().items():
            factors = [sample(self.config, split, c, n).factors for c, n in enumerate(self._sizes(count))]
            rates[split] = confounder_rates(np.concatenate(factors))
        return {"probability": rates, "factors": list(FACTORS)}

    def _sizes(self, count: int) -> list[int]:
        return [min(self.chunk_size, count - first) for first in range(0, count, self.chunk_size)]

    def chunk(self, split: str, number: int) -> tuple[list[Example], list]:
        size = self._sizes(self.counts()[split])[number]
        people = sample(self.config, split, number, size)
        images = quantise(render(people.factors, people.seeds, self.image_size))
        examples = []
        for i in range(size):
            patient, study = f"{split}-{number:04d}-{people.patient[i]:04d}", f"study{people.study[i] + 1}"
            examples.append(
                Example(
                    image=images[i, ..., None],
                    labels=people.labels[i],
                    patient=patient,
                    study=f"{patient}/{study}",
                    view="AP" if people.factors[i, INDEX["ap"]] > 0.5 else "PA",
                    sex="Male" if people.male[i] else "Female",
                    age=int(people.age[i]),
                    path=f"phantom/{split}/{patient}/{study}.png",
                    boxes=np.zeros((0, 5), np.float32),
                    factors=people.factors[i],
                    seed=int(people.seeds[i]),
                )
            )
        return examples, []


def generate(config: PhantomConfig, split: str, image_size: int = 64) -> Iterator[Example]:
    """Every example of a split, chunk by chunk."""
    made = Phantom(config, image_size)
    for number in range(len(made._sizes(config.splits()[split]))):
        yield from made.chunk(split, number)[0]


def source(data: DataConfig, seed: int = 0) -> Phantom:
    """The phantom of a run's data section."""
    config = named(
        data.phantom, data.phantom_train, data.phantom_validation, data.phantom_test, seed, data.confounder, data.rho
    )
    return Phantom(config, data.image_size)
