"""Is a traversal's end a counterfactual, and does its change agree with what the finding really does to the image?

x is the start, x' the end of a path that was asked to bring a finding to a state t (1 present, 0 absent). Whether it did is judged
by a classifier that was trained independently. The explained one steers the path by what it reads from the code, which need not be
what it would read from the picture. Where causes can be switched, the exact effect E = x(do 1) - x(do 0) is known. A difference d is
what the finding adds: end - start, and start - end when it was removed.

Distances are in grey levels of [0, 1]. Every score is one number an image; what is undefined for an image is NaN.
"""

import numpy as np
from jaxtyping import Bool, Float

from dirvae.metrics import faithfulness
from dirvae.metrics.faithfulness import Classify, Images
from dirvae.metrics.localisation import Maps

UNCHANGED = 0.01  # grey levels by which a pixel may differ and still count as left alone


def validity(
    before: Float[np.ndarray, " B"],
    after: Float[np.ndarray, " B"],
    towards: Bool[np.ndarray, " B"],
    threshold: float = 0.5,
) -> Float[np.ndarray, " B"]:
    """1 where the independent classifier's call flips to the intended one, 0 where not.

    NaN where it makes the intended call of the start already, which no path can flip: the mean is over the others. `before`
    and `after` are its probabilities of the finding, `threshold` the one it is used at.
    """
    for p in (before, after):
        if not np.all((p >= 0) & (p <= 1)):
            raise ValueError("validity needs probabilities within [0, 1] of both ends of every path")
    started, ended = (p >= threshold for p in (before, after))
    return np.where(started == towards, np.nan, (ended == towards).astype(np.float64))


def effectiveness(after: Float[np.ndarray, " B"], towards: Bool[np.ndarray, " B"]) -> Float[np.ndarray, " B"]:
    """|the independent classifier's probability - intended state|, 0 best (Monteiro et al. 2023)."""
    return np.abs(after.astype(np.float64) - towards)


def proximity(x: Images, other: Images) -> Float[np.ndarray, " B"]:
    """Returns how far x' is from x, l1 = mean |x - x'| over pixels; small is good among valid counterfactuals."""
    return np.abs(_difference(x, other)).mean(axis=1)


def sparsity(x: Images, other: Images, tolerance: float = UNCHANGED) -> Float[np.ndarray, " B"]:
    """Share of the pixels left alone, that is within `tolerance`."""
    return (np.abs(_difference(x, other)) <= tolerance).mean(axis=1)


def composition(x: Images, nulled: Float[np.ndarray, "M ..."]) -> Float[np.ndarray, "M B"]:
    """l1 between x and what 1 ... M null steps in a row make of it, 0 for a sound model (Monteiro et al. 2023).

    `nulled` [M, B, H, W, C]: each the path of length 0 from the one before, that is encoded and decoded. The first value is the
    reconstruction's error; growth from there on tells of an encoder and a decoder that do not agree.
    """
    return np.stack([proximity(x, images) for images in nulled])


def reversibility(x: Images, there: Images, back: Images) -> Float[np.ndarray, " B"]:
    """l1(x, back)/l1(x, there): 0 where the way back ends at the start, 1 where it ends as far from it as the way there did.

    `x` is the decoded start and not the image, so that the reconstruction's error is not counted. A way back that stops at a given
    certainty instead of the start's own does not reach 0, however reversible the path is. NaN where nothing changed.
    """
    gone, left = proximity(x, there), proximity(x, back)
    return np.where(gone > 0, left / np.where(gone > 0, gone, 1.0), np.nan)


def cout(
    classify: Classify, x: Images, other: Images, towards: Bool[np.ndarray, " B"], steps: int = 32
) -> Float[np.ndarray, " B"]:
    """Counterfactual transition score in [-1, 1] (Khorram & Fuxin 2022), of a finding with two states.

    The pixels of x' enter x, most changed first; the area under the probability of the intended state less that of the other,
    1 where a few pixels flip the call. `classify` gives the finding's probability.
    """
    change = np.abs(_difference(x, other)).reshape(x.shape).mean(axis=-1)
    area = faithfulness.substitution(classify, x, other, change, steps).area()
    return np.where(towards, 1.0, -1.0) * (2.0 * area - 1.0)


