"""The healthy chest: trunk, lungs, heart with great vessels, diaphragm and bones, as smooth densities on a grid.

Body coordinates: u to the image's right (the patient's left), v downwards, about [-1, 1] each, turned and shifted with the
body. Both halves of the thorax are drawn at once as functions of |u|. Densities are in grey levels. All arrays are
[n, S, S] float32; edges are clipped ramps, which cost less than sigmoids and look the same.
"""

from typing import NamedTuple

import numpy as np

from data_prep.phantom.factors import per_row


class Frame(NamedTuple):
    """Body coordinates of every pixel, and the borders of the lungs; [n, S, S] each."""

    u: np.ndarray
    v: np.ndarray
    side: np.ndarray  # |u|
    left: np.ndarray  # 1 where u > 0: the patient's left
    lateral: np.ndarray  # distance from the chest wall inwards
    apex: np.ndarray  # distance below the lung's roof
    below: np.ndarray  # distance below the diaphragm
    lung: np.ndarray  # 0 to 1, both lungs, with what the heart will cover


def ramp(distance: np.ndarray, softness: float) -> np.ndarray:
    """0 outside, 1 inside: a linear edge of total width `softness` centred on distance 0."""
    return np.clip(distance * np.float32(1.0 / softness) + np.float32(0.5), 0.0, 1.0)


