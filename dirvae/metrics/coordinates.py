"""The coordinates in which a code's latents are scored: a simplex point has several, and they do not score alike.

The components of a simplex point sum to one, so that a finding that raises its own component lowers all others: a code in
which each finding has its component is perfect, yet in raw coordinates and in centred log ratios the background's
component tells every finding too. Log ratios to that background undo it. Scores are comparable only in coordinates
chosen alike for both, and named.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp


def background_component(log_z: Float[np.ndarray, "N K"]) -> int:
    """The component whose log z varies least over the training examples: the one that most examples share.

    A guess: components of findings that are few and rare may vary less than a background that all findings push about
    (seen with four findings of prevalence 10 %). Where a component is known to be the background, name it.
    """
    _check_simplex(log_z)
    return int(np.argmin(np.var(log_z, axis=0)))


def simplex_coordinates(log_z: Float[np.ndarray, "N K"], background: int) -> dict[str, Float[np.ndarray, "N _"]]:
    """{"raw": z [N, K], "clr": log z - mean log z [N, K], "alr": log z - log z_background [N, K - 1], the others in order}.

    Raises:
      ValueError: where log z is not finite, or z does not sum to 1 (to 1e-3).
    """
    _check_simplex(log_z)
    if not 0 <= background < log_z.shape[1]:
        raise ValueError(f"the background is component {background}, of {log_z.shape[1]} components from 0")
    ratios = np.delete(log_z - log_z[:, [background]], background, axis=1)
    return {"raw": np.exp(log_z), "clr": log_z - log_z.mean(axis=1, keepdims=True), "alr": ratios}


def gaussian_coordinates(code: Float[np.ndarray, "N K"]) -> dict[str, Float[np.ndarray, "N K"]]:
    """{"raw": the code itself}: a Gaussian's latents are free of each other, and have no other coordinates."""
    return {"raw": code}


def _check_simplex(log_z: np.ndarray) -> None:
    strange = ~np.isfinite(log_z)
    if strange.any():
        raise ValueError(f"log z is not finite in {int(strange.any(axis=1).sum())} of {len(log_z)} examples")
    if not np.allclose(logsumexp(log_z, axis=1), 0.0, atol=1e-3):
        raise ValueError("log z is not the logarithm of simplex points: z does not sum to 1")
