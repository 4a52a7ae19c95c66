"""Default: the whole study on the phantom, for two CPU cores, with the latent that the evidence favours so far.

96 pairs on a simplex (Beta variables) instead of one simplex of 97: each is a switch of its own, and in log ratios no latent moves
because another does. Each finding owns one of them, which alone its logit reads; the others speak to the decoder only. A linear
path beside the convolutions brings principal components within reach of the first hundred steps. The KL is steered to 300 nats.
How these were chosen, on validation images, and what failed: experiments/results/priors.md.

These are the values of `Config()` itself (dirvae/config/fields.py).
"""

from dirvae.config import Config


def config() -> Config:
    return Config()
