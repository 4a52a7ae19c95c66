"""Plain: the form closest to the published one at 64 pixels.

The latent is one simplex of 64 components with concentration .5. A linear head reads all of them, and the weight of the KL is 1.
The flaws of the published code are measured on this preset, and runs on real X-rays start from it.

    python -m experiments.run --prior=dirichlet --preset=plain       # macro AUROC .97 on the phantom's test images, one seed

Its latents are not class-specific in any strong sense: experiments/results/priors.md.
"""

from dirvae.config import Config, override

SETTINGS = {
    "structure": "global",
    "groups": 1,
    "latents": 64,
    "concentration": 0.5,
    "head": "linear",
    "linear_path": False,
    "target_kl": 0.0,
    "classification_weight": 1000.0,
}


def config() -> Config:
    return override(Config(), SETTINGS)
