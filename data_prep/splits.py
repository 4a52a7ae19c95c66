"""Patient-wise splits by hash: the same patient falls on the same side in every build, on every machine."""

import hashlib


def bucket(patient: str, buckets: int, salt: str = "dirvae") -> int:
    """A number below `buckets` that depends on nothing but the patient and the salt."""
    digest = hashlib.sha256(f"{salt}:{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % buckets


def development_split(patient: str, validation_percent: int, folds: int = 0, fold: int = 0) -> str:
    """ "train" or "validation" for a patient of the training table.

    With folds, one of them is held out as validation; otherwise `validation_percent` of the patients are.
    """
    if folds:
        return "validation" if bucket(patient, folds, "dirvae-folds") == fold else "train"
    return "validation" if bucket(patient, 100) < validation_percent else "train"
