"""The 14 findings of CheXpert and what to make of labels that are uncertain or not mentioned.

A stored label is one of four integers (`POSITIVE`, `NEGATIVE`, `UNCERTAIN`, `BLANK`); nothing is decided when a data set
is built. `apply_policies` turns them into targets and weights when they are loaded, so that one data set serves every
policy. The policies' names follow Irvin et al. 2019 (CheXpert), table 3: U-Ignore, U-Zeros and U-Ones.
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

POSITIVE, NEGATIVE, UNCERTAIN, BLANK = 1, 0, -1, -2
UNCERTAIN_POLICIES = ("ignore", "zeros", "ones")
BLANK_POLICIES = ("zeros", "ignore")


class Targets(NamedTuple):
    """Targets are what a loss may use of the stored labels: `target` in {0, 1} and `weight` in {0, 1}, both float32 [..., L]."""

    target: np.ndarray
    weight: np.ndarray


def apply_policies(labels: np.ndarray, uncertain: str = "ignore", blank: str = "zeros") -> Targets:
    """Targets and weights for stored labels int8 [..., L].

    Uncertain: `ignore` masks the term (not the image), `zeros` and `ones` impute. Blank (not mentioned in the report):
    `zeros` reads silence as absence, as the CheXpert labeller's authors do, `ignore` masks the term.

    Raises:
      ValueError: for a policy that does not exist, or a label value outside {1, 0, -1, -2}.
    """
    if uncertain not in UNCERTAIN_POLICIES:
        raise ValueError(f"uncertain policy {uncertain!r} is not one of {', '.join(UNCERTAIN_POLICIES)}")
    if blank not in BLANK_POLICIES:
        raise ValueError(f"blank policy {blank!r} is not one of {', '.join(BLANK_POLICIES)}")
    labels = np.asarray(labels)
    strange = np.setdiff1d(labels, (POSITIVE, NEGATIVE, UNCERTAIN, BLANK))
    if strange.size:
        raise ValueError(f"label values {strange[:5].tolist()} are not among 1, 0, -1 (uncertain), -2 (not mentioned)")
    positive = (labels == POSITIVE) | ((labels == UNCERTAIN) & (uncertain == "ones"))
    masked = ((labels == UNCERTAIN) & (uncertain == "ignore")) | ((labels == BLANK) & (blank == "ignore"))
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


def related(finding: str) -> frozenset[str]:
    """Findings that go with one by definition: what it implies, what implies it, and No Finding, which each of them denies."""
    if finding == "No Finding":
        return frozenset(FINDINGS) - {finding}
    above = {whole for whole, parts in PARTS.items() if finding in parts}
    return frozenset({"No Finding", *above, *PARTS.get(finding, ())})
