"""Does the classifier lean on what a map shows? Curves of its answer while pixels are replaced in the map's order.

deletion:  the image's pixels give way to a baseline's, most relevant first. The faster the answer falls, the better.
insertion: a baseline's give way to the image's (Petsiuk et al. 2018, RISE).
ROAD:      removed pixels are imputed from their neighbours, so that the shape of what is missing tells the classifier little.
           It is done most relevant first and least relevant first (Rong et al. 2022, arXiv 2202.00449).

Their areas depend on classifier and image: only a random map's on the same images says what chance is. A map that does not
change with the classifier explains nothing, whatever it scores: `rank_correlation` with the map of a randomised classifier
(Adebayo et al. 2018; `dirvae.explain.sanity`) should be near 0.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse.linalg import spsolve

from dirvae.metrics.localisation import Maps

Images = Float[np.ndarray, "B ..."]  # [B, H, W, C]; `_fit` compares them with the maps
Classify = Callable[[np.ndarray], np.ndarray]
"""Images float32 [B, H, W, C], always all of them in their order -> the answer [B] each is asked for, such as a probability."""

REMOVED = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)  # of the pixels, by ROAD
NEIGHBOURS = {(0, 1): 1 / 6, (1, 0): 1 / 6, (1, 1): 1 / 12, (1, -1): 1 / 12}  # weights; the other four by symmetry
NOISE = 0.01  # standard deviation of what ROAD adds to an imputed pixel, grey levels of [0, 1]


class Curve(NamedTuple):
    """The classifier's answer once each share of the pixels has been replaced."""

    share: Float[np.ndarray, " S"]
    value: Float[np.ndarray, "B S"]

    def area(self) -> Float[np.ndarray, " B"]:
        """Mean answer over the range of shares, by the trapezium rule."""
        return np.trapezoid(self.value, self.share, axis=1) / np.ptp(self.share)


def removal_rank(maps: Maps, seed: int = 0) -> Int[np.ndarray, "B H W"]:
    """Place of each pixel, 0 the most relevant; pixels that tie are put in a random order, not in that of rows."""
    a = np.asarray(maps, np.float64)
    if not np.isfinite(a).all():
        raise ValueError("maps must be finite to put their pixels in order")
    flat = a.reshape(len(a), -1)
    shuffled = np.random.default_rng(seed).permuted(np.tile(np.arange(flat.shape[1]), (len(a), 1)), axis=1)
    order = np.take_along_axis(
        shuffled, np.argsort(-np.take_along_axis(flat, shuffled, axis=1), axis=1, kind="stable"), axis=1
    )
    return np.argsort(order, axis=1).reshape(a.shape)


def substitution(classify: Classify, start: Images, end: Images, maps: Maps, steps: int = 32, seed: int = 0) -> Curve:
    """The answer on the way from `start` to `end`, replacing 1/steps of the pixels at a time, most relevant first.

    Raises:
      ValueError: where start, end and maps do not fit, or a map is not finite.
    """
    _fit(start, maps)
    _fit(end, maps)
    rank = removal_rank(maps, seed)[..., None]
    share = np.linspace(0.0, 1.0, steps + 1)
    values = [_answer(classify, np.where(rank < round(s * rank[0].size), end, start)) for s in share]
    return Curve(share, np.stack(values, axis=1))


def deletion(classify: Classify, images: Images, baseline: Images, maps: Maps, steps: int = 32, seed: int = 0) -> Curve:
    """The curve of the answer from the images to their baselines; small areas are good."""
    return substitution(classify, images, baseline, maps, steps, seed)


def insertion(
    classify: Classify, images: Images, baseline: Images, maps: Maps, steps: int = 32, seed: int = 0
) -> Curve:
    """The curve of the answer from the baselines to the images; large areas are good."""
    return substitution(classify, baseline, images, maps, steps, seed)


