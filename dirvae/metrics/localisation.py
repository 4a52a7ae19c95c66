"""Does a map lie where the finding is? Scores of non-negative maps a [B, H, W] against masks m [B, H, W], one number an image.

    RMA = sum(a m)/sum(a)                     mass within the mask (relevance mass accuracy, Arras et al. 2022)
    RRA = |top |m| pixels of a, within m|/|m| rank accuracy (same paper)
    hit = 1 where the largest pixel lies in m (pointing game, Zhang et al. 2018)
    IoU of m with the top |m| pixels = RRA/(2 - RRA): the same number in other clothes

Chance is f, the mask's share of the image, for the first three. Pixels that tie share what they would get in a random order, and a
map that is 0 everywhere counts as any other constant one, so what says nothing scores chance. An empty mask gives NaN,
never a hit. Since a class's mean box alone reaches what published maps do, the headline is `skill` over that location prior.

Signed maps are scored by their absolute value, which callers take.
"""

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from dirvae.metrics import classification

Maps = Float[np.ndarray, "B H W"] | Float[Array, "B H W"]
Masks = Bool[np.ndarray, "B ..."]  # [B, H, W]; `_flat` compares them with the maps

MASK_THRESHOLD = 0.02  # grey levels by which a pixel must change to belong to an exact mask
CELLS = 4  # of a class-sensitivity grid: one positive, three negatives


def rma(maps: Maps, masks: Masks) -> Float[np.ndarray, " B"]:
    """sum(a m)/sum(a)."""
    a, m = _flat(maps, masks)
    total = a.sum(axis=1)
    silent = total == 0
    within = np.where(silent, m.mean(axis=1), (a * m).sum(axis=1) / np.where(silent, 1.0, total))
    return _known(within, m)


def rra(maps: Maps, masks: Masks) -> Float[np.ndarray, " B"]:
    """Share of the |m| largest pixels that lie in m; of those that tie for the last places, in expectation."""
    a, m = _flat(maps, masks)
    size = m.sum(axis=1)
    last = np.take_along_axis(-np.sort(-a, axis=1), np.maximum(size - 1, 0)[:, None], axis=1)
    above, tied = a > last, a == last
    places = size - above.sum(axis=1)
    within = (above & m).sum(axis=1) + places * (tied & m).sum(axis=1) / tied.sum(axis=1)
    return _known(within / np.maximum(size, 1), m)


def hit(maps: Maps, masks: Masks) -> Float[np.ndarray, " B"]:
    """1 where the largest pixel lies in m, 0 where not; of t pixels that share the maximum, their share in m."""
    a, m = _flat(maps, masks)
    largest = a == a.max(axis=1, keepdims=True)
    return _known((largest & m).sum(axis=1) / largest.sum(axis=1), m)


def matched_iou(maps: Maps, masks: Masks) -> Float[np.ndarray, " B"]:
    """IoU of m with as many of the largest pixels, RRA/(2 - RRA)."""
    return iou_of(rra(maps, masks))


def iou_of(rank_accuracy: Float[np.ndarray, "*B"]) -> Float[np.ndarray, "*B"]:
    """Two sets of one size n that share r n pixels have IoU r/(2 - r)."""
    return rank_accuracy / (2.0 - rank_accuracy)


def pixel_auroc(maps: Maps, masks: Masks) -> Float[np.ndarray, " B"]:
    """P(a pixel of m > one outside), ties counted half; NaN where the mask is empty or everything."""
    a, m = _flat(maps, masks)
    both = m.any(axis=1) & ~m.all(axis=1)
    aurocs = np.full(len(a), np.nan)
    for row in np.flatnonzero(both):
        aurocs[row] = classification.auroc(m[row].astype(np.float64), a[row], np.ones((1, a.shape[1])))[0]
    return aurocs


SCORES = {"rma": rma, "rra": rra, "hit": hit, "iou": matched_iou, "pixel_auroc": pixel_auroc}


def panel(maps: Maps, masks: Masks) -> dict[str, Float[np.ndarray, " B"]]:
    """{name: score an image} of every score here."""
    return {name: score(maps, masks) for name, score in SCORES.items()}


