"""Findings, how those of different data sets correspond, and what to make of labels that are uncertain or not known.

A data set names its own findings; the 14 of CheXpert are the default. A stored label is one of five integers (`POSITIVE`,
`NEGATIVE`, `UNCERTAIN`, `BLANK`, `UNLABELLED`); nothing is decided when a data set is built. `apply_policies` turns them into
targets and weights when they are loaded, so that one data set serves every policy. The policies' names follow Irvin et al. 2019
(CheXpert), table 3: U-Ignore, U-Zeros and U-Ones. Data sets that name other findings are read through `translate`.
"""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)

PARTS = {
    "Enlarged Cardiomediastinum": ("Cardiomegaly",),
    "Lung Opacity": ("Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"),
    "Consolidation": ("Pneumonia",),
}
"""Findings that imply another, under it: CheXpert's hierarchy (Irvin et al. 2019, figure 1)."""

COMPOSED = {
    "Lung Lesion": ("Mass", "Nodule"),
    "Lung Opacity": (
        "Lung Lesion",
        "Edema",
        "Consolidation",
        "Pneumonia",
        "Atelectasis",
        "Infiltration",
        "Mass",
        "Nodule",
    ),
    "Pleural Other": ("Pleural Thickening",),
    "Fracture": ("Rib Fracture", "Clavicle Fracture"),
}
"""A wider finding, and narrower ones of other data sets of which any implies it."""

EXHAUSTIVE = {
    "Lung Lesion": frozenset({"Mass", "Nodule"}),
    "Lung Opacity": frozenset({"Edema", "Consolidation", "Pneumonia", "Atelectasis", "Infiltration", "Mass", "Nodule"}),
}
"""Narrower findings whose absence, all together, is read as the absence of the wider one."""

SYNONYMS = {
    "Effusion": "Pleural Effusion",
    "Infiltrate": "Infiltration",
    "Pleural": "Pleural Thickening",
    "Airspace Opacity": "Lung Opacity",
    "Nodule/Mass": "Lung Lesion",
    "Nodule or mass": "Lung Lesion",
    "Pulmonary fibrosis": "Fibrosis",
}
"""Spellings of other data sets, each with the name that this project uses; case does not matter."""
OTHERS = ("Emphysema", "Fibrosis", "Hernia", "Granuloma", "Tuberculosis")
"""Findings that several data sets have beside the 14 and their parts."""
KNOWN = {name.lower(): name for name in (*FINDINGS, *(part for parts in COMPOSED.values() for part in parts), *OTHERS)}
KNOWN |= {spelling.lower(): name for spelling, name in SYNONYMS.items()}

POSITIVE, NEGATIVE, UNCERTAIN, BLANK, UNLABELLED = 1, 0, -1, -2, -3
STATES = {
    "positive": POSITIVE,
    "negative": NEGATIVE,
    "uncertain": UNCERTAIN,
    "blank": BLANK,
    "unlabelled": UNLABELLED,
}
"""What a stored label can be. Blank: the report does not mention the finding. Unlabelled: nobody looked for it in this image."""
UNCERTAIN_POLICIES = ("ignore", "zeros", "ones")
BLANK_POLICIES = ("zeros", "ignore")


class Targets(NamedTuple):
    """Targets are what a loss may use of the stored labels: `target` in {0, 1} and `weight` in {0, 1}, both float32 [..., L]."""

    target: np.ndarray
    weight: np.ndarray


