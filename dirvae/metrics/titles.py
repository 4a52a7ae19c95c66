"""This module holds the scores' names for people, once for every table and figure."""

import math
from collections.abc import Mapping

PER_LABEL = {"auroc": "AUROC", "auprc": "AUPRC", "brier": "Brier", "ece": "ECE"}
PER_IMAGE = {  # name -> heading, digits
    "l1": ("L1, grey levels of 1", 4),
    "psnr": ("PSNR, dB", 2),
    "ssim": ("SSIM", 3),
    "nll": ("−log p(x|z), nats", 1),
    "kl": ("KL, nats", 2),
    "elbo": ("ELBO, nats", 1),
}
ENDPOINTS = {
    "auroc": "macro AUROC",
    "aug": "AUG, normalised",
    "interventional": "interventional D",
    "ceiling": "encode-decode score",
}
DESCRIBED = {  # of a run, beside its endpoints: name -> heading, digits
    "aug_raw": ("AUG, raw coordinates", 3),
    "d_raw": ("interventional D, raw coordinates", 3),
    "c": ("interventional C", 3),
    "specificity": ("specificity of own latents, normalised", 3),
    "udr": ("UDR over seeds", 3),
    "kl": ("KL, nats", 1),
    "elbo": ("ELBO, nats", 0),
    "l1": ("L1", 4),
    "ssim": ("SSIM", 3),
    "active": ("active latents", 0),
}
CODES = {
    "aug": "AUG",
    "sap": "SAP",
    "mig": "MIG",
    "modularity": "modularity",
    "infom": "InfoM (modularity)",
    "infoe": "InfoE (explicitness)",
    "infoc": "InfoC (compactness)",
    "dci_d": "DCI disentanglement",
    "dci_c": "DCI completeness",
    "specificity": "specificity of own latents",
}
CALIBRATION = {"brier": "Brier", "ece_mass": "ECE, equally filled bins", "ece": "ECE, bins of equal width"}
PROBES = {"linear": "linear probe", "boosted": "boosted probe"}


def scope_counts(scores: Mapping[str, float | None]) -> tuple[int, int]:
    """Over how many of how many findings a macro is; of one metric's entry {"macro": x, finding: x ...}."""
    values = [value for name, value in scores.items() if name != "macro"]
    return sum(value is not None and math.isfinite(value) for value in values), len(values)


def scope(scores: Mapping[str, float | None]) -> str:
    """What a macro is over, as in "over 2 of 4 findings"; the entry is that of `scope_counts`."""
    known, findings = scope_counts(scores)
    return f"over {known} of {findings} finding{'s' * (findings != 1)}"
