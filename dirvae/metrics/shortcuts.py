"""Does an explanation say which shortcut a classifier takes? Shares of an explanation against true reliance, over many models.

A model m has a reliance R[m, c] on each confounder c, measured by intervention (`counterfactual.reliance`), and its explanations a
share beta[m, k] on each factor k (`footprint`), both with a sign: above 0 where the factor counts for the finding. The share is
read against the factor's own null: models in whose training data no confounder told anything,

    z[m, k] = (beta[m, k] - mean of the null)/sd of the null,

a null model against the others. Then: AUROC of z for R > `threshold`, the share of null models above the alarm level, and the rank
of the confounder that is used among all factors, by z, which nobody had to name. `departures` needs no list of factors at all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dirvae.metrics import classification, footprint

RELIED_ON = 0.25  # standard deviations of the logit: from here on a confounder counts as used
UNRANKED = 0  # place of a factor where no others were scored
ALARM = 2.0  # standard deviations of the null from which on a share raises an alarm


class Detection(NamedTuple):
    """One explanation's success over models, for one kind of confounder or for all; NaN where it cannot be told."""

    models: int  # that were trained on a confounder of this kind, or the null ones
    used: int  # of them, by true reliance
    auroc: float
    false_alarms: float  # share of null models that do not rely on it with z above the alarm level
    found: float  # share of the used confounders that raise an alarm
    first: float  # share of the used confounders that come first of all factors; NaN for scores of one factor alone


def against_null(share: Float[np.ndarray, "M F"], null: Bool[np.ndarray, " M"]) -> Float[np.ndarray, "M F"]:
    """z of every model; a null model's own share is left out of the null that it is set against.

    Raises:
      ValueError: for fewer than three null models.
    """
    if null.sum() < 3:
        raise ValueError(f"a null needs at least three models, not {int(null.sum())}; train more at rho = 0")
    found = footprint.calibrated(share, share[null])
    for m in np.flatnonzero(null):
        others = null & (np.arange(len(null)) != m)
        found[m] = footprint.calibrated(share[m : m + 1], share[others])[0]
    return found


def departures(average: Float[np.ndarray, "M H W"], null: Bool[np.ndarray, " M"]) -> Float[np.ndarray, " M"]:
    """|a_m - mean of the null's a|^2, how unlike those of the null models a model's average map looks; no factor need be known for it.

    A null model is set against the others. Maps are to be scaled alike beforehand, such as by the root mean square over images.
    """
    flat = average.reshape(len(average), -1)
    others = [flat[null & (np.arange(len(null)) != m)].mean(axis=0) for m in range(len(flat))]
    return np.square(flat - np.stack(others)).sum(axis=1)


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
    threshold: float = RELIED_ON,
    alarm: float = ALARM,
) -> Detection:
    """Of each model's confounder: its z, the model's true reliance on it, and its place among the factors."""
    used = reliance > threshold
    both = used.any() and not used.all()
    auroc = classification.auroc(used.astype(np.float64), z, np.ones((1, len(z))))[0] if both else np.nan
    mean = lambda flags, among: float(flags[among].mean()) if among.any() else np.nan  # noqa: E731
    return Detection(
        len(z),
        int(used.sum()),
        float(auroc),
        mean(z > alarm, null & ~used),
        mean(z > alarm, used),
        mean(place == 1, used & (place != UNRANKED)),
    )
