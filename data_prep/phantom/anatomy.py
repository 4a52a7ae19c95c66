"""The healthy chest: soft tissue, lungs, heart, bones, as smooth densities on a grid.

Coordinates of the body: u to the image's right (the patient's left), v downwards, about [-1, 1] each; a hemithorax is
mirrored by |u|. Densities are in grey levels: 0 air outside, about .7 soft tissue, bones above. All arrays are [n, S, S]
float32; edges are clipped ramps, which cost less than sigmoids and look the same.
"""

from typing import NamedTuple

import numpy as np

from data_prep.phantom.factors import per_row


class Frame(NamedTuple):
    """Body coordinates of every pixel, and the chest's borders; [n, S, S] each but for `height`."""

    u: np.ndarray
    v: np.ndarray
    side: np.ndarray  # |u|
    left: np.ndarray  # 1 where u > 0: the patient's left
    lung: np.ndarray  # 0 to 1, both lungs, before heart and pathologies
    lateral: np.ndarray  # distance from the chest wall inwards
    apex: np.ndarray  # distance below the lung's roof
    dome: np.ndarray  # v of the diaphragm


def ramp(distance: np.ndarray, softness: float) -> np.ndarray:
    """0 outside, 1 inside: a linear edge of total width `softness` centred on distance 0."""
    return np.clip(distance * np.float32(1.0 / softness) + np.float32(0.5), 0.0, 1.0)


def bump(distance: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """A smooth hump (1 - d^2/w^2)^2 of half-width w about distance 0."""
    q = np.clip(1.0 - np.square(distance / width), 0.0, None)
    return q * q


def frame(factors: np.ndarray, size: int, raised: np.ndarray) -> Frame:
    """The geometry of each image; `raised` [n, 2] lifts the right and left diaphragm (volume loss)."""
    ticks = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2.0 / size) - np.float32(1.0)
    x, y = ticks[None, None, :], ticks[None, :, None]
    angle = np.deg2rad(1.6) * per_row(factors, "rotation")
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = x - 0.025 * per_row(factors, "shift_x"), y - 0.025 * per_row(factors, "shift_y")
    u = (cos * x + sin * y) / (0.93 + 0.035 * per_row(factors, "body_width"))
    v = (cos * y - sin * x) / (0.95 + 0.035 * per_row(factors, "lung_height"))
    side, left = np.abs(u), (u > 0).astype(np.float32)
    lift = raised[:, 0, None, None] * (1 - left) + raised[:, 1, None, None] * left
    dome = 0.50 + 0.06 * per_row(factors, "diaphragm") + 0.05 * left - lift + 0.95 * np.square(side - 0.40)
    squeeze = np.clip((v - 0.12) * (1.0 / 0.98), -0.98, 0.98)
    lateral = 0.80 * np.sqrt(1.0 - squeeze * squeeze) - side
    apex = v + 0.80 - 1.1 * np.square(side - 0.36)
    inner = side - 0.12 - 0.03 * per_row(factors, "mediastinum") * 0.6
    lung = ramp(lateral, 0.05) * ramp(apex, 0.06) * ramp(inner, 0.07) * ramp(dome - v, 0.045)
    return Frame(u, v, side, left, lung, lateral, apex, dome)


def heart(factors: np.ndarray, at: Frame, scale: np.ndarray) -> np.ndarray:
    """The cardiac silhouette, 0 to 1: two ellipses, the left heart tilted to the apex; `scale` [n] multiplies radii."""
    size = scale[:, None, None] * (1.0 + 0.08 * per_row(factors, "heart_size") + 0.07 * per_row(factors, "ap"))
    du, dv = at.u - 0.13, at.v - 0.30
    along, across = 0.82 * du + 0.57 * dv, 0.82 * dv - 0.57 * du
    main = 1.0 - np.square(along / (0.37 * size)) - np.square(across / (0.265 * size))
    right = 1.0 - np.square((at.u + 0.03) / (0.20 * size)) - np.square((at.v - 0.26) / (0.27 * size))
    return ramp(np.maximum(main, right), 0.28)


def mediastinum(factors: np.ndarray, at: Frame) -> np.ndarray:
    """Great vessels and spine as one soft column, with the aortic knob."""
    width = 0.125 + 0.022 * per_row(factors, "mediastinum")
    stem = ramp(width + 0.03 * at.v - at.side, 0.09) * (1.0 - 0.7 * ramp(at.v - at.dome, 0.3))
    radius = 0.085 + 0.018 * per_row(factors, "aortic_knob")
    knob = ramp(1.0 - (np.square(at.u - 0.12) + np.square(at.v + 0.27)) / np.square(radius), 0.5)
    return np.maximum(stem, knob)


def bones(factors: np.ndarray, at: Frame) -> np.ndarray:
    """Ribs (posterior and fainter anterior arcs), clavicles, spine and scapulae; added density."""
    cage = ramp(at.lateral + 0.10, 0.10) * ramp(at.apex + 0.04, 0.10) * ramp(0.95 - at.v, 0.5)
    posterior = np.cos(21.0 * (at.v - 0.42 * at.side + 0.75 * at.side * at.side))
    anterior = np.cos(17.0 * (at.v + 0.55 * at.side) + 1.0)
    ribs = np.clip(posterior - 0.35, 0.0, None) * 0.11 + np.clip(anterior - 0.5, 0.0, None) * 0.055 * ramp(
        at.side - 0.3, 0.3
    )
    ribs = ribs * cage * (1.0 + 0.35 * per_row(factors, "rib_contrast"))
    line = at.v + 0.60 + 0.22 * at.side - 0.20 * np.square(at.side - 0.45)
    clavicle = bump(line, 0.045) * ramp(at.side - 0.10, 0.06) * ramp(0.86 - at.side, 0.1)
    spine = ramp(0.08 - at.side, 0.06) * (0.045 + 0.018 * np.cos(26.0 * at.v))
    scapula = bump(at.side - 0.80 + 0.30 * (at.v + 0.35), 0.035) * bump(at.v + 0.30, 0.42)
    density = 1.0 + 0.18 * per_row(factors, "bone_density")
    return (ribs + 0.13 * clavicle + spine + 0.05 * scapula) * density


def soft_tissue(factors: np.ndarray, at: Frame) -> np.ndarray:
    """The trunk against the air around it: shoulders, neck, chest wall, abdomen; breast shadows; the gastric bubble."""
    shoulder = 0.26 + 0.80 * np.clip((at.v + 1.02) * 2.2, 0.0, 1.0) ** 0.7
    trunk = ramp(np.minimum(shoulder, 1.0 - 0.05 * at.v) - at.side, 0.09)
    tissue = trunk * (0.60 + 0.10 * ramp(at.v - at.dome, 0.25))
    lower = 1.0 - np.square((at.side - 0.44) / 0.34) - np.square((at.v - 0.30) / 0.30)
    breast = 0.075 * per_row(factors, "breast") * ramp(lower, 0.5)
    bubble = ramp(1.0 - np.square((at.u - 0.36) / 0.16) - np.square((at.v - at.dome - 0.13) / 0.07), 0.9)
    return tissue + breast * trunk - 0.16 * bubble
