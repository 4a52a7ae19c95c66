"""Settings of trainings that take seconds and mean nothing."""

from experiments.configs import plain

TINY = plain.SETTINGS | {
    "phantom_train": 96,
    "phantom_validation": 120,
    "phantom_test": 140,
    "image_size": 32,
    "labels": ("No Finding", "Lung Opacity", "Support Devices"),
    "first_stride": 2,
    "widths": (4, 8),
    "hidden": 16,
    "latents": 6,
    "steps": 6,
    "batch_size": 16,
    "checkpoint_every": 6,
    "log_every": 3,
    "replicates": 0,
    "build_workers": 1,
    "target_kl": 5.0,
}
PAIRS = {"structure": "product", "groups": 6, "latents": 2, "head": "assigned", "linear_path": True}
