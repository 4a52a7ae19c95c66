"""Paper: the published setting of Harkness et al. 2023 (arXiv 2302.02979), for accelerators. It has not been run in full.

256 x 256 pixels, one latent of 1,024 components, concentration .5, 64 to 1,024 channels, an L1 reconstruction (a Laplace likelihood),
a linear head, Adam at 1e-4, batches of 48. A batch of 48 needs a device count that divides it. It departs in these points:

- Group normalisation and SiLU replace batch normalisation and ReLU, so that nothing depends on the batch or the device count.
- 3 x 3 convolutions after space_to_depth include the 5 x 5 ones of stride 2 (dirvae/networks/layers.py).
- The regulariser is KL(q || p), and the head reads centred log ratios of all findings in train.csv.
- One joint stage with a KL warm-up replaces four stages.
- Nothing is flipped, patients are split instead of images, and no image is duplicated to balance classes.

`python -m experiments.cost --preset=paper` computes the operations of a step.
"""

from dirvae.config import Config, override
from experiments.configs import plain


def config() -> Config:
    return override(
        plain.config(),
        {
            "dataset": "chexpert",
            "image_size": 256,
            "latents": 1024,
            "concentration": 0.5,
            "parametrisation": "softplus",
            "first_stride": 2,
            "widths": (64, 128, 256, 512, 1024),
            "hidden": 1024,
            "classification_weight": 1000.0,
            "learning_rate": 1e-4,
            "weight_decay": 0.0,
            "batch_size": 48,
            "steps": 120_000,
            "log_every": 100,
            "checkpoint_every": 5_000,
            "average_decay": 0.999,
            "cache_megabytes": 20_000,
            "compute": "bfloat16",
        },
    )