def apply_policies(labels: np.ndarray, uncertain: str = "ignore", blank: str = "zeros") -> Targets:
    """Targets and weights for stored labels int8 [..., L].

    Uncertain: `ignore` masks the term (not the image), `zeros` and `ones` impute. Blank (not mentioned in the report):
    `zeros` reads silence as absence, as the CheXpert labeller's authors do, `ignore` masks the term. A finding that is not
    labelled in an image is masked under every policy.

    Raises:
      ValueError: for a policy that does not exist, or a label value outside {1, 0, -1, -2, -3}.
    """
    if uncertain not in UNCERTAIN_POLICIES:
        raise ValueError(f"uncertain policy {uncertain!r} is not one of {', '.join(UNCERTAIN_POLICIES)}")
    if blank not in BLANK_POLICIES:
        raise ValueError(f"blank policy {blank!r} is not one of {', '.join(BLANK_POLICIES)}")
    labels = np.asarray(labels)
    strange = np.setdiff1d(labels, tuple(STATES.values()))
    if strange.size:
        known = "1, 0, -1 (uncertain), -2 (not mentioned), -3 (not labelled)"
        raise ValueError(f"label values {strange[:5].tolist()} are not among {known}")
    positive = (labels == POSITIVE) | ((labels == UNCERTAIN) & (uncertain == "ones"))
    masked = ((labels == UNCERTAIN) & (uncertain == "ignore")) | ((labels == BLANK) & (blank == "ignore"))
    masked |= labels == UNLABELLED
    return Targets(positive.astype(np.float32), (~masked).astype(np.float32))


def finding_index(name: str, findings: Sequence[str] = FINDINGS) -> int:
    """Position of a finding among the 14, or among `findings`; case and underscores do not matter.

    Raises:
      ValueError: for an unknown name, with the nearest known one and all of them.
    """
    folded = {finding.lower(): i for i, finding in enumerate(findings)}
    key = name.strip().lower().replace("_", " ")
    if key not in folded:
        near = difflib.get_close_matches(key, folded, n=1, cutoff=0.0)
        listed = f"did you mean {findings[folded[near[0]]]!r}? Known are {', '.join(findings)}"
        raise ValueError(f"{name!r} is not a finding; {listed}")
    return folded[key]


def canonical(name: str) -> str:
    """The name that this project uses for a finding that a data set may spell otherwise, as in `Pleural_Thickening`."""
    plain = " ".join(name.replace("_", " ").split())
    return KNOWN.get(plain.lower(), plain)


def translate(labels: np.ndarray, own: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Stored labels int8 [N, len(wanted)] of the wanted findings, for labels int8 [N, len(own)] of a set's own findings.

    A finding that both name keeps its labels. Another one is composed: it is positive where any of its parts in `COMPOSED` is,
    and negative where all of `EXHAUSTIVE` are. Everything else is `UNLABELLED`, which no policy turns into a negative.
    """
    labels, position = np.asarray(labels, np.int8), {name: column for column, name in enumerate(own)}
    columns = [_translated(labels, position, name) for name in wanted]
    return np.stack(columns, axis=1) if columns else np.zeros((len(labels), 0), np.int8)


def _translated(labels: np.ndarray, position: dict[str, int], name: str) -> np.ndarray:
    """One column of `translate`: a set's own label comes first, and what its parts imply where it has none."""
    parts = [position[part] for part in COMPOSED.get(name, ()) if part in position]
    implied = np.full(len(labels), UNLABELLED, np.int8)
    exhaustive = EXHAUSTIVE.get(name)
    if exhaustive and exhaustive <= position.keys():
        implied[(labels[:, [position[part] for part in exhaustive]] == NEGATIVE).all(axis=1)] = NEGATIVE
    implied[(labels[:, parts] == POSITIVE).any(axis=1)] = POSITIVE
    if name not in position:
        return implied
    given = labels[:, position[name]]
    return np.where(given == UNLABELLED, implied, given)


def related(finding: str, findings: Sequence[str] = FINDINGS) -> frozenset[str]:
    """Findings that go with one by definition: what it implies, what implies it, and No Finding, which each of them denies.

    With No Finding go all the others of `findings`, the label space that is asked about.
    """
    if finding == "No Finding":
        return frozenset(findings) - {finding}
    wholes = {whole for wider in (PARTS, COMPOSED) for whole, parts in wider.items() if finding in parts}
    return frozenset({"No Finding", *wholes, *PARTS.get(finding, ()), *COMPOSED.get(finding, ())})