def skill(score: Float[np.ndarray, "*B"], reference: Float[np.ndarray, "*B"]) -> Float[np.ndarray, "*B"]:
    """(m - m_prior)/(1 - m_prior): 0 as good as the reference, 1 perfect; NaN where the reference is perfect.

    For means over images, not for single ones: an image on which the prior is nearly perfect would outweigh all others.
    """
    room = 1.0 - np.asarray(reference, np.float64)
    return np.where(room > 0, (score - reference) / np.where(room > 0, room, 1.0), np.nan)


def mean_skill(
    score: Float[np.ndarray, " B"], reference: Float[np.ndarray, " B"], weights: Float[np.ndarray, "R B"] | None = None
) -> Float[np.ndarray, " R"]:
    """Skill of the means over the images that have both, for each row of multiplicities (`bootstrap.patient_weights`)."""
    known = np.isfinite(score) & np.isfinite(reference)
    rows = np.ones((1, int(known.sum()))) if weights is None else weights[:, known]
    total = rows.sum(axis=1)
    means = [rows @ values[known] / np.where(total > 0, total, np.nan) for values in (score, reference)]
    return skill(*means)


def location_prior(masks: Masks, patient: np.ndarray | None = None) -> Float[np.ndarray, "B H W"]:
    """The mean mask of the other images of the class, for each image; of other patients alone where patients [B] are given.

    Raises:
      ValueError: where an image has no other to learn from.
    """
    _shape(masks)
    _, member = np.unique(np.arange(len(masks)) if patient is None else patient, return_inverse=True)
    count = np.bincount(member)
    if len(masks) - count.max(initial=0) < 1:
        raise ValueError("a leave-one-out location prior needs masks of at least two images or patients; one is given")
    sums = np.zeros((len(count), *masks.shape[1:]))
    np.add.at(sums, member, masks.astype(np.float64))
    others = (len(masks) - count).astype(np.float64)
    return ((sums.sum(axis=0) - sums) / others[:, None, None])[member]


def draw_grids(positive: Bool[np.ndarray, " N"], count: int, seed: int = 0) -> Int[np.ndarray, "g 4"]:
    """Members of 2 x 2 grids: one positive, first, and three different negatives; no positive recurs before all have served.

    Where a cell stands in the 2 x 2 changes nothing, since each image is explained by itself.

    Raises:
      ValueError: for a class without positives, or with fewer than three negatives.
    """
    yes, no = np.flatnonzero(positive), np.flatnonzero(~positive)
    if len(yes) < 1 or len(no) < CELLS - 1:
        raise ValueError(f"a grid needs one positive and three negatives; there are {len(yes)} and {len(no)}")
    rng = np.random.default_rng(seed)
    rounds = [rng.permutation(yes) for _ in range(-(-count // len(yes)))]
    others = [rng.choice(no, CELLS - 1, replace=False) for _ in range(count)]
    return np.column_stack([np.concatenate(rounds)[:count], np.stack(others)])


def class_sensitivity(maps: Num[np.ndarray, "g 4 H W"]) -> Float[np.ndarray, " g"]:
    """Share of a grid's |a| that lies on its first cell, the positive (Sun et al. 2023, Attri-Net); chance 1/4.

    Maps of one class for all four images, on one scale; a grid of zeros scores chance.
    """
    if maps.ndim != 4 or maps.shape[1] != CELLS:
        raise ValueError(f"grids have shape [g, {CELLS}, H, W], the positive first, not {maps.shape}")
    mass = np.abs(maps.astype(np.float64)).sum(axis=(2, 3))
    total = mass.sum(axis=1)
    return np.where(total > 0, mass[:, 0] / np.where(total > 0, total, 1.0), 1.0 / CELLS)


def _known(values: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """NaN for empty masks."""
    return np.where(masks.any(axis=1), values, np.nan)


def _shape(masks: np.ndarray) -> None:
    if masks.ndim != 3 or masks.dtype != bool:
        raise ValueError(f"masks are booleans [B, H, W], not {masks.dtype} {masks.shape}")


def _flat(maps: Maps, masks: Masks) -> tuple[np.ndarray, np.ndarray]:
    """Float64 and bool [B, H W]; raises ValueError for what cannot be scored."""
    _shape(masks)
    a = np.asarray(maps, np.float64)
    if a.shape != masks.shape:
        raise ValueError(f"maps {a.shape} and masks {masks.shape} differ in shape")
    if not (np.isfinite(a).all() and (a >= 0).all()):
        raise ValueError("maps must be finite and not negative; score the absolute value of a signed one")
    return a.reshape(len(a), -1), masks.reshape(len(a), -1)
