"""Smoke: everything once, as small as it runs, in under a minute.

It draws 256 training images of 32 pixels with four findings and takes 40 steps of a small network, so its numbers mean nothing.
It shows that an installation works.

    python -m experiments.run --prior=dirichlet --preset=smoke
"""

from dirvae.config import Config, override
from experiments.configs import plain


def config() -> Config:
    return override(
        plain.config(),
        {
            "phantom_train": 256,
            "phantom_validation": 64,
            "phantom_test": 96,
            "labels": ("No Finding", "Cardiomegaly", "Edema", "Pleural Effusion"),
            "image_size": 32,
            "latents": 16,
            "first_stride": 2,
            "widths": (8, 16),
            "hidden": 32,
            "steps": 40,
            "batch_size": 32,
            "log_every": 10,
            "checkpoint_every": 20,
            "replicates": 200,
            "cases": 1,
            "path_steps": 8,
        },
    )
