"""Labels, and codes of them whose scores are known."""

import numpy as np

from dirvae.metrics.probes import LabelledCodes


def labels(n, prevalences=(0.5, 0.4, 0.3, 0.2), seed=0):
    """Independent labels."""
    return (np.random.default_rng(seed).random((n, len(prevalences))) < prevalences).astype(float)


def halves(code, target, weight=None):
    """Train and test, half each."""
    weight = np.ones_like(target) if weight is None else weight
    middle = len(code) // 2
    return tuple(LabelledCodes(code[p], target[p], weight[p]) for p in (slice(middle), slice(middle, None)))


def noisy(target, noise=0.1, seed=1):
    """A latent a label, and noise: for small noise a perfect code."""
    return target + noise * np.random.default_rng(seed).normal(size=target.shape)
