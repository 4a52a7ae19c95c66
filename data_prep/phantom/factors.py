"""The phantom's factors of variation, their order in a factor vector, and interventions on them.

A factor vector float32 [F] and an integer seed determine an image completely. Anatomy and acquisition are continuous,
pathologies and confounders binary. A pathology's severity, side and place are factors of their own and always drawn, so
that do(pathology = 1) is defined for every image; a pathology may ignore some of them (cardiomegaly has no side). The seed
chooses vessels, mottle and noise and nothing else.
"""

import difflib

import numpy as np

ANATOMY = (
    "body_width",  # all continuous anatomy is standard normal, clipped to +-2
    "lung_height",
    "shift_x",
    "shift_y",
    "rotation",
    "heart_size",
    "diaphragm",
    "rib_contrast",
    "mediastinum",
    "breast",  # 0 to 1: breast shadows
    "aortic_knob",
    "bone_density",
)
ACQUISITION = ("ap", "exposure", "texture", "noise")  # ap is binary and magnifies the heart; exposure tells no label
PATHOLOGIES = (
    "Cardiomegaly",
    "Pleural Effusion",
    "Consolidation",
    "Edema",
    "Pneumothorax",
    "Lung Lesion",
    "Atelectasis",
)
DETAILS = (
    "severity",
    "side",
    "place_x",
    "place_y",
)  # severity 0 to 1; side 0 (patient's right) or 1; places in [-1, 1]
CONFOUNDERS = (
    "token",  # laterality marker
    "tag",  # text line
    "tube",
    "pacemaker",
    "ecg",
    "drain",
    "collimation",
    "scanner_gamma",
    "scanner_blur",
    "scanner_noise",
)
SCANNER = ("scanner_gamma", "scanner_blur", "scanner_noise")
DEVICES = ("tube", "pacemaker", "drain")
OPACITIES = ("Consolidation", "Edema", "Lung Lesion", "Atelectasis")

FACTORS = (
    *ANATOMY,
    *ACQUISITION,
    *PATHOLOGIES,
    *(f"{pathology}:{detail}" for pathology in PATHOLOGIES for detail in DETAILS),
    *CONFOUNDERS,
)
CONTINUOUS = frozenset(
    {*ANATOMY, *ACQUISITION, *(f"{pathology}:{place}" for pathology in PATHOLOGIES for place in ("place_x", "place_y"))}
    - {"ap"}
)
INDEX = {name: position for position, name in enumerate(FACTORS)}

COMPOSED = {"Lung Opacity": OPACITIES, "Support Devices": DEVICES, "No Finding": PATHOLOGIES}
"""Findings that are no factor of their own: Lung Opacity is any of its children, as in CheXpert's hierarchy, Support
Devices any device; No Finding is the absence of every pathology (devices do not matter), as CheXpert derives it."""


def column(factors: np.ndarray, name: str) -> np.ndarray:
    """One factor of every row, [...] of [..., F].

    Raises:
      ValueError: for a name that is no factor, with the nearest one.
    """
    return factors[..., _position(name)]


def per_row(factors: np.ndarray, name: str) -> np.ndarray:
    """One factor as [n, 1, 1], for broadcasting over pixels."""
    return column(factors, name)[:, None, None]


def do(factors: np.ndarray, name: str, value: float | np.ndarray) -> np.ndarray:
    """The intervention do(name = value): a copy of factors [..., F] with a factor set, or a composed finding switched.

    A composed finding is switched off by clearing its parts, and on by setting the first of them where none is present.
    No Finding is the other way round: on clears every pathology.

    Raises:
      ValueError: for an unknown name, or do(No Finding = 0), which does not say what should be found.
    """
    changed = factors.copy()
    if name not in COMPOSED:
        changed[..., _position(name)] = value
        return changed
    on = bool(np.all(np.asarray(value) > 0.5))
    if name == "No Finding" and not on:
        raise ValueError("do(No Finding = 0) does not say which pathology should appear; name one")
    if name == "No Finding" or not on:
        changed[..., [INDEX[part] for part in COMPOSED[name]]] = 0.0
    else:
        changed[~present(factors, name), INDEX[COMPOSED[name][0]]] = 1.0
    return changed


def present(factors: np.ndarray, finding: str) -> np.ndarray:
    """Truth of a finding, bool [n], for a pathology, a confounder or a composed finding."""
    parts = [_position(part) for part in COMPOSED.get(finding, (finding,))]
    found = (factors[..., parts] > 0.5).any(axis=-1)
    return ~found if finding == "No Finding" else found


def contrast(factors: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The two factor arrays between which an effect is taken, low and high.

    Binary factors, severities and sides are set to 0 and 1, a composed finding is switched off and on. For No Finding, low
    is the image as it is. Other continuous factors move half a unit (half a standard deviation) down and up from where
    they are.
    """
    if name == "No Finding":
        return factors, do(factors, name, 1.0)
    if name in CONTINUOUS:
        here = column(factors, name)
        return do(factors, name, here - 0.5), do(factors, name, here + 0.5)
    return do(factors, name, 0.0), do(factors, name, 1.0)


def _position(name: str) -> int:
    if name not in INDEX:
        near = difflib.get_close_matches(name, INDEX, n=1, cutoff=0.0)[0]
        raise ValueError(f"{name!r} is not a factor of the phantom; did you mean {near!r}?")
    return INDEX[name]
