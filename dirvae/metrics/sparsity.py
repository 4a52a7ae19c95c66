"""These scores say how many latents are used: sparsity and switching beside the prior's, active units, both collapses."""

from typing import NamedTuple

import numpy as np
from scipy.special import betainc, softmax

ACTIVE = 0.01  # variance over images above which a latent counts as active (Burda et al. 2016)
DRAWS = (
    20_000  # of the prior, for expectations that have no closed form; fewer where there are many components or vectors
)
SWITCHED = (
    0.1  # a pair of components is off where the share of the second is below this, and on where that of the first is
)
DEAD_SHARE = 0.1  # of the uniform share 1/K: a component that stays below it in every image has collapsed


class Sparsity(NamedTuple):
    """Sparsity of simplex points [N, K], each score [N].

    `hoyer` runs from 0 (uniform) to 1 (one-hot), the others from 1 to K effective components.
    """

    hoyer: np.ndarray
    perplexity: np.ndarray
    inverse_simpson: np.ndarray


def sparsity(z: np.ndarray) -> Sparsity:
    """hoyer = (sqrt K - |z|_1/|z|_2)/(sqrt K - 1); perplexity = exp entropy; inverse Simpson = 1/sum z^2.

    Raises:
      ValueError: where rows do not sum to 1 (to 1e-3).
    """
    z = np.asarray(z, np.float64)
    if not np.allclose(z.sum(axis=-1), 1.0, atol=1e-3):
        raise ValueError("sparsity is defined for points of a simplex; the rows do not sum to 1")
    components, squares = z.shape[-1], np.sum(z**2, axis=-1)
    if components == 1:
        return Sparsity(*(np.full(len(z), value) for value in (0.0, 1.0, 1.0)))
    root = np.sqrt(components)
    entropy = -np.sum(z * np.log(np.maximum(z, 1e-300)), axis=-1)
    return Sparsity((root - 1.0 / np.sqrt(squares)) / (root - 1.0), np.exp(entropy), 1.0 / squares)


def means(z: np.ndarray) -> dict[str, float]:
    """Means over simplex points [N, K] of the measures of `Sparsity`."""
    return {name: float(values.mean()) for name, values in sparsity(z)._asdict().items()}


def prior_expectation(components: int, concentration: float | np.ndarray) -> dict[str, float]:
    """Returns what `means` is expected to give of draws from Dir(b), all b alike where `concentration` is a number.

    Of concentrations [..., K] it is the mean over their rows. E hoyer, E exp(entropy) and E 1/sum z^2 have no closed form. Those of
    exp(E entropy) and 1/E sum z^2 exist and are other numbers (4.0 for 4.6 with 64 components at b = .05). So it is the mean over
    draws of a fixed seed, with a standard error below .003 of the measure's range for a single row. At small b all g of a draw may
    underflow, so a draw is made in logarithms: log g = log g' + (log u)/b with g' ~ Gamma(b + 1) and u uniform (Marsaglia & Tsang
    2000).
    """
    rows = np.asarray(concentration, np.float64).reshape(-1, components if np.ndim(concentration) else 1)
    rng, count = np.random.default_rng(0), int(np.clip(DRAWS * 100 / (len(rows) * components), DRAWS / 10, DRAWS))
    of_rows = [means(_draws(np.broadcast_to(row, components), count, rng)) for row in rows]
    return {name: float(np.mean([row[name] for row in of_rows])) for name in of_rows[0]}


def _draws(b: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count, K] from Dir(b)."""
    uniform = 1.0 - rng.random((count, len(b)))  # in (0, 1]
    return softmax(np.log(rng.standard_gamma(b + 1.0, uniform.shape)) + np.log(uniform) / b, axis=1)


class Switching(NamedTuple):
    """The shares of images in which a pair of components is off, in between, and on; they add up to 1."""

    off: np.ndarray
    between: np.ndarray
    on: np.ndarray


def switching(second: np.ndarray) -> Switching:
    """The switching [n] of n pairs from the share of each pair's second component [N, n]; the first component has the rest."""
    off, on = (np.mean(share < SWITCHED, axis=0) for share in (second, 1.0 - second))
    return Switching(off, 1.0 - off - on, on)


def prior_switching(concentration: float | np.ndarray) -> Switching:
    """The switching of draws from Dirichlet priors of two components, a mean over priors: the second share is Beta(b_2, b_1).

    `concentration`: one number for a symmetric prior, or [..., 2]; P(off) = I_SWITCHED(b_2, b_1), P(on) = I_SWITCHED(b_1, b_2).
    """
    b = np.broadcast_to(concentration, (*np.shape(concentration)[:-1], 2)).astype(np.float64)
    off, on = (float(np.mean(betainc(b[..., i], b[..., 1 - i], SWITCHED))) for i in (1, 0))
    return Switching(off, 1.0 - off - on, on)


def activity(coordinates: np.ndarray) -> np.ndarray:
    """Variance over images of each coordinate's posterior expectation, [N, D] -> [D]."""
    return np.var(np.asarray(coordinates, np.float64), axis=0)


def active_units(coordinates: np.ndarray) -> int:
    """Coordinates whose activity is above ACTIVE: centred log ratios for a simplex, means for a Gaussian."""
    return int(np.sum(activity(coordinates) > ACTIVE))


def dead_components(z: np.ndarray) -> int:
    """Latent-value collapse (Joo et al. 2020): components below DEAD_SHARE/K in every one of the images [N, K]."""
    return int(np.sum(np.max(z, axis=0) < DEAD_SHARE / z.shape[-1]))


def dead_columns(kernel: np.ndarray) -> int:
    """Decoder-weight collapse (Joo et al. 2020): latents [D] whose row of the decoder's first kernel [D, hidden] has a
    norm below a hundredth of the largest."""
    norms = np.linalg.norm(np.asarray(kernel, np.float64), axis=-1)
    return int(np.sum(norms < 0.01 * norms.max()))


def summary(posterior_means: np.ndarray, draws: np.ndarray, concentration: float | np.ndarray) -> dict:
    """Means of `sparsity` over posterior means [N, K] and over draws of the posterior [N, K], and what became of each component.

    Draws stand beside the prior's, since both are draws. A posterior that equals the prior has "draws" equal to "prior", while its
    means are all alike and as little sparse as can be.
    """
    return means(posterior_means) | {
        "draws": means(draws),
        "prior": prior_expectation(posterior_means.shape[-1], concentration),
        "dead_components": dead_components(posterior_means),
        "mean_share": posterior_means.mean(axis=0),
    }
