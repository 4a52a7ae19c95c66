"""Does an explanation separate classifiers that use a confounder from those that do not? Shares of it against true reliance.

A model m has a reliance R[m, c] on each confounder c, measured by intervention (`counterfactual.reliance`). Its explanations have a
share beta[m, k] on each factor k (`footprint`). Both have a sign, above 0 where the factor counts for the finding. The share is
read against the factor's own null: models in whose training data no confounder told anything, though they may rely on one a little,

    z[m, k] = (beta[m, k] - mean of the null)/sd of the null,

a null model against the others. The scores are the AUROC of z for R > `threshold`, the share of null models above the alarm level,
and a rank. It ranks the confounder in use among all factors, by z; nobody had to name it. `departures` needs no list of factors at all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dirvae.metrics import bootstrap, classification, footprint

RELIED_ON = 0.25  # standard deviations of the logit: from here on a confounder counts as used
REPLICATES = 2000  # of the interval
FEWEST = 3  # null models, each of which is set against the others
UNRANKED = 0  # place of a factor where no others were scored
ALARM = 2.0  # standard deviations of the null from which on a share raises an alarm


class Detection(NamedTuple):
    """One explanation's success over models, for one kind of confounder or for all; NaN where it cannot be told."""

    models: int  # that were trained on a confounder of this kind, or the null ones
    used: int  # of them, by true reliance
    auroc: float
    low: float  # 95 % interval of the AUROC, models resampled with all their rows
    high: float
    false_alarms: float  # share of null models that do not rely on it with z above the alarm level
    detected: float  # share of the used confounders that raise an alarm
    ranked_first: (
        float  # share of the used confounders that come first of all factors; NaN for scores of one factor alone
    )


def against_null(share: Float[np.ndarray, "M F"], null: Bool[np.ndarray, " M"]) -> Float[np.ndarray, "M F"]:
    """z of every model; a null model's own share is left out of the null that it is set against.

    Raises:
      ValueError: for fewer than three null models.
    """
    if null.sum() < FEWEST:
        raise ValueError(f"a null needs at least {FEWEST} models, not {int(null.sum())}; train more at rho = 0")
    z = footprint.calibrated(share, share[null])
    for m in np.flatnonzero(null):
        others = null & (np.arange(len(null)) != m)
        z[m] = footprint.calibrated(share[m : m + 1], share[others])[0]
    return z


def departures(average: Float[np.ndarray, "M H W"], null: Bool[np.ndarray, " M"]) -> Float[np.ndarray, " M"]:
    """|a_m - mean of the null's a|^2/(1 + 1/n), how unlike those of n null models a model's average map looks; no factor need be known.

    A null model is set against the others; the divisor makes it expect what any other model would that is like them. Maps are to be
    scaled alike beforehand, such as by the root mean square over images.
    """
    flat = average.reshape(len(average), -1)
    others = [flat[null & (np.arange(len(null)) != m)] for m in range(len(flat))]
    distance = np.square(flat - np.stack([maps.mean(axis=0) for maps in others])).sum(axis=1)
    return distance / np.array([1.0 + 1.0 / len(maps) for maps in others])


def rank(
    z: Float[np.ndarray, "M F"], factor: Int[np.ndarray, " M"], left_out: Int[np.ndarray, " M"]
) -> Int[np.ndarray, " M"]:
    """Place of each model's factor by z, 1 the highest, among all but the one `left_out` (the finding that is explained)."""
    others = z.copy()
    others[np.arange(len(z)), left_out] = -np.inf
    own = np.take_along_axis(z, factor[:, None], axis=1)
    return 1 + (others > own).sum(axis=1)


def detection(
    z: Float[np.ndarray, " M"],
    reliance: Float[np.ndarray, " M"],
    null: Bool[np.ndarray, " M"],
    place: Int[np.ndarray, " M"],
    model: Int[np.ndarray, " M"],
    threshold: float = RELIED_ON,
    alarm: float = ALARM,
) -> Detection:
    """The detection from rows, each a model and a confounder with its z, true reliance and place among the factors.

    A `model` may have several rows, which are resampled together.
    """
    used = reliance > threshold
    weights = bootstrap.with_sample(model, REPLICATES)
    aurocs = (
        classification.auroc(used.astype(np.float64), z, weights) if 0 < used.sum() < len(z) else np.full(2, np.nan)
    )
    low, high = bootstrap.percentiles(aurocs[1:])
    return Detection(
        len(z),
        int(used.sum()),
        float(aurocs[0]),
        float(low),
        float(high),
        _share(z > alarm, null & ~used),
        _share(z > alarm, used),
        _share(place == 1, used & (place != UNRANKED)),
    )


def _share(flags: Bool[np.ndarray, " M"], among: Bool[np.ndarray, " M"]) -> float:
    """The share of rows with the flag among some; NaN among none."""
    return float(flags[among].mean()) if among.any() else np.nan