def off_target(
    change: Float[np.ndarray, "B L"],
    own: int,
    spread: Float[np.ndarray, " L"],
    counted: Bool[np.ndarray, " L"] | None = None,
) -> Float[np.ndarray, " B"]:
    """mean over k != own of |change_k|/spread_k, over |change_own|/spread_own: 0 where only this finding's logit moves.

    Logits that are read from the code say nothing of the picture: a head with latents of its own has 0 along them by construction.
    `change` of logits from start to end; `spread` is each logit's standard deviation over a split, without which a class
    with large logits would outweigh the others. `counted` leaves out classes that move with this one by definition (No Finding,
    or Lung Opacity beside its children). NaN where the own logit does not move.

    Raises:
      ValueError: where no other class is counted, or a spread is 0.
    """
    others = np.ones(change.shape[1], bool) if counted is None else counted.copy()
    others[own] = False
    if not others.any():
        raise ValueError("off-target change needs at least one other class")
    if not np.all(spread > 0):
        raise ValueError("off-target change is in units of each logit's spread, which must be above 0")
    moved = np.abs(change.astype(np.float64)) / spread
    alone = moved[:, own] > 0
    return np.where(alone, moved[:, others].mean(axis=1) / np.where(alone, moved[:, own], 1.0), np.nan)


def ncc(differences: Maps, effects: Maps) -> Float[np.ndarray, " B"]:
    """Normalised cross-correlation, in [-1, 1]: Pearson's correlation over pixels of a difference with the exact effect.

    A constant difference scores 0, and an effect that changes no pixel has no score (NaN).
    """
    silent = np.ptp(np.asarray(differences), axis=(1, 2)) == 0
    there = np.ptp(np.asarray(effects), axis=(1, 2)) > 0
    return np.where(silent & there, 0.0, faithfulness.correlation(differences, effects))


def severity(frames: Float[np.ndarray, "B T H W"], effects: Float[np.ndarray, "B H W"]) -> Float[np.ndarray, "B T"]:
    """Returns how much of the exact effect each frame has gained since the first: <x_t - x_0, E>/<E, E>, 1 for the whole finding."""
    e = effects.astype(np.float64)
    power = (e * e).sum(axis=(1, 2))[:, None]
    gained = np.einsum("bthw,bhw->bt", frames.astype(np.float64) - frames[:, :1], e)
    return np.where(power > 0, gained / np.where(power > 0, power, 1.0), np.nan)


def severity_response(
    frames: Float[np.ndarray, "B T H W"], effects: Float[np.ndarray, "B H W"], distance: Float[np.ndarray, "B T"]
) -> Float[np.ndarray, " B"]:
    """Spearman's correlation of `severity` with the distance gone: 1 where each step adds more of the finding, -1 less.

    Frames of a path that has stopped are ties of both. NaN where the path does not move or there is no effect.
    """
    shown = severity(frames, effects)
    defined = np.isfinite(shown).all(axis=1)
    correlation = faithfulness.rank_correlation(np.where(defined[:, None], shown, 0.0)[:, None], distance[:, None])
    return np.where(defined, correlation, np.nan)


def reliance(low: Float[np.ndarray, " n"], high: Float[np.ndarray, " n"], logits: Float[np.ndarray, " N"]) -> float:
    """R = E[logit(do conf = 1) - logit(do conf = 0)]/sd(logit): what the classifier really owes to a confounder.

    `low` and `high` are a finding's logits of the same images under both interventions, `logits` those of a split as it is.
    """
    if low.shape != high.shape:
        raise ValueError(f"the two interventions have {low.shape} and {high.shape} logits; they need the same images")
    spread = logits.astype(np.float64).std()
    if not spread > 0:
        raise ValueError("reliance is in units of the logit's spread, but the classifier gives every image the same")
    return float(np.mean(high.astype(np.float64) - low) / spread)


def logit(probability: Float[np.ndarray, "*B"]) -> Float[np.ndarray, "*B"]:
    """log p/(1 - p), of probabilities that float32 has rounded to 0 or 1 as if they were 1e-7 from it."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(p) - np.log1p(-p)


def _difference(x: Images, other: Images) -> np.ndarray:
    """x' - x, float64 [B, H W C]."""
    if x.shape != other.shape:
        raise ValueError(f"images {x.shape} and {other.shape} differ in shape")
    return (np.asarray(other, np.float64) - np.asarray(x, np.float64)).reshape(len(x), -1)
