"""Fixed banks that a seed chooses from: vessel trees, mottle, and noise.

Everything is defined in shares of the image and then averaged down to its pixels, so that an image of 64 pixels is the
one of 256 pixels seen coarsely. A seed's upper part, `seed >> PATIENT_BITS`, is the patient's and picks the vessels; the
whole seed picks mottle and noise.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

PATIENT_BITS = 8
BANK = 32  # vessel trees, and mottles
CANVAS = 512  # pixels a side on which vessels are drawn, before averaging
GRAIN = 256  # noise grains a side of an image, at any size
TILES = 3  # the noise field is this many images wide
OFFSETS = 64  # noise windows start at multiples of 1/32 image


def vessels(seeds: np.ndarray, size: int) -> np.ndarray:
    """[n, S, S] in [0, 1]: vessels that branch and taper from both hila."""
    return _vessel_bank(size)[(seeds >> PATIENT_BITS) % BANK]


def mottle(seeds: np.ndarray, size: int) -> np.ndarray:
    """[n, S, S] of mean 0 and variance 1: a smooth field of about ten blotches a side."""
    return _mottle_bank(size)[_hash(seeds, 1) % BANK]


def noise(seeds: np.ndarray, size: int) -> np.ndarray:
    """[n, S, S]: film grain, of variance 1 at 64 pixels and more at finer sizes; two windows of one fixed field, added."""
    field = _noise_field(size)
    windows = []
    for salt in (2, 4):
        top, left = (_hash(seeds, salt + i) % OFFSETS * size // 32 for i in range(2))
        windows.append(np.stack([field[t : t + size, s : s + size] for t, s in zip(top, left, strict=True)]))
    return (windows[0] + windows[1]) * np.float32(0.5**0.5)


def _hash(seeds: np.ndarray, salt: int) -> np.ndarray:
    """Scrambles int64 seeds (splitmix64), so that neighbouring seeds have nothing in common."""
    mixed = seeds.astype(np.uint64) + np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


def _average(canvas: np.ndarray, size: int) -> np.ndarray:
    """Box average of a square float32 canvas to `size` pixels a side, any ratio."""
    picture = Image.fromarray(canvas, mode="F") if canvas.dtype == np.float32 else Image.fromarray(canvas)
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX), np.float32)


@functools.cache
def _vessel_bank(size: int) -> np.ndarray:
    rng, trees = np.random.default_rng(11), []
    for _ in range(BANK):
        canvas = Image.new("L", (CANVAS, CANVAS))
        pen = ImageDraw.Draw(canvas)
        for hilum, level in ((-0.17, 0.0), (0.17, -0.04)):
            for turn in np.linspace(-1.75, 1.75, 12) + 0.12 * rng.standard_normal(12):
                heading = turn if hilum > 0 else np.pi - turn
                start = (hilum, level + 0.10 * np.sin(turn))
                _branch(pen, rng, start, heading, 0.021 * rng.uniform(0.7, 1.2), 4)
        tree = np.asarray(canvas, np.float32) / 255.0
        haze = ndimage.gaussian_filter(tree, 0.02 * CANVAS)
        trees.append(_average(0.7 * tree + 0.9 * haze, size))
    return np.stack(trees)


def _branch(
    pen: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    width: float,
    depth: int,
) -> None:
    """Draws one vessel of a tree and its two children; thinner is fainter."""
    points = [start]
    for _ in range(5):
        heading += 0.11 * rng.standard_normal()
        u, v = points[-1]
        points.append((u + 0.030 * np.cos(heading), v + 0.030 * np.sin(heading)))
    pixels = [((u + 1) / 2 * CANVAS, (v + 1) / 2 * CANVAS) for u, v in points]
    pen.line(pixels, fill=min(255, round(45 + 9000 * width)), width=max(1, round(width * CANVAS / 2)))
    if depth:
        for turn in (-0.32, 0.32):
            _branch(pen, rng, points[-1], heading + turn + 0.15 * rng.standard_normal(), width * 0.70, depth - 1)


@functools.cache
def _mottle_bank(size: int) -> np.ndarray:
    """Band-limited fields, drawn in the frequency domain and so the same at every size."""
    rng, modes = np.random.default_rng(12), 14
    frequency = np.arange(-modes, modes + 1)
    power = np.exp(-0.5 * (np.hypot(frequency[:, None], frequency[None, :]) / 5.5) ** 2)
    shape = (BANK, len(frequency), len(frequency))
    coefficients = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * power
    ticks = (np.arange(size) + 0.5) / size
    waves = np.exp(2j * np.pi * np.outer(ticks, frequency))
    fields = np.einsum("sf,bfg,tg->bst", waves, coefficients, waves, optimize=True).real
    return (fields / np.sqrt(np.sum(power**2))).astype(np.float32)


@functools.cache
def _noise_field(size: int) -> np.ndarray:
    """[TILES S, TILES S]: pink-ish grain, averaged from GRAIN to S pixels an image; variance 1 at 64 pixels."""
    side = TILES * GRAIN
    spectrum = np.fft.rfft2(np.random.default_rng(13).standard_normal((side, side)))
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]) * GRAIN
    grain = np.fft.irfft2(spectrum * (1.0 + radius / 20.0) ** -0.75 * (radius > 3.0), s=(side, side)).astype(np.float32)
    return _average(grain, TILES * size) / _average(grain, TILES * 64).std()