def bump(distance: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """A smooth hump (1 - d^2/w^2)^2 of half-width w about distance 0."""
    scaled = distance * (np.float32(1.0) / np.asarray(width, np.float32))
    hump = np.maximum(1.0 - scaled * scaled, 0.0)
    return hump * hump


def hypot(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """sqrt(x^2 + y^2), six times as fast as `np.hypot`, whose guard against overflow is not needed here."""
    return np.sqrt(np.square(across) + np.square(down))


def frame(factors: np.ndarray, size: int, raised: np.ndarray) -> Frame:
    """The geometry of each image; `raised` [n, 2] lifts the right and left diaphragm (volume loss)."""
    ticks = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2.0 / size) - np.float32(1.0)
    x, y = (
        ticks[None, None, :] - 0.03 * per_row(factors, "shift_x"),
        ticks[None, :, None] - 0.03 * per_row(factors, "shift_y"),
    )
    angle = np.float32(np.deg2rad(1.8)) * per_row(factors, "rotation")
    cos, sin = np.cos(angle), np.sin(angle)
    u = (cos * x + sin * y) / (0.96 + 0.04 * per_row(factors, "body_width"))
    v = (cos * y - sin * x) / (0.97 + 0.04 * per_row(factors, "lung_height"))
    side, left = np.abs(u), (u > 0).astype(np.float32)

    lift = raised[:, 0, None, None] + (raised[:, 1] - raised[:, 0])[:, None, None] * left
    level = 0.47 + 0.06 * per_row(factors, "diaphragm") - 0.06 * per_row(factors, "ap")
    below = v - level - 0.05 * left + lift - 1.3 * np.square(side - 0.36)  # two domes, the right one higher
    wall = np.clip((0.30 - v) * np.float32(1 / 1.15), 0.0, 0.995)
    lateral = 0.80 * np.sqrt(1.0 - wall * wall) - side
    apex = v + 0.80 - 1.6 * np.square(side - 0.33)
    lung = ramp(lateral, 0.05) * ramp(apex, 0.07) * ramp(side - 0.05, 0.05) * ramp(-below, 0.045)
    return Frame(u, v, side, left, lateral, apex, below, lung)


def mediastinum(factors: np.ndarray, at: Frame, enlarged: np.ndarray) -> np.ndarray:
    """Heart and great vessels, 0 to 1, between two smooth borders; `enlarged` [n] multiplies the heart's radii.

    From above: on the left the aortic knob, the pulmonary trunk and the left ventricle, on the right the superior vena
    cava and the right atrium.
    """
    heart = enlarged[:, None, None] * (1.0 + 0.09 * per_row(factors, "heart_size") + 0.08 * per_row(factors, "ap"))
    stem = 0.105 + 0.018 * per_row(factors, "mediastinum") + 0.05 * np.clip(-0.45 - at.v, 0.0, 0.4)
    knob = (0.075 + 0.018 * per_row(factors, "aortic_knob")) * bump(at.v + 0.37, 0.17)
    trunk = 0.07 * bump(at.v + 0.12, 0.24)
    ventricle = 0.36 * heart * bump(at.v - 0.40, 0.52 * np.sqrt(heart))
    atrium = 0.13 * heart * bump(at.v - 0.28, 0.40 * np.sqrt(heart))
    cava = 0.03 * bump(at.v + 0.30, 0.35)
    return ramp(stem + knob + trunk + ventricle - at.u, 0.05) * ramp(stem + cava + atrium + at.u, 0.05)


def bones(factors: np.ndarray, at: Frame) -> np.ndarray:
    """Ribs (posterior, and fainter anterior arcs), clavicles, spine and scapulae; added density."""
    cage = ramp(at.lateral + 0.05, 0.06) * ramp(at.apex + 0.03, 0.08)
    behind = at.v + 0.10 * at.side - 0.62 * np.square(np.maximum(at.side - 0.22, 0.0)) * (1.0 + at.side)
    posterior = np.maximum(np.cos(np.float32(2 * np.pi / 0.215) * behind) - 0.15, 0.0)
    before = at.v + 0.62 * at.side - 0.30 * np.square(at.side)
    anterior = np.maximum(np.cos(np.float32(2 * np.pi / 0.29) * before) - 0.25, 0.0) * ramp(at.side - 0.42, 0.35)
    ribs = (0.082 * posterior + 0.05 * anterior) * cage * (1.0 + 0.4 * per_row(factors, "rib_contrast"))
    ribs = ribs * (1.0 - 0.75 * ramp(at.below - 0.05, 0.2))
    line = at.v + 0.585 + 0.16 * at.side + 0.05 * per_row(factors, "ap") - 0.25 * np.square(at.side - 0.40)
    clavicle = bump(line, 0.048) * ramp(at.side - 0.09, 0.05) * ramp(0.88 - at.side, 0.12)
    spine = ramp(0.085 - at.side, 0.05) * (0.045 + 0.018 * np.cos(np.float32(2 * np.pi / 0.19) * at.v))
    blade = at.side - 0.735 + 0.04 * per_row(factors, "ap") - 0.18 * np.square(at.v + 0.42)
    scapula = ramp(blade, 0.03) * bump(at.v + 0.44, 0.44) * ramp(1.02 - at.side, 0.2)
    head = ramp(0.15 - hypot(at.side - 0.99, at.v + 0.62), 0.05)
    density = 1.0 + 0.20 * per_row(factors, "bone_density")
    return (ribs + 0.13 * clavicle + spine + 0.065 * scapula + 0.10 * head) * density


def soft_tissue(factors: np.ndarray, at: Frame) -> np.ndarray:
    """The trunk against the air around it: neck, shoulders, chest wall, breasts; trachea and gastric bubble are air."""
    shoulder = at.v + 1.0 - 0.55 * np.maximum(at.side - 0.27, 0.0) + 0.30 * ramp(0.27 - at.side, 0.10)
    flank = 0.985 - 0.07 * ramp(at.v - 0.1, 0.7) + 0.06 * bump(at.v + 0.6, 0.6) - at.side
    trunk = ramp(shoulder, 0.07) * ramp(flank, 0.06)
    thick = 0.36 + 0.17 * np.sqrt(np.clip(1.05 - np.square(at.side), 0.0, 1.0))  # rays through the flanks are shorter
    lobe = np.square((at.side - 0.46) * np.float32(1 / 0.36)) + np.square((at.v - 0.22) * np.float32(1 / 0.34))
    breast = ramp(1.0 - lobe, 0.7) * ramp(at.v + 0.25, 0.6) * 0.10 * per_row(factors, "breast")
    trachea = bump(at.u, 0.055) * ramp(-0.30 - at.v, 0.08)
    bubble = ramp(1.0 - np.square((at.u - 0.38) / 0.17) - np.square((at.below - 0.16) / 0.085), 0.9) * at.left
    return trunk * (thick + breast - 0.10 * trachea - 0.15 * bubble) + 0.02
