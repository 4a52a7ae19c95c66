"""Seven pathologies, each by its radiographic signs. Only images that have one pay for drawing it.

Each function changes `Lungs` in place for the rows that have the pathology. Sides are 0 for the patient's right (the image's
left) and 1 for the left; places are where in the lung, in [-1, 1].
"""

from typing import NamedTuple

import numpy as np

from data_prep.phantom.anatomy import Frame, bump, hypot, ramp
from data_prep.phantom.factors import column


class Lungs(NamedTuple):
    """Pathologies act on these maps, [n, S, S] each: share of air, added density within the thorax, visibility of vessels."""

    air: np.ndarray
    density: np.ndarray
    vessels: np.ndarray


class Affected(NamedTuple):
    """The rows that have a pathology, and its details for them, [m, 1, 1] each."""

    rows: np.ndarray
    severity: np.ndarray
    across: np.ndarray
    down: np.ndarray
    sign: np.ndarray  # -1 for the patient's right, 1 for the left
    half: np.ndarray  # [m, S, S], 1 on the affected side


def _affected(factors: np.ndarray, at: Frame, name: str) -> Affected:
    rows = np.flatnonzero(column(factors, name) > 0.5)
    severity, side, across, down = (
        column(factors[rows], f"{name}:{detail}")[:, None, None]
        for detail in ("severity", "side", "place_x", "place_y")
    )
    left = at.left[rows]
    return Affected(
        rows,
        severity,
        across,
        down,
        np.where(side > 0.5, np.float32(1.0), np.float32(-1.0)),
        np.where(side > 0.5, left, 1.0 - left),
    )


def enlarged_heart(factors: np.ndarray) -> np.ndarray:
    """[n]: cardiomegaly widens the heart by 7 to 32 %, 1 without it."""
    severity = column(factors, "Cardiomegaly:severity")
    return 1.0 + (column(factors, "Cardiomegaly") > 0.5) * (0.07 + 0.25 * severity)


def raised_diaphragm(factors: np.ndarray) -> np.ndarray:
    """[n, 2], right and left: the volume lost to atelectasis lifts the affected side's diaphragm."""
    lift = (column(factors, "Atelectasis") > 0.5) * (0.03 + 0.11 * column(factors, "Atelectasis:severity"))
    left = column(factors, "Atelectasis:side") > 0.5
    return np.stack([np.where(left, 0.0, lift), np.where(left, lift, 0.0)], axis=1).astype(np.float32)


def effusion(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """Fluid at the base, which blunts the costophrenic angle and climbs the chest wall as a meniscus."""
    rows, severity, _, _, _, half = _affected(factors, at, "Pleural Effusion")
    level = 0.59 - 0.20 * severity - 0.42 * np.square(np.maximum(at.side[rows] - 0.25, 0.0)) * (1.0 + severity)
    fluid = half * ramp(at.v[rows] - level, 0.13)
    lungs.air[rows] *= 1.0 - (0.24 + 0.46 * severity) * fluid
    lungs.density[rows] += 0.15 * severity * fluid * at.lung[rows]
    lungs.vessels[rows] *= 1.0 - fluid


def _offsets(at: Frame, found: Affected, middle: float, reach: float, low: float, high: float) -> tuple:
    """(du, dv) from a place in the affected lung: |u| within `middle` +- `reach`, v between `low` and `high`."""
    centre = found.sign * (middle + reach * found.across)
    return at.u[found.rows] - centre, at.v[found.rows] - (0.5 * (low + high) + 0.5 * (high - low) * found.down)


def consolidation(factors: np.ndarray, at: Frame, lungs: Lungs, mottle: np.ndarray) -> None:
    """A patch with ragged borders (mottle [n, S, S], standard) that keeps some air."""
    found = _affected(factors, at, "Consolidation")
    rows, severity = found.rows, found.severity
    du, dv = _offsets(at, found, 0.42, 0.16, -0.30, 0.40)
    radius = 0.18 + 0.10 * severity
    body = 1.0 - (np.square(du) + np.square(dv) * 0.8) / np.square(radius)
    patch = ramp(body + 0.45 * mottle[rows], 1.3)
    lungs.air[rows] *= 1.0 - (0.40 + 0.35 * severity) * patch
    lungs.vessels[rows] *= 1.0 - 0.8 * patch


def edema(factors: np.ndarray, at: Frame, lungs: Lungs, mottle: np.ndarray) -> None:
    """Bilateral perihilar haze ("bat wings") and thickened vessels."""
    rows, severity, _, down, _, _ = _affected(factors, at, "Edema")
    distance = np.square((at.side[rows] - 0.28) / 0.44) + np.square((at.v[rows] - 0.04 - 0.08 * down) / 0.52)
    wing = np.square(np.maximum(1.0 - distance, 0.0))
    haze = np.maximum(wing * (1.0 + 0.55 * mottle[rows]), 0.0)
    lungs.air[rows] *= 1.0 - np.minimum((0.04 + 0.20 * severity) * haze, 0.9)
    lungs.vessels[rows] *= 1.0 + (0.2 + 0.5 * severity) * wing


def pneumothorax(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """Air without vessels between the chest wall and a thin pleural line, widest at the apex."""
    rows, severity, _, _, _, half = _affected(factors, at, "Pneumothorax")
    across, down = at.lateral[rows], 0.75 * at.apex[rows]
    depth = 0.5 * (across + down - hypot(across - down, np.float32(0.12)))  # a smooth minimum
    fall = np.clip(1.0 - (at.v[rows] + 0.80) * np.float32(1 / 1.05), 0.0, 1.0)
    width = (0.15 + 0.20 * severity) * fall
    outside = half * ramp(width - depth, 0.025) * ramp(fall - 0.05, 0.1)
    lungs.air[rows] *= 1.0 + 0.30 * outside
    lungs.vessels[rows] *= 1.0 - outside
    line = half * bump(depth - width, 0.030) * ramp(fall - 0.1, 0.1)
    lungs.density[rows] += 0.14 * line * at.lung[rows]


def lesion(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """A round nodule or mass with a sharp border, anywhere in the lungs."""
    found = _affected(factors, at, "Lung Lesion")
    du, dv = _offsets(at, found, 0.43, 0.13, -0.38, 0.22)
    radius = 0.08 + 0.09 * found.severity
    body = 1.0 - (np.square(du) + np.square(dv)) / np.square(radius)
    lungs.density[found.rows] += (0.21 + 0.09 * found.severity) * ramp(body, 0.8) * at.lung[found.rows]


def atelectasis(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """Plate-like bands above the lifted diaphragm (see `raised_diaphragm`)."""
    rows, severity, across, down, _, half = _affected(factors, at, "Atelectasis")
    middle = 0.24 + 0.10 * down + 0.25 * across * (at.side[rows] - 0.42)
    band = bump(at.v[rows] - middle, 0.05 + 0.02 * severity) + 0.7 * bump(at.v[rows] - middle + 0.14, 0.04)
    extent = bump(at.side[rows] - 0.44, 0.34)
    lungs.density[rows] += (0.17 + 0.14 * severity) * half * extent * band * at.lung[rows]
