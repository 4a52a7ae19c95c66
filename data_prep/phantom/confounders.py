"""Confounders are in the picture but not in the disease: markers, text, devices, collimation, and the scanner itself."""

import functools
import itertools

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from data_prep.phantom.anatomy import Frame, bump, hypot, ramp
from data_prep.phantom.factors import column, per_row


@functools.cache
def _stamp(text: str, size: int, height: float) -> np.ndarray:
    """Text as grey levels, `height` a share of the image; drawn large and averaged down."""
    font = ImageFont.load_default(size=64)
    left, top, right, bottom = font.getbbox(text)
    canvas = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(canvas).text((4 - left, 4 - top), text, fill=255, font=font)
    rows = max(3, round(height * size))
    columns = max(2, round(rows * canvas.width / canvas.height))
    return np.asarray(canvas.resize((columns, rows), Image.Resampling.BOX), np.float32) / 255.0


def _paste(image: np.ndarray, stamp: np.ndarray, top: float, left: float) -> None:
    """Brightens towards white where the stamp is; top and left are shares of the image."""
    size = image.shape[0]
    row, first = round(top * size), round(left * size)
    region = image[row : row + stamp.shape[0], first : first + stamp.shape[1]]
    region += (0.95 - region) * stamp[: region.shape[0], : region.shape[1]]


def markers(factors: np.ndarray, image: np.ndarray) -> None:
    """The laterality token in an upper corner, the text line in the other; in place."""
    size = image.shape[1]
    for row in np.flatnonzero(column(factors, "token") > 0.5):
        _paste(image[row], _stamp("R", size, 0.11), 0.06, 0.05)
    for row in np.flatnonzero(column(factors, "tag") > 0.5):
        _paste(image[row], _stamp("PORTABLE", size, 0.05), 0.03, 0.60)


def _segment(at: Frame, chosen: np.ndarray, start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """Distance [m, S, S] of every pixel from a line segment in body coordinates."""
    (u0, v0), (u1, v1) = start, end
    du, dv = u1 - u0, v1 - v0
    u, v = at.u[chosen] - u0, at.v[chosen] - v0
    along = np.clip((u * du + v * dv) / (du * du + dv * dv), 0.0, 1.0)
    return hypot(u - along * du, v - along * dv)


def _path(at: Frame, chosen: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    return functools.reduce(np.minimum, (_segment(at, chosen, a, b) for a, b in itertools.pairwise(points)))


def devices(factors: np.ndarray, at: Frame, image: np.ndarray) -> None:
    """Tube, pacemaker with lead, chest drain and ECG leads; in place."""
    tube = np.flatnonzero(column(factors, "tube") > 0.5)
    wall = _path(at, tube, [(0.015, -1.05), (0.005, -0.55), (-0.005, -0.22)])
    image[tube] += 0.21 * bump(wall, 0.040) - 0.09 * bump(wall, 0.016)

    pacemaker = np.flatnonzero(column(factors, "pacemaker") > 0.5)
    box = ((at.u[pacemaker] - 0.55) / 0.115) ** 4 + ((at.v[pacemaker] + 0.50) / 0.09) ** 4
    lead = _path(at, pacemaker, [(0.48, -0.48), (0.22, -0.55), (0.06, -0.30), (0.02, 0.10), (0.24, 0.42)])
    image[pacemaker] += 0.42 * ramp(1.0 - box, 0.6) + 0.24 * bump(lead, 0.026)

    drain = np.flatnonzero(column(factors, "drain") > 0.5)
    mirrored = np.where(column(factors[drain], "Pneumothorax:side") > 0.5, np.float32(1.0), np.float32(-1.0))[
        :, None, None
    ]
    turned = at._replace(u=at.u[drain] * mirrored, v=at.v[drain])
    course = _path(turned, np.arange(len(drain)), [(0.98, 0.16), (0.66, -0.02), (0.52, -0.34), (0.46, -0.56)])
    image[drain] += 0.24 * bump(course, 0.032)

    ecg = np.flatnonzero(column(factors, "ecg") > 0.5)
    for disc, end in (((-0.52, -0.44), (-0.98, -0.70)), ((0.58, -0.36), (0.98, -0.62)), ((0.50, 0.46), (0.98, 0.62))):
        electrode = hypot(at.u[ecg] - disc[0], at.v[ecg] - disc[1])
        image[ecg] += 0.22 * ramp(0.045 - electrode, 0.03) + 0.10 * bump(_segment(at, ecg, disc, end), 0.02)


def collimation(factors: np.ndarray, image: np.ndarray) -> None:
    """An unexposed border; in place."""
    size = image.shape[1]
    edge = np.arange(size) + 0.5
    edge = np.minimum(edge, size - edge) / size
    open_ = ramp(np.minimum(edge[:, None], edge[None, :]) - 0.045, 0.03).astype(np.float32)
    chosen = np.flatnonzero(column(factors, "collimation") > 0.5)
    image[chosen] = 0.03 + (image[chosen] - 0.03) * open_


def scanner(factors: np.ndarray, image: np.ndarray) -> None:
    """Non-local signatures of a scanner: tone curve and sharpness; in place. Its noise is added with the rest of the noise."""
    toned = np.flatnonzero(column(factors, "scanner_gamma") > 0.5)
    image[toned] = np.power(np.maximum(image[toned], 0.0), np.float32(0.80))
    blurred = np.flatnonzero(column(factors, "scanner_blur") > 0.5)
    sigma = 0.011 * image.shape[1]
    image[blurred] = ndimage.gaussian_filter(image[blurred], (0, sigma, sigma), mode="nearest", truncate=2.5)


def noise_level(factors: np.ndarray) -> np.ndarray:
    """[n, 1, 1], grey levels at 64 pixels: the exposure's own noise, doubled by the noisy scanner."""
    base = np.float32(0.012) * np.exp(0.25 * per_row(factors, "noise"))
    return base * (1.0 + (per_row(factors, "scanner_noise") > 0.5))
