"""Renders images, exact effects and masks of the phantom from factors and seeds.

Rendering is deterministic and elementwise in the batch: a row's pixels depend on its factors and seed alone. The seed picks
vessels, mottle and noise from fixed banks, so an intervention on factors leaves them as they were, and

    effect(c) = x(do(c = 1)) - x(do(c = 0))        mask(c) = |effect(c)| > tau

are exact and free of noise (but where a pixel is clipped at black or white).
"""

import functools
from collections.abc import Callable

import numpy as np

from data_prep.phantom import anatomy, confounders, pathology, texture
from data_prep.phantom.factors import contrast, per_row

BATCH = 16  # images drawn at once at 64 pixels, so that their arrays stay in the processor's cache
TAU = 0.02  # grey levels: what counts as changed
SMALLEST, LARGEST = 32, 256  # pixels


def render(factors: np.ndarray, seeds: np.ndarray, size: int = 64) -> np.ndarray:
    """Images float32 [n, S, S] in [0, 1] of factors [n, F] and seeds int64 [n].

    Raises:
      ValueError: for a size outside 32 to 256, or factors and seeds that do not fit.
    """
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"the phantom is drawn at {SMALLEST} to {LARGEST} pixels, not {size}")
    factors, seeds = np.asarray(factors, np.float32), np.asarray(seeds, np.int64)
    if len(factors) != len(seeds):
        raise ValueError(f"{len(factors)} rows of factors and {len(seeds)} seeds do not fit")
    images = np.empty((len(factors), size, size), np.float32)
    step = max(1, BATCH * 64 * 64 // (size * size))
    for first in range(0, len(factors), step):
        part = slice(first, first + step)
        images[part] = _render(factors[part], seeds[part], size)
    return images


def _render(factors: np.ndarray, seeds: np.ndarray, size: int) -> np.ndarray:
    at = anatomy.frame(factors, size, pathology.raised_diaphragm(factors))
    image = _thorax(factors, seeds, at)
    confounders.devices(factors, at, image)
    image = _film(image, factors)
    confounders.scanner(factors, image)
    confounders.collimation(factors, image)
    confounders.markers(factors, image)
    image += confounders.noise_level(factors) * texture.noise(seeds, size)  # last, so that it cancels in effects
    return np.clip(image, 0.0, 1.0, out=image)


def _thorax(factors: np.ndarray, seeds: np.ndarray, at: anatomy.Frame) -> np.ndarray:
    """Summed densities: soft tissue, less the lungs' air, with dense organs, vessels, bones and what is diseased."""
    mottle = texture.mottle(seeds, at.u.shape[1])
    heart = anatomy.mediastinum(factors, at, pathology.enlarged_heart(factors))
    open_ = at.lung * (1.0 - heart)
    lungs = pathology.Lungs(open_.copy(), np.zeros_like(open_), np.ones_like(open_))
    pathology.edema(factors, at, lungs, mottle)
    pathology.consolidation(factors, at, lungs, mottle)
    pathology.atelectasis(factors, at, lungs)
    pathology.effusion(factors, at, lungs)
    pathology.pneumothorax(factors, at, lungs)
    pathology.lesion(factors, at, lungs)
    dense = np.maximum(
        heart * (0.62 + 0.33 * anatomy.ramp(at.v, 0.7)),
        anatomy.ramp(at.below, 0.05) * anatomy.ramp(at.lateral + 0.1, 0.2),
    )
    image = anatomy.soft_tissue(factors, at) + anatomy.bones(factors, at) + 0.17 * dense
    image -= 0.30 * lungs.air * (1.0 - 0.05 * (1.0 + 0.5 * per_row(factors, "texture")) * mottle)
    image += (0.17 + 0.03 * per_row(factors, "texture")) * texture.vessels(seeds, at.u.shape[1]) * lungs.vessels * open_
    image += lungs.density * (1.0 - 0.65 * heart)
    return image


def _film(image: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Exposure, then a film's curve: steep in the middle, soft towards black and white."""
    exposed = image * (1.0 + 0.05 * per_row(factors, "exposure"))
    return (0.5 + 0.5 * np.tanh(np.float32(2.6) * (exposed - np.float32(0.45)))).astype(np.float32, copy=False)


def quantise(images: np.ndarray) -> np.ndarray:
    """[0, 1] -> uint8."""
    return np.rint(images * np.float32(255.0)).astype(np.uint8)


def effect(factors: np.ndarray, seeds: np.ndarray, name: str, size: int = 64) -> np.ndarray:
    """[n, S, S] signed: what a finding or factor adds to each image, x(do 1) - x(do 0) (`factors.contrast`)."""
    low, high = contrast(factors, name)
    return render(high, seeds, size) - render(low, seeds, size)


def mask(factors: np.ndarray, seeds: np.ndarray, name: str, size: int = 64, tau: float = TAU) -> np.ndarray:
    """bool [n, S, S]: where |effect| exceeds tau."""
    return np.abs(effect(factors, seeds, name, size)) > tau


def renderer(size: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """render(factors, seeds) at a fixed size, to be handed to code that knows nothing of the phantom."""
    return functools.partial(render, size=size)
