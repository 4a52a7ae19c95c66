"""Plain: one simplex of 64 components, a linear head on all of them, beta = 1; the form closest to the published one at 64 pixels."""

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
