"""From factors and seeds to images, to exact effects and to masks.

Rendering is deterministic and elementwise in the batch: a row's pixels depend on its factors and seed alone. The seed picks
vessels, mottle and noise from fixed fields, so an intervention on factors leaves them as they were, and

    effect(c) = x(factors) - x(do(c = 0))        mask(c) = |effect(c)| > tau

are exact.
"""

import functools
from collections.abc import Callable

import numpy as np

from data_prep.phantom import anatomy, confounders, pathology
from data_prep.phantom.factors import do, per_row

BANK = 48  # vessel trees and mottles to choose from
NOISE_SIDE = 1024
BATCH = 32  # images rendered at once, so that their arrays stay in the processor's cache
TAU = 0.02  # grey levels: what counts as changed


@functools.cache
def _vessels(size: int) -> np.ndarray:
    """[BANK, S, S]: branching, tapering vessels from both hila, drawn by random walks at four times the resolution."""
    rng, side = np.random.default_rng(11), 4 * min(size, 96)
    trees = np.zeros((BANK, side, side), np.float32)
    for tree in trees:
        for hilum in (-0.20, 0.20):
            for _ in range(13):
                _branch(tree, rng, hilum, 0.02 + 0.06 * rng.standard_normal(), rng.uniform(0, 2 * np.pi), 0.020, 3)
    if side % size:
        return np.stack([_resample(tree, size) for tree in trees])
    f = side // size
    return trees.reshape(BANK, size, f, size, f).mean(axis=(2, 4))


def _resample(tree: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(tree, mode="F").resize((size, size), Image.Resampling.BICUBIC))


def _branch(
    tree: np.ndarray, rng: np.random.Generator, u: float, v: float, heading: float, width: float, depth: int
) -> None:
    side = tree.shape[0]
    for _ in range(int(rng.integers(10, 16))):
        heading += 0.16 * rng.standard_normal()
        u, v, width = u + 0.018 * np.cos(heading), v + 0.018 * np.sin(heading), width * 0.955
        radius = max(1, round(width * side / 2))
        row, first = round((v + 1) / 2 * side), round((u + 1) / 2 * side)
        if radius < row < side - radius and radius < first < side - radius:
            spot = tree[row - radius : row + radius + 1, first - radius : first + radius + 1]
            np.maximum(spot, min(1.0, 0.35 + 26.0 * width), out=spot)
    if depth:
        for turn in (-0.5, 0.5):
            _branch(tree, rng, u, v, heading + turn + 0.2 * rng.standard_normal(), width * 0.8, depth - 1)


@functools.cache
def _mottles(size: int) -> np.ndarray:
    """[BANK, S, S]: smooth standard fields, the same at every size (band-limited, drawn in the frequency domain)."""
    rng, modes = np.random.default_rng(12), 12
    frequency = np.arange(-modes, modes + 1)
    power = np.exp(-0.5 * (np.hypot(frequency[:, None], frequency[None, :]) / 5.0) ** 2)
    shape = (BANK, len(frequency), len(frequency))
    coefficients = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * power
    ticks = (np.arange(size) + 0.5) / size
    waves = np.exp(2j * np.pi * np.outer(ticks, frequency))
    fields = np.einsum("sf,bfg,tg->bst", waves, coefficients, waves, optimize=True).real
    return (fields / fields.std(axis=(1, 2), keepdims=True)).astype(np.float32)


@functools.cache
def _noise_field() -> np.ndarray:
    return np.random.default_rng(13).standard_normal((NOISE_SIDE, NOISE_SIDE)).astype(np.float32)


def _noise(seeds: np.ndarray, size: int) -> np.ndarray:
    """[n, S, S] standard white noise: a window of a fixed field at an offset that the seed gives."""
    field, room = _noise_field(), NOISE_SIDE - size
    top, left = (seeds * 7919) % room, (seeds * 104729 + 17) % room
    return np.stack([field[t : t + size, s : s + size] for t, s in zip(top, left, strict=True)])


