"""Seven pathologies, each by its radiographic signs. Only images that have one pay for drawing it.

Each function changes `Lungs` in place for the rows that have the pathology. Sides are 0 for the patient's right (the image's
left) and 1 for the left; places are where in the lung, in [-1, 1].
"""

from typing import NamedTuple

import numpy as np

from data_prep.phantom.anatomy import Frame, bump, ramp
from data_prep.phantom.factors import column


class Lungs(NamedTuple):
    """What pathologies act on, [n, S, S] each: share of air, added density within the thorax, visibility of vessels."""

    air: np.ndarray
    density: np.ndarray
    vessels: np.ndarray


def rows(factors: np.ndarray, name: str) -> np.ndarray:
    return np.flatnonzero(column(factors, name) > 0.5)


def detail(factors: np.ndarray, chosen: np.ndarray, name: str, which: str) -> np.ndarray:
    """[m, 1, 1]"""
    return column(factors[chosen], f"{name}:{which}")[:, None, None]


def of_side(at: Frame, chosen: np.ndarray, side: np.ndarray) -> np.ndarray:
    """1 on the affected side of the chosen rows."""
    left = at.left[chosen]
    return np.where(side > 0.5, left, 1.0 - left)


def heart_scale(factors: np.ndarray) -> np.ndarray:
    """Cardiomegaly: the silhouette's radii grow by 4 to 20 %."""
    severity = column(factors, "Cardiomegaly:severity")
    return 1.0 + (column(factors, "Cardiomegaly") > 0.5) * (0.04 + 0.16 * severity)


def raised_diaphragm(factors: np.ndarray) -> np.ndarray:
    """Atelectasis: loss of volume lifts the affected side's diaphragm; [n, 2], right and left."""
    lift = (column(factors, "Atelectasis") > 0.5) * (0.05 + 0.11 * column(factors, "Atelectasis:severity"))
    left = column(factors, "Atelectasis:side") > 0.5
    return np.stack([np.where(left, 0.0, lift), np.where(left, lift, 0.0)], axis=1).astype(np.float32)


def effusion(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """Fluid at the base with a meniscus that climbs the chest wall."""
    chosen = rows(factors, "Pleural Effusion")
    severity = detail(factors, chosen, "Pleural Effusion", "severity")
    affected = of_side(at, chosen, detail(factors, chosen, "Pleural Effusion", "side"))
    climb = 0.9 * np.square(np.clip(at.side[chosen] - 0.30, 0.0, None))
    level = 0.60 - (0.01 + 0.22 * severity) - climb
    fluid = affected * ramp(at.v[chosen] - level, 0.10)
    lungs.air[chosen] *= 1.0 - (0.40 + 0.50 * severity) * fluid
    lungs.vessels[chosen] *= 1.0 - fluid


def place(
    at: Frame, chosen: np.ndarray, factors: np.ndarray, name: str, reach: float, low: float, high: float
) -> tuple:
    """Offsets (du, dv) from a place in the affected lung: |u| about .42 within +-reach, v between low and high."""
    across, down = detail(factors, chosen, name, "place_x"), detail(factors, chosen, name, "place_y")
    side = detail(factors, chosen, name, "side")
    centre = np.where(side > 0.5, 1.0, -1.0) * (0.42 + reach * across)
    return at.u[chosen] - centre, at.v[chosen] - (0.5 * (low + high) + 0.5 * (high - low) * down)


def consolidation(factors: np.ndarray, at: Frame, lungs: Lungs, mottle: np.ndarray) -> None:
    """A patch with ragged borders (mottle [n, S, S], standard) that keeps some air."""
    chosen = rows(factors, "Consolidation")
    severity = detail(factors, chosen, "Consolidation", "severity")
    du, dv = place(at, chosen, factors, "Consolidation", 0.12, 0.0, 0.42)
    radius = 0.20 + 0.10 * severity
    body = 1.0 - (np.square(du) + np.square(dv / 1.15)) / np.square(radius)
    patch = ramp(body + 0.35 * mottle[chosen], 1.1)
    lungs.air[chosen] *= 1.0 - (0.34 + 0.30 * severity) * patch
    lungs.vessels[chosen] *= 1.0 - 0.8 * patch


def edema(factors: np.ndarray, at: Frame, lungs: Lungs, mottle: np.ndarray) -> None:
    """Bilateral perihilar haze ("bat wings"), thickened vessels."""
    chosen = rows(factors, "Edema")
    severity = detail(factors, chosen, "Edema", "severity")
    wing = bump(np.square((at.side[chosen] - 0.27) / 0.42) + np.square((at.v[chosen] - 0.06) / 0.55), 1.0)
    haze = wing * (1.0 + 0.30 * mottle[chosen])
    lungs.air[chosen] *= 1.0 - np.clip((0.03 + 0.10 * severity) * haze, 0.0, 0.9)
    lungs.vessels[chosen] *= 1.0 + 0.12 * wing


def pneumothorax(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """Air without vessels between chest wall and a thin pleural line, widest at the apex."""
    chosen = rows(factors, "Pneumothorax")
    severity = detail(factors, chosen, "Pneumothorax", "severity")
    affected = of_side(at, chosen, detail(factors, chosen, "Pneumothorax", "side"))
    depth = np.minimum(at.lateral[chosen], 0.8 * at.apex[chosen])
    width = (0.11 + 0.18 * severity) * np.clip(1.0 - (at.v[chosen] + 0.75) / 1.25, 0.0, 1.0) ** 0.7
    outside = affected * ramp(width - depth, 0.02) * (width > 0.005)
    lungs.air[chosen] *= 1.0 + 0.14 * outside
    lungs.vessels[chosen] *= 1.0 - outside
    line = affected * bump(depth - width, 0.028) * (width > 0.01) * at.lung[chosen]
    lungs.density[chosen] += 0.15 * line


def lesion(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """A round nodule or mass with a sharp border."""
    chosen = rows(factors, "Lung Lesion")
    severity = detail(factors, chosen, "Lung Lesion", "severity")
    du, dv = place(at, chosen, factors, "Lung Lesion", 0.12, -0.42, 0.10)
    radius = 0.075 + 0.055 * severity
    body = 1.0 - (np.square(du) + np.square(dv)) / np.square(radius)
    lungs.density[chosen] += (0.20 + 0.10 * severity) * ramp(body, 0.7) * (at.lung[chosen] > 0.05)


def atelectasis(factors: np.ndarray, at: Frame, lungs: Lungs) -> None:
    """Plate-like bands above the lifted diaphragm (see `raised_diaphragm`)."""
    chosen = rows(factors, "Atelectasis")
    severity = detail(factors, chosen, "Atelectasis", "severity")
    slope, height = detail(factors, chosen, "Atelectasis", "place_x"), detail(factors, chosen, "Atelectasis", "place_y")
    affected = of_side(at, chosen, detail(factors, chosen, "Atelectasis", "side"))
    middle = 0.30 + 0.07 * height + 0.18 * slope * (at.side[chosen] - 0.42)
    band = bump(at.v[chosen] - middle, 0.045 + 0.02 * severity) + 0.7 * bump(at.v[chosen] - middle + 0.13, 0.03)
    reach = bump(at.side[chosen] - 0.42, 0.30)
    lungs.density[chosen] += (0.13 + 0.12 * severity) * affected * reach * band * at.lung[chosen]