def impute(
    image: Float[np.ndarray, "H W C"], removed: Bool[np.ndarray, "H W"], noise: float = NOISE, seed: int = 0
) -> Float[np.ndarray, "H W C"]:
    """Noisy linear imputation: each removed pixel is the weighted mean of its eight neighbours, 1/6 beside and 1/12 across.

    All removed pixels are unknowns of one sparse linear system; at borders the weights of the neighbours that exist are scaled to
    sum to 1. Independent normal noise comes on top, since a smooth patch would itself be a sign.

    Raises:
      ValueError: where every pixel is removed, so that nothing is known.
    """
    if removed.all():
        raise ValueError("nothing can be imputed where every pixel is removed")
    laplacian = _laplacian(*removed.shape)
    missing, flat = removed.ravel(), image.reshape(-1, image.shape[-1]).astype(np.float64)
    if not missing.any():
        return image.copy()
    rows = laplacian[missing]
    solved = spsolve(rows[:, missing].tocsc(), -(rows[:, ~missing] @ flat[~missing])).reshape(-1, flat.shape[1])
    flat[missing] = solved + noise * np.random.default_rng(seed).normal(size=solved.shape)
    return flat.reshape(image.shape).astype(image.dtype)


class Road(NamedTuple):
    """Most and least relevant pixels first; `gap` is the mean of least - most, positive for a map that says something."""

    most: Curve
    least: Curve

    def gap(self) -> Float[np.ndarray, " B"]:
        return np.mean(self.least.value - self.most.value, axis=1)


def road(
    classify: Classify,
    images: Images,
    maps: Maps,
    removed: Sequence[float] = REMOVED,
    noise: float = NOISE,
    seed: int = 0,
) -> Road:
    """Remove and debias: the answer after shares of the pixels were imputed, in either order.

    Raises:
      ValueError: for shares outside (0, 1), or images and maps that do not fit.
    """
    if not all(0.0 < share < 1.0 for share in removed):
        raise ValueError(f"shares of removed pixels lie between 0 and 1, not {tuple(removed)}")
    _fit(images, maps)
    rank, share = removal_rank(maps, seed), np.asarray(removed, np.float64)

    def curve(rank: np.ndarray) -> Curve:
        masks = [rank < round(s * rank[0].size) for s in share]
        filled = [np.stack([impute(*pair, noise, seed) for pair in zip(images, m, strict=True)]) for m in masks]
        return Curve(share, np.stack([_answer(classify, shown) for shown in filled], axis=1))

    return Road(curve(rank), curve(rank[0].size - 1 - rank))


def correlation(a: Maps, b: Maps) -> Float[np.ndarray, " B"]:
    """Pearson's correlation over pixels of two maps of each image; NaN where one of them is constant."""
    if a.shape != b.shape:
        raise ValueError(f"maps {a.shape} and {b.shape} differ in shape")
    flat = [np.asarray(x, np.float64).reshape(len(x), -1) for x in (a, b)]
    varied = np.all([np.ptp(x, axis=1) > 0 for x in flat], axis=0)
    x, y = (x - x.mean(axis=1, keepdims=True) for x in flat)
    norm = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.where(varied, (x * y).sum(axis=1) / np.where(varied, norm, 1.0), np.nan)


def rank_correlation(a: Maps, b: Maps) -> Float[np.ndarray, " B"]:
    """Spearman's, that is Pearson's of the ranks."""
    from scipy import stats  # here, since importing it takes as long as importing JAX

    ranks = [stats.rankdata(np.asarray(x).reshape(len(x), -1), axis=1).reshape(x.shape) for x in (a, b)]
    return correlation(*ranks)


def _fit(images: np.ndarray, maps: np.ndarray) -> None:
    if images.ndim != 4 or images.shape[:3] != maps.shape:
        raise ValueError(f"images {images.shape} and maps {maps.shape} do not fit: [B, H, W, C] and [B, H, W]")


def _answer(classify: Classify, images: np.ndarray) -> np.ndarray:
    return np.asarray(classify(images.astype(np.float32)), np.float64)


def _laplacian(height: int, width: int) -> sparse.csr_matrix:
    """sum_j w_ij (x_i - x_j) over the neighbours j that exist, [H W, H W]."""
    place = np.arange(height * width).reshape(height, width)
    heads, tails, weights = [], [], []
    for (down, right), weight in NEIGHBOURS.items():
        near = place[: height - down, max(0, -right) : width - max(0, right)]
        far = place[down:, max(0, right) : width - max(0, -right)]
        heads, tails = [*heads, near.ravel(), far.ravel()], [*tails, far.ravel(), near.ravel()]
        weights += [np.full(2 * near.size, weight)]
    shape = (place.size, place.size)
    links = sparse.csr_matrix((np.concatenate(weights), (np.concatenate(heads), np.concatenate(tails))), shape)
    return (sparse.diags(np.asarray(links.sum(axis=1)).ravel()) - links).tocsr()
