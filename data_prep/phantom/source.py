"""The phantom as a source of examples (see `data_prep.build`): every chunk is a function of configuration and number."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from data_prep.phantom.config import PhantomConfig
from data_prep.phantom.factors import FACTORS, INDEX, PATHOLOGIES, do
from data_prep.phantom.population import Population, probabilities, sample
from data_prep.phantom.rendering import TAU, quantise, render
from data_prep.schema import Example
from data_prep.source import Chunk, Drawn
from dirvae.labels import FINDINGS


@dataclass(frozen=True)
class Phantom(Drawn):
    """Examples of one configuration; any chunk of any split can be made alone, by any process."""

    config: PhantomConfig

    version = "1.1.0"
    chunk_size = 500
    factors = len(FACTORS)
    findings = FINDINGS

    @property
    def name(self) -> str:
        return f"phantom_{self.config.name}"

    @property
    def image_size(self) -> int:
        return self.config.image_size

    @property
    def options(self) -> dict:
        return self.config.asdict()

    def counts(self) -> dict[str, int]:
        return self.config.splits()

    def population(self, split: str, number: int) -> Population:
        """Factors and labels of a chunk, without its images."""
        left = self.counts()[split] - number * self.chunk_size
        return sample(self.config, split, number, min(self.chunk_size, left))

    def whole(self, split: str) -> Population:
        """Factors and labels of a whole split; patients are numbered within their chunks."""
        parts = [self.population(split, number) for number in range(self.shards(split))]
        return Population(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def facts(self) -> dict:
        """Facts for the manifest, of every split: P(confounder) given the shortcut's finding and its absence, and prevalences."""
        shares = {split: probabilities(self.whole(split).factors, self.config) for split in self.counts()}
        return {"probability": shares, "factors": list(FACTORS)}

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        return functools.partial(self.chunk, split, number)

    def chunk(self, split: str, number: int) -> Chunk:
        """The chunk's examples; none has to be skipped."""
        people = self.population(split, number)
        drawn = render(people.factors, people.seeds, self.image_size)
        found, images = boxes(people.factors, people.seeds, drawn), quantise(drawn)
        return Chunk([self._example(split, number, people, images, found, i) for i in range(len(images))])

    def _example(
        self, split: str, number: int, people: Population, images: np.ndarray, found: list[np.ndarray], i: int
    ) -> Example:
        patient, study = f"{split}-{number:04d}-{people.patient[i]:04d}", f"study{people.study[i] + 1}"
        return Example(
            image=images[i, ..., None],
            labels=people.labels[i],
            patient=patient,
            study=study,
            view="AP" if people.factors[i, INDEX["ap"]] > 0.5 else "PA",
            sex="Male" if people.male[i] else "Female",
            age=int(people.age[i]),
            path=f"phantom/{split}/{patient}/{study}.png",
            boxes=found[i],
            factors=people.factors[i],
            seed=int(people.seeds[i]),
        )


def boxes(factors: np.ndarray, seeds: np.ndarray, images: np.ndarray) -> list[np.ndarray]:
    """Boxes float32 [m, 5] of each image: (finding, ymin, xmin, ymax, xmax) around the exact mask of each pathology it has.

    `images` [n, S, S] are the rendered ones: where a pathology is present, they are x(do 1), so only x(do 0) is drawn.
    """
    size = images.shape[1]
    found: list[list[tuple[float, ...]]] = [[] for _ in range(len(factors))]
    for pathology in PATHOLOGIES:
        rows = np.flatnonzero(factors[:, INDEX[pathology]] > 0.5)
        without = render(do(factors[rows], pathology, 0.0), seeds[rows], size)
        for row, area in zip(rows, np.abs(images[rows] - without) > TAU, strict=True):
            if area.any():
                spans = [np.flatnonzero(area.any(axis=axis)) for axis in (1, 0)]
                low, high = [span[0] / size for span in spans], [(span[-1] + 1) / size for span in spans]
                found[row].append((FINDINGS.index(pathology), *low, *high))
    return [np.asarray(rows, np.float32).reshape(-1, 5) for rows in found]


def generate(config: PhantomConfig, split: str, image_size: int | None = None) -> Iterator[Example]:
    """Every example of a split, chunk by chunk, at the configuration's size or another."""
    made = Phantom(replace(config, image_size=image_size or config.image_size))
    for number in range(made.shards(split)):
        yield from made.chunk(split, number).examples
