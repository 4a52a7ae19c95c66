"""Importance weights give lower bounds of log p(x), and say how much an encoder tells of an image.

With S draws z_s ~ q(z|x) and weights w_s = p(x|z_s) p(z_s)/q(z_s|x):

    ELBO = (1/S) sum_s log w_s    <=    IW = log (1/S) sum_s w_s    <=    log p(x),    each in expectation

(Burda et al. 2016, arXiv 1509.00519); IW grows with S. w does not depend on the measure that the densities of p and q share.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp


class Bounds(NamedTuple):
    """Bounds of log p(x) of each of N examples, in nats.

    `effective_samples` (sum w)^2/sum w^2 run from 1 to S. Near 1, one draw carries the bound.
    """

    elbo: np.ndarray
    importance_weighted: np.ndarray
    effective_samples: np.ndarray


def bounds(log_weights: Float[np.ndarray, "S N"]) -> Bounds:
    """The bounds of N examples from their log weights, in double precision."""
    logs = np.asarray(log_weights, np.float64)
    total = logsumexp(logs, axis=0)
    effective = np.exp(2.0 * total - logsumexp(2.0 * logs, axis=0))
    return Bounds(logs.mean(axis=0), total - np.log(len(logs)), effective)


class Information(NamedTuple):
    """Mutual information of x and z ~ q(z|x), in nats.

    `error` is the standard error over images, and `ceiling` = log N is what no estimate exceeds.
    """

    value: float
    error: float
    ceiling: float


def mutual_information(log_density: Float[np.ndarray, "N N"]) -> Information:
    """Estimates I(x, z) from log q(z_i|x_j) [i, j], with one draw z_i ~ q(z|x_i) of each of N images (Hoffman & Johnson 2016).

        E KL(q(z|x) || p) - KL(q(z) || p) = E log q(z|x)/q(z),    q(z) = (1/N) sum_j q(z|x_j)

    in which p cancels. The mixture holds the very x_i that z_i came from, so that no row exceeds log N. In expectation the
    value is a lower bound of I (van den Oord et al. 2018, arXiv 1807.03748). Where it comes near log N, it says no more than
    that I is at least about as large.
    """
    logs = np.asarray(log_density, np.float64)
    rows = np.diagonal(logs) - logsumexp(logs, axis=1) + np.log(len(logs))
    error = rows.std(ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.nan
    return Information(float(rows.mean()), float(error), float(np.log(len(rows))))
