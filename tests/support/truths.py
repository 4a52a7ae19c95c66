"""Positives of one finding whose exact effect is known, for tests of explanations."""

import numpy as np

from dirvae.explain.truth import Truth
from dirvae.metrics import localisation

N, SIDE = 12, 8
RNG = np.random.default_rng(0)


def known(finding="Edema", column=1):
    """Positives whose finding brightens one half of the image or the other."""
    effect = np.zeros((N, SIDE, SIDE), np.float32)
    effect[::2, :4], effect[1::2, 4:] = 0.3, 0.2
    low = RNG.random((N, SIDE, SIDE), np.float32) / 2
    mask = effect > localisation.MASK_THRESHOLD
    prior = np.broadcast_to(mask.mean(axis=0), mask.shape)
    return Truth(
        finding,
        column,
        np.arange(N).astype(str),
        (low + effect)[..., None],
        mask,
        prior,
        low,
        low + effect,
        effect.mean(axis=0)[None],
    )
