"""Paper: the published setting of Harkness et al. 2023 (arXiv 2302.02979), for accelerators.

256 x 256 pixels, one latent of 1,024 components, prior concentration .5, channels 64 to 1,024, softplus concentrations, L1
reconstruction (a Laplace likelihood), a linear head on log-ratios of z, Adam at 1e-4, batches of 48.

Where it departs, and why:
- group instead of batch normalisation, SiLU instead of ReLU: no state, no dependence on the batch or the device count;
- 3 x 3 convolutions after space_to_depth instead of 5 x 5 ones of stride 2, of which they are a superset (dirvae/networks/layers.py);
- KL(q || p), not KL(p || q); the linear head reads centred log ratios; all of train.csv's findings, not four of them;
- one joint stage with a KL warm-up instead of four stages (reconstruction, with KL, head alone, joint);
- no horizontal flips, which remove laterality; patients, not images, are split, and none is duplicated to balance classes;
- a batch of 48 needs a device count that divides it: 1, 2, 3, 4, 6, 8, ...

`python -m experiments.cost --preset=paper` computes the operations of a step, from which the README's hours follow.
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
