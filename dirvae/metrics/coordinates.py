"""The coordinates in which a code's latents are scored: a simplex point has several, and they do not score alike.

The components of a simplex point sum to one, so that a finding that raises its own component lowers all others. A code in
which each finding has its component is perfect. Yet in raw coordinates and in centred log ratios the background's
component tells every finding too. Log ratios to that background undo it. Scores are comparable only in coordinates
chosen alike for both, and named. Codes that are no simplex are offered a map as well, `numbers`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import log_softmax, logsumexp, ndtr


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


def numbers(code: Float[np.ndarray, "... D"]) -> dict[str, Float[np.ndarray, "... D"]]:
    """Coordinates of codes that are no simplex: {"raw": z, "cdf": Phi(z)}, the second uniform under a standard normal prior.

    Phi(z) is bounded like a simplex's shares, and like them flat where a latent is far from its centre.
    """
    return {"raw": code, "cdf": ndtr(code.astype(np.float64))}


def reader(
    picked: Float[np.ndarray, "N nK"], components: int, background: int | None = None
) -> Callable[[Float[np.ndarray, "..."]], dict[str, Float[np.ndarray, "..."]]]:
    """Returns a function that reads codes [..., n K], the (centred) log ratios of n compositions, as {coordinates: [..., D]}.

    Without a `background` it is in each composition what `background_component` finds in `picked`. Of two components one
    number is all there is, its log ratio or its share: two that mirror each other would leave no gap between them.
    """
    count = picked.shape[-1] // components
    chosen = [background] * count
    if background is None:
        chosen = [background_component(each) for each in np.moveaxis(_compositions(picked, components), 1, 0)]

    def read(code: np.ndarray) -> dict[str, np.ndarray]:
        each = _compositions(code.reshape(-1, code.shape[-1]), components)
        parts = [simplex_coordinates(each[:, group], chosen[group]) for group in range(count)]
        if components == 2:
            parts = [{"raw": np.delete(p["raw"], g, 1), "alr": p["alr"]} for p, g in zip(parts, chosen, strict=True)]
        joined = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        return {name: values.reshape(*code.shape[:-1], -1) for name, values in joined.items()}

    return read


def beside(
    read: Callable[[np.ndarray], dict[str, np.ndarray]], width: int
) -> Callable[[Float[np.ndarray, "..."]], dict[str, Float[np.ndarray, "..."]]]:
    """Reads the first `width` numbers of codes [..., D] by `read`; the others stay as they are, behind them, in all coordinates."""

    def both(code: np.ndarray) -> dict[str, np.ndarray]:
        found = read(code[..., :width])
        return {name: np.concatenate([values, code[..., width:]], axis=-1) for name, values in found.items()}

    return both


def _compositions(code: Float[np.ndarray, "N nK"], components: int) -> Float[np.ndarray, "N n K"]:
    return log_softmax(code.astype(np.float64).reshape(len(code), -1, components), axis=-1)


def _check_simplex(log_z: np.ndarray) -> None:
    strange = ~np.isfinite(log_z)
    if strange.any():
        raise ValueError(f"log z is not finite in {int(strange.any(axis=1).sum())} of {len(log_z)} examples")
    if not np.allclose(logsumexp(log_z, axis=1), 0.0, atol=1e-3):
        raise ValueError("log z is not the logarithm of simplex points: z does not sum to 1")
