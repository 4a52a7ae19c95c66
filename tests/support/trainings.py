"""Trainings that take seconds: settings, examples in memory, and the loop on them."""

import numpy as np

from dirvae import model
from dirvae.training import data, train
from dirvae.training.checkpoints import Checkpoints
from dirvae.types import Batch
from support.settings import plain

LABELS = ("Edema", "Cardiomegaly")


def tiny(**fields):
    small = {
        "image_size": 16,
        "widths": (8, 8),
        "latents": 6,
        "hidden": 16,
        "batch_size": 16,
        "steps": 6,
        "log_every": 1,
        "checkpoint_every": 3,
        "dropout": 0.1,
        "average_decay": 0.9,
    }
    return plain(small | fields)


def batches(count, rows=16):
    rng = np.random.default_rng(0)
    for number in range(count):
        yield Batch(
            image=rng.integers(0, 256, (rows, 16, 16, 1), dtype=np.uint8),
            target=rng.integers(0, 2, (rows, 2)).astype(np.float32),
            weight=(rng.random((rows, 2)) < 0.8).astype(np.float32),
            mask=(np.arange(rows) < rows - number % 3).astype(np.float32),
            index=np.arange(number * rows, (number + 1) * rows, dtype=np.int32),
        )


class Stored:
    """A split in memory, with the interface of dirvae.training.data.Split."""

    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.pixels = rng.integers(0, 256, (count, 16, 16, 1), dtype=np.uint8)
        self.table = data.Table(*[None] * len(data.Table._fields))._replace(patient=np.arange(count).astype(str))

    def __len__(self):
        return len(self.pixels)

    def images(self, positions):
        return self.pixels[positions]


def examples(count=40, seed=0):
    rng = np.random.default_rng(seed + 1)
    target = rng.integers(0, 2, (count, 2)).astype(np.float32)
    return data.Examples(Stored(count, seed), LABELS, target, np.ones_like(target))


def fit(config, folder, stop_after=None):
    net = model.build(config.model, 2, 16)

    def report(progress):
        if progress.step == stop_after:
            raise KeyboardInterrupt

    train.train(net, config, examples(), examples(20, 5), folder, report=report)
    checkpoints = Checkpoints(folder / "checkpoints", "auroc")
    step, state = checkpoints.restore_latest(train.initial_state(net, config))
    checkpoints.close()
    return step, state
