"""Default: the whole study on the phantom, for two CPU cores, with the latent that the evidence favours so far.

96 pairs on a simplex (Beta variables) instead of one simplex of 97: each is a switch of its own, and in log ratios no latent moves
because another does. Each finding owns one of them, which alone its logit reads; the others speak to the decoder only. A linear
path beside the convolutions brings principal components within reach of the first hundred steps. The KL is steered to 300 nats.
How these were chosen, on validation images, and what failed: experiments/configs/studies/quick.py.

With another prior the shape stays the same; --config.latents=1 gives a Gaussian as many free numbers, 96.
"""

from dirvae.config import Config, override

SETTINGS = {
    "structure": "product",
    "groups": 96,
    "latents": 2,
    "concentration": 0.2,
    "head": "assigned",
    "linear_path": True,
    "target_kl": 300.0,
    "classification_weight": 2000.0,
}


def config() -> Config:
    return override(Config(), SETTINGS)
