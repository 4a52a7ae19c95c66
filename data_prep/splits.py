"""Patient-wise splits by hash: the same patient falls on the same side in every build, on every machine."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Literal

VALIDATION_SALT, FOLD_SALT, TEST_SALT = (
    "dirvae",
    "dirvae-folds",
    "dirvae-test",
)  # part of every split ever published: never change them


def bucket(patient: str, buckets: int, salt: str = VALIDATION_SALT) -> int:
    """sha256("salt:patient") as a number below `buckets`: nothing but the patient and the salt decide it."""
    digest = hashlib.sha256(f"{salt}:{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % buckets


def development_split(
    patient: str, validation_percent: int, folds: int = 0, fold: int = 0
) -> Literal["train", "validation"]:
    """The split that a patient of the training table goes to.

    With `folds` above 0, `fold` is held out as "validation", and every patient is held out by exactly one fold. Otherwise about
    `validation_percent` of the patients are held out, and a larger percentage only adds patients to them.
    """
    if folds:
        return "validation" if bucket(patient, folds, FOLD_SALT) == fold else "train"
    return "validation" if bucket(patient, 100) < validation_percent else "train"


def shared_patients(patients: Mapping[str, Collection[str]]) -> dict[tuple[str, str], list[str]]:
    """(split, other split) -> the patients of both, sorted; only pairs that share any."""
    names = list(patients)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    shared = {(a, b): sorted(set(patients[a]) & set(patients[b])) for a, b in pairs}
    return {pair: both for pair, both in shared.items() if both}
