"""A run's scores are computed from its predictions, its codes in each of their coordinates, and responses to interventions."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dirvae.config import Config
from dirvae.latents import compositions
from dirvae.metrics import coordinates
from dirvae.metrics.probes import LabelledCodes
from dirvae.training import workdir
from dirvae.training.evaluate import Predictions

Reader = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Codes [..., D] -> {coordinates: [..., D or D - 1]}."""


class Responses(NamedTuple):
    """Responses of a code to interventions on the first n images of a split, for P pathologies."""

    low: Float[np.ndarray, "P n D"]  # codes under do(pathology = 0)
    high: Float[np.ndarray, "P n D"]
    ceiling: Float[np.ndarray, "P n"]


class ScoredCodes(NamedTuple):
    """These codes of one split are scored, whatever made them; n <= M <= N images, the first of the split."""

    probability: Float[np.ndarray, "N L"]
    target: Float[np.ndarray, "N L"]
    weight: Float[np.ndarray, "N L"]
    patient: np.ndarray  # text [N]
    code: Float[np.ndarray, "M D"]
    responses: Responses | None = None  # None where nothing can be switched


def of_run(directory: Path, split: str, predictions: Predictions, switched: bool = True) -> ScoredCodes:
    """The scored codes of one split of a run, with responses to interventions where its images can be `switched`."""
    known = (predictions.probability, predictions.target, predictions.weight, predictions.patient)
    responses = None
    if switched:
        arrays = read_evidence(directory, split)
        responses = Responses(*(arrays[name] for name in Responses._fields))
    return ScoredCodes(*known, predictions.head_mean, responses)


def read_evidence(directory: Path, split: str) -> dict[str, np.ndarray]:
    """evidence/<split>.npz; raises WorkdirError where it is missing."""
    path = Path(directory) / "evidence" / f"{split}.npz"
    if not path.exists():
        raise workdir.WorkdirError(f"{path} is missing; python -m experiments.study gathers it")
    with np.load(path) as arrays:
        return dict(arrays)


def splits(read: Reader, scored: ScoredCodes, kept: np.ndarray) -> dict[str, LabelledCodes]:
    """The codes in each of their coordinates, with the scorable findings' targets."""
    rows = len(scored.code)
    target, weight = scored.target[:rows, kept], scored.weight[:rows, kept]
    return {name: LabelledCodes(code, target, weight) for name, code in read(scored.code).items()}


def reader(config: Config, picked: Float[np.ndarray, "N D"]) -> Reader:
    """Every set of coordinates that such codes have; an assigned head has a background, elsewhere `picked` tells it.

    A field's cells, alone or beside a global part, have but their centred log ratios.
    """
    settings = config.model
    if not compositions.components(settings) or settings.structure == "spatial":
        return coordinates.numbers
    background, width = 0 if settings.head == "assigned" else None, settings.groups * settings.latents
    return coordinates.beside(coordinates.reader(picked[:, :width], settings.latents, background), width)