def render(factors: np.ndarray, seeds: np.ndarray, size: int = 64) -> np.ndarray:
    """Images float32 [n, S, S] in [0, 1] of factors [n, F] and seeds int64 [n].

    Raises:
      ValueError: for a size outside 32 to 256, or factors and seeds that do not fit.
    """
    if not 32 <= size <= 256:
        raise ValueError(f"the phantom is drawn at 32 to 256 pixels, not {size}")
    if len(factors) != len(seeds):
        raise ValueError(f"{len(factors)} rows of factors and {len(seeds)} seeds do not fit")
    factors, seeds = np.asarray(factors, np.float32), np.asarray(seeds, np.int64)
    parts = [_render(factors[i : i + BATCH], seeds[i : i + BATCH], size) for i in range(0, len(factors), BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, size, size), np.float32)


def _render(factors: np.ndarray, seeds: np.ndarray, size: int) -> np.ndarray:
    at = anatomy.frame(factors, size, pathology.raised_diaphragm(factors))
    mottle, vessels = _mottles(size)[seeds % BANK], _vessels(size)[(seeds // BANK) % BANK]
    silhouette = anatomy.heart(factors, at, pathology.heart_scale(factors))
    lungs = pathology.Lungs(air=at.lung.copy(), density=np.zeros_like(at.lung), vessels=np.ones_like(at.lung))
    pathology.edema(factors, at, lungs, mottle)
    pathology.consolidation(factors, at, lungs, mottle)
    pathology.atelectasis(factors, at, lungs)
    pathology.effusion(factors, at, lungs)
    pathology.pneumothorax(factors, at, lungs)
    pathology.lesion(factors, at, lungs)
    centre = anatomy.mediastinum(factors, at)
    air = lungs.air * (1.0 - 0.92 * np.maximum(silhouette, 0.85 * centre))
    texture = 1.0 + 0.05 * mottle * (1.0 + 0.5 * per_row(factors, "texture"))
    image = anatomy.soft_tissue(factors, at) - 0.47 * air * texture
    image += 0.20 * vessels * lungs.vessels * at.lung * (1.0 - silhouette) + lungs.density * (1.0 - 0.6 * silhouette)
    image += 0.08 * silhouette + 0.06 * centre + anatomy.bones(factors, at)
    confounders.devices(factors, at, image)
    image = image * (1.0 + 0.05 * per_row(factors, "exposure"))
    image = confounders.scanner(factors, image.astype(np.float32, copy=False))
    image += confounders.noise_level(factors) * _noise(seeds, size)
    confounders.collimation(factors, image)
    confounders.markers(factors, image)
    return np.clip(image, 0.0, 1.0)


def quantise(images: np.ndarray) -> np.ndarray:
    """[0, 1] -> uint8."""
    return np.rint(images * 255.0).astype(np.uint8)


def effect(factors: np.ndarray, seeds: np.ndarray, name: str, size: int = 64) -> np.ndarray:
    """[n, S, S] signed: what a factor or finding adds to each image, x - x(do(name = 0)), zero where it is absent.

    For No Finding the other way round: what the pathologies that are there take away, x(do(No Finding = 1)) - x.
    """
    if name == "No Finding":
        return render(do(factors, name, 1.0), seeds, size) - render(factors, seeds, size)
    return render(factors, seeds, size) - render(do(factors, name, 0.0), seeds, size)


def mask(factors: np.ndarray, seeds: np.ndarray, name: str, size: int = 64, tau: float = TAU) -> np.ndarray:
    """bool [n, S, S]: where |effect| exceeds tau."""
    return np.abs(effect(factors, seeds, name, size)) > tau


def renderer(size: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """render(factors, seeds) at a fixed size, to be handed to code that knows nothing of the phantom."""
    return functools.partial(render, size=size)
