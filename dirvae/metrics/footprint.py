"""A footprint says which factors make up a difference image, by least squares on the exact effects of all of them.

    d = sum_k b_k E_k/|E_k| + residual        beta_k = mean b_k/sum_j |mean b_j|        residual share = |residual|^2/|d|^2

with E_k = x(do k = high) - x(do k = low) of the same image, nuisances included. A confounder's beta sees what a mask does not: a
change of the whole image, such as a scanner's gamma. Its sign says which way: where d is what a finding adds, a factor that the
classifier takes for the finding has a beta above 0. The factor must be listed and switched in the very image, where a classifier's
reliance could be measured directly, too. A factor that is not listed only raises the residual.

Each factor has a beta of its own even where the classifier ignores it, since effects overlap and decoders leak. So beta is read
against that factor's null: its values in models trained where the factor tells nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

DISTINCT = (
    0.05  # of the largest singular value of an image's unit effects; what is less is no difference between two effects
)


class Footprint(NamedTuple):
    """The decomposition of n difference images into F factors."""

    coefficients: Float[
        np.ndarray, "n F"
    ]  # b, in the difference's units; 0 for a factor that changes no pixel of an image
    share: Float[np.ndarray, " F"]  # beta, whose sizes sum to 1; NaN where every mean coefficient is 0
    residual: Float[np.ndarray, " n"]  # share of |d|^2 that no factor explains; NaN where d is 0


def footprint(differences: Float[np.ndarray, "n H W"], effects: Float[np.ndarray, "_ F _ _"]) -> Footprint:
    """Least squares of each image's difference on its own effects; the shortest solution where some all but coincide.

    Two effects that differ by next to nothing, such as two kinds of noise, would otherwise come out with huge coefficients of opposite
    sign. Those would leave nothing of the sum to any other factor.

    Raises:
      ValueError: for arrays that do not fit or are not finite.
    """
    if len(differences) != len(effects) or differences.shape[1:] != effects.shape[2:]:
        raise ValueError(
            f"differences {differences.shape} and effects {effects.shape} do not fit: [n, H, W], [n, F, H, W]"
        )
    if not (np.isfinite(differences).all() and np.isfinite(effects).all()):
        raise ValueError("differences and effects must be finite to be decomposed")
    d = differences.astype(np.float64).reshape(len(differences), -1)
    e = effects.astype(np.float64).reshape(*effects.shape[:2], -1)
    norm = np.linalg.norm(e, axis=2, keepdims=True)
    unit = e / np.where(norm > 0, norm, 1.0)
    images = [_decompose(image, basis) for image, basis in zip(d, unit, strict=True)]
    coefficients, residual = (np.asarray(column) for column in zip(*images, strict=True))
    return Footprint(coefficients, shares(coefficients), residual)


def shares(coefficients: Float[np.ndarray, "n F"]) -> Float[np.ndarray, " F"]:
    """beta_k = mean b_k/sum |mean b|; NaN where all are 0."""
    mean = coefficients.mean(axis=0)
    total = np.abs(mean).sum()
    return mean / total if total > 0 else np.full(mean.shape, np.nan)


def calibrated(share: Float[np.ndarray, "M F"], null: Float[np.ndarray, "Q F"]) -> Float[np.ndarray, "M F"]:
    """(beta - mean of its null)/sd of its null, factor by factor, of M models; null from Q models that cannot use the factors.

    Raises:
      ValueError: for fewer than two null models, or a factor whose null does not vary.
    """
    if len(null) < 2:
        raise ValueError(f"a null needs at least two models, not {len(null)}")
    spread = null.std(axis=0, ddof=1)
    if not np.all(spread > 0):
        raise ValueError("a factor's share is the same in every null model, so that its null has no width")
    return (share - null.mean(axis=0)) / spread


def _decompose(d: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, float]:
    """b [F] and the residual share of one image [H W] on unit effects [F, H W]."""
    b = np.linalg.lstsq(unit.T, d, rcond=DISTINCT)[0]
    power = d @ d
    left = d - b @ unit
    return b, left @ left / power if power > 0 else np.nan
