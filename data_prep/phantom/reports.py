"""Reports hold what is written down about an image: true labels, and what a labeller would read in its report.

Training labels are *observed*, as CheXpert's are: some wrong, some uncertain, most negatives not mentioned, and No Finding
only ever positive or not mentioned. Validation and test labels are the truth, as a radiologist panel's are, with nothing
blank among the findings that the phantom can show; the others are always blank.
"""

import numpy as np

from data_prep.phantom.factors import COMPOSED, PATHOLOGIES, present
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN

SHOWN = (*PATHOLOGIES, *COMPOSED)  # the findings that the phantom can show
UNCERTAIN_RATE = {
    "Cardiomegaly": 0.04,
    "Lung Opacity": 0.025,
    "Lung Lesion": 0.007,
    "Edema": 0.06,
    "Consolidation": 0.12,
    "Atelectasis": 0.15,
    "Pneumothorax": 0.014,
    "Pleural Effusion": 0.05,
    "Support Devices": 0.005,
    "No Finding": 0.0,
}  # share of all images (Irvin et al. 2019, table 1)
UNCERTAIN_POSITIVES = 0.3  # share of the uncertain that have the finding
MISSED, INVENTED = 0.06, 0.02  # P(observed negative | positive), P(observed positive | negative)
UNMENTIONED = 0.02  # P(not mentioned | observed positive)


def true_labels(factors: np.ndarray) -> np.ndarray:
    """int8 [n, 14]: 1 or 0 for what the phantom can show, not mentioned for the rest."""
    labels = np.full((len(factors), len(FINDINGS)), BLANK, np.int8)
    for finding in SHOWN:
        labels[:, FINDINGS.index(finding)] = np.where(present(factors, finding), POSITIVE, NEGATIVE)
    return labels


def observe(rng: np.random.Generator, truth: np.ndarray, noise: float, blank: float) -> np.ndarray:
    """Labels as read from reports; `noise` in [0, 1] scales errors and uncertainty, `blank` is P(blank | negative)."""
    observed = truth.copy()
    for finding in SHOWN:
        at = FINDINGS.index(finding)
        positive, draws = truth[:, at] == POSITIVE, rng.random((3, len(truth)))
        seen = positive ^ (draws[0] < noise * np.where(positive, MISSED, INVENTED))
        unmentioned = draws[1] < np.where(seen, noise * UNMENTIONED, 1.0 if finding == "No Finding" else blank)
        labels = np.where(unmentioned, BLANK, np.where(seen, POSITIVE, NEGATIVE))
        doubt = noise * _doubt(UNCERTAIN_RATE[finding], positive)
        observed[:, at] = np.where(draws[2] < doubt, UNCERTAIN, labels)
    return observed


def _doubt(rate: float, positive: np.ndarray) -> np.ndarray:
    """P(uncertain | truth), so that `rate` of all images are uncertain, UNCERTAIN_POSITIVES of them positive."""
    prevalence = np.clip(positive.mean(), 0.05, 0.95) if len(positive) else 0.5
    with_finding = min(0.5, rate * UNCERTAIN_POSITIVES / prevalence)
    return np.where(positive, with_finding, rate * (1.0 - UNCERTAIN_POSITIVES) / (1.0 - prevalence))
