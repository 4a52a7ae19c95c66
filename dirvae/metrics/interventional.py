"""Does each latent answer to one intervention? Disentanglement from changes under do(finding): no probe and no labels.

A latent's changes are in units of its spread over images. A latent that hardly varies over images is idle: it has no unit, and
is left out. Any monotone map of a latent changes these scores though not what the latent tells, so they are comparable only
where every code is offered the same maps (`dirvae.metrics.coordinates`).
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import entr

IDLE = 0.01  # of the largest spread over images


def alive(code: Float[np.ndarray, "M D"]) -> Bool[np.ndarray, " D"]:
    """The latents that vary over images enough for their changes to have a unit."""
    spread = code.std(axis=0)
    return spread > IDLE * spread.max()


def changes(
    code: Float[np.ndarray, "M D"], low: Float[np.ndarray, "L n D"], high: Float[np.ndarray, "L n D"]
) -> Float[np.ndarray, "L n A"]:
    """|change from do(finding = 0) to do(finding = 1)| over the spread among the M images of `code`, of the A latents alive."""
    kept = alive(code)
    return np.abs(high - low)[..., kept] / code.std(axis=0)[kept]


def disentanglement(changes: Float[np.ndarray, "L n A"], weights: Float[np.ndarray, "R n"]) -> Float[np.ndarray, " R"]:
    """D of `dirvae.metrics.disentanglement.dci` of E[latent, finding] = mean change over images, for each row of multiplicities.

    Each finding's column of E is divided by its sum first. Else a finding of many pixels would make every latent look as if it were
    its own. Latents that all answer alike to everything have D = 0, whatever the sizes of the findings.
    """
    means = _responses(changes, weights)
    mass = means.sum(axis=2)
    shares = means / np.where(mass > 0, mass, 1.0)[:, :, None]
    certainty = 1.0 - entr(shares).sum(axis=2) / np.log(means.shape[2])
    return np.sum(mass * certainty, axis=1) / np.maximum(mass.sum(axis=1), 1e-300)


def completeness(changes: Float[np.ndarray, "L n A"], weights: Float[np.ndarray, "R n"]) -> Float[np.ndarray, " R"]:
    """C: mean over findings of 1 - H/log A, H the entropy of the finding's column of the same E over the A latents.

    1 where each finding moves one latent alone, 0 where it moves all alike.
    """
    shares = _responses(changes, weights)
    return np.mean(1.0 - entr(shares).sum(axis=1) / np.log(shares.shape[1]), axis=1)


def _responses(changes: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, "R A L"]:
    """E of each row of multiplicities, every finding's column with the sum 1."""
    means = np.einsum("rn,knd->rdk", weights, changes, optimize=True)
    return means / np.maximum(means.sum(axis=1, keepdims=True), 1e-300)
