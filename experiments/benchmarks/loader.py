"""Part 3: does the loader keep up with the step?

A small phantom is built into a temporary folder and read through `dirvae.training.data.shuffled`, kept in memory and not. The step
is the one that training runs, augmentation included.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep import build
from dirvae.config import Config, override
from dirvae.training import data
from dirvae.types import Batch
from experiments.benchmarks import Settings, timing
from experiments.benchmarks.step import Step, fresh_state

FORMS = {"kept in memory": 2000, "decoded each time": 0}  # megabytes of cache
BATCHES = 20  # to a turn of the loader alone
STEPS = 4  # to a turn of the step


def measure(config: Config, settings: Settings) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        small = {"dataset": "phantom", "phantom_train": settings.images, "phantom_validation": 32, "phantom_test": 32}
        built = build.prepare(override(config, small).data, None, Path(folder))
        streams = {form: _stream(built, config, megabytes) for form, megabytes in FORMS.items()}
        batch = next(streams["kept in memory"])
        labels = batch.target.shape[1]
        step = Step(override(config, {"augment": True}), fresh_state(config, labels), labels)
        return {form: _one(stream, step, batch, settings.turns) for form, stream in streams.items()}


def _stream(built: Path, config: Config, megabytes: int) -> Iterator[Batch]:
    """Batches as training draws them, of all findings that occur."""
    split = data.Split(built, "train", megabytes)
    labels = data.choose_labels(data.examples(split, split.findings, config.data), config.data).labels
    chosen = data.examples(split, labels, config.data)
    size = config.train.batch_size
    return data.shuffled(chosen, size, slice(0, size), config.seed, range(100_000))


def _one(stream: Iterator[Batch], step: Step, batch: Batch, turns: int) -> dict:
    """The loader alone, then the step on batches from it in turns with the step on one batch that is there already."""

    def fed() -> None:
        for _ in range(STEPS):
            step(next(stream))

    def bare() -> None:
        for _ in range(STEPS):
            step(batch)

    alone = timing.take_turns({"loader": lambda: [next(stream) for _ in range(BATCHES)]}, turns)["loader"]
    seconds = timing.take_turns({"fed": fed, "bare": bare}, turns, warm=1)
    rows = len(batch.mask)
    batch_seconds, step_seconds = np.median(alone) / BATCHES, np.median(seconds["bare"]) / STEPS
    return {
        "loader_images_per_second": rows / batch_seconds,
        "step_images_per_second": rows / step_seconds,
        "share_of_step": batch_seconds / step_seconds,
        "fed_over_bare": timing.ratio(seconds["fed"], seconds["bare"])._asdict(),
    }


def show(numbers: dict) -> str:
    rows = [
        [
            form,
            f"{one['loader_images_per_second']:,.0f}",
            f"{one['step_images_per_second']:,.0f}",
            f"{one['share_of_step']:.1%}",
            timing.shown(one["fed_over_bare"]),
        ]
        for form, one in numbers.items()
    ]
    head = [
        "images",
        "loader alone, images/s",
        "step's appetite, images/s",
        "a batch's share of a step",
        "step fed over step",
    ]
    return "\n".join(
        [
            "## Loader",
            "The share is the loader's time for a batch over the step's, nothing else running; the last column is the step's",
            "time on fresh batches over its time on one that is there already, in turns.\n",
            timing.table(head, rows),
        ]
    )
