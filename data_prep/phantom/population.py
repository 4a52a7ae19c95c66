"""Who is examined, what they have, and what is written down: sampling of factors and of observed labels.

Patients share anatomy over their 1 to 5 images; each image keeps a patient's disease state with probability PERSISTENCE and
draws afresh otherwise, which leaves prevalences as stated. Training labels are *observed*: flipped, uncertain and
not-mentioned ones at rates like CheXpert's. Validation and test labels are the truth, as a radiologist panel's would be.
"""

from typing import NamedTuple

import numpy as np

from data_prep.phantom.config import PhantomConfig
from data_prep.phantom.factors import ACQUISITION, ANATOMY, CONFOUNDERS, DETAILS, FACTORS, INDEX, PATHOLOGIES, present
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN

PREVALENCE = {
    "Cardiomegaly": 0.18,
    "Pleural Effusion": 0.22,
    "Consolidation": 0.13,
    "Edema": 0.15,
    "Pneumothorax": 0.11,
    "Lung Lesion": 0.11,
    "Atelectasis": 0.15,
}
CONFOUNDER_RATE = {
    "token": 0.30,
    "tag": 0.20,
    "tube": 0.12,
    "pacemaker": 0.08,
    "ecg": 0.20,
    "drain": 0.08,
    "collimation": 0.20,
    "scanner_gamma": 0.25,
    "scanner_blur": 0.25,
    "scanner_noise": 0.25,
}
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
}
FALSE_NEGATIVE, FALSE_POSITIVE = 0.03, 0.01  # of the observed labels
BLANK_NEGATIVE, BLANK_POSITIVE = 0.70, 0.02  # negatives are mostly not mentioned in reports
PERSISTENCE = 0.6
AP_RATE, AP_EFFECT = 0.60, {"Edema": 0.06, "tube": 0.10}  # sicker patients are examined lying down
HELD_OUT = ("Edema", "Pneumothorax")  # this pair never occurs together but in test_heldout
VISIBLE = (*PREVALENCE, "Lung Opacity", "No Finding", "Support Devices")


class Population(NamedTuple):
    """n images, before rendering."""

    factors: np.ndarray  # float32 [n, F]
    seeds: np.ndarray  # int64 [n]
    labels: np.ndarray  # int8 [n, 14], as observed (train) or true
    patient: np.ndarray  # int [n], within the chunk
    study: np.ndarray  # int [n], within the patient
    male: np.ndarray  # bool [n]
    age: np.ndarray  # int [n], years


def sample(config: PhantomConfig, split: str, chunk: int, count: int) -> Population:
    """The images of one chunk of a split; patients do not cross chunks."""
    rng = np.random.default_rng([config.seed, list(config.splits()).index(split), chunk])
    sizes = rng.choice([1, 2, 3, 4, 5], size=count, p=[0.45, 0.25, 0.15, 0.1, 0.05])
    patient = np.repeat(np.arange(count), sizes)[:count]
    study = np.arange(count) - np.searchsorted(patient, patient)
    of = lambda values: values[patient]  # a patient's value for each image  # noqa: E731
    male, age = of(rng.random(count) < 0.55), of(rng.integers(18, 91, count))
    factors = np.zeros((count, len(FACTORS)), np.float32)

    for name in ANATOMY:
        factors[:, INDEX[name]] = of(np.clip(rng.standard_normal(count), -2, 2))
    factors[:, INDEX["breast"]] = np.where(male, 0.0, of(rng.uniform(0.3, 1.0, count)))
    factors[:, INDEX["aortic_knob"]] += (age - 55) / 25
    factors[:, INDEX["bone_density"]] -= (age - 55) / 40
    for name in ("shift_x", "shift_y", "rotation", *ACQUISITION[1:]):  # these differ from image to image
        factors[:, INDEX[name]] = np.clip(rng.standard_normal(count), -2, 2)

    factors[:, INDEX["ap"]] = rng.random(count) < AP_RATE
    ap = factors[:, INDEX["ap"]] > 0.5
    independent = split == "test_independent"
    for name, rate in PREVALENCE.items():
        shifted = rate + AP_EFFECT.get(name, 0.0) * (0.0 if independent else 1.0) * (ap - AP_RATE)
        usual, fresh = of(rng.random(count)), rng.random(count)
        factors[:, INDEX[name]] = np.where(rng.random(count) < PERSISTENCE, usual, fresh) < shifted
        for detail in DETAILS:
            lasting, new = of(_detail(rng, detail, count)), _detail(rng, detail, count)
            keep = 0.7 if detail != "side" else 1.0
            factors[:, INDEX[f"{name}:{detail}"]] = lasting if keep == 1.0 else keep * lasting + (1 - keep) * new
    _hold_out(rng, factors, split)
    _confound(rng, factors, config, split)
    truth = true_labels(factors)
    observed = _observe(rng, truth) if split == "train" else truth
    seeds = rng.integers(0, 2**31, count)
    return Population(factors, seeds, observed, patient, study, male, age)


def _detail(rng: np.random.Generator, detail: str, count: int) -> np.ndarray:
    if detail == "severity":
        return rng.random(count)
    return (rng.random(count) < 0.5).astype(np.float64) if detail == "side" else rng.uniform(-1, 1, count)


def _hold_out(rng: np.random.Generator, factors: np.ndarray, split: str) -> None:
    """Keeps the held-out pair apart, or, in its own test split, together in half of the images."""
    first, second = (INDEX[name] for name in HELD_OUT)
    if split == "test_heldout":
        together = rng.random(len(factors)) < 0.5
        factors[together, first] = factors[together, second] = 1.0
    else:
        both = (factors[:, first] > 0.5) & (factors[:, second] > 0.5)
        factors[both, np.where(rng.random(both.sum()) < 0.5, first, second)] = 0.0


def confounder_probability(rate: float, rho: float, positive: np.ndarray) -> np.ndarray:
    """P(confounder | y): rate + (1 - rate) rho where y = 1, rate (1 - rho) where y = 0; exchanged for negative rho."""
    with_label, without = rate + (1.0 - rate) * abs(rho), rate * (1.0 - abs(rho))
    return np.where(positive == (rho >= 0), with_label, without)


def _confound(rng: np.random.Generator, factors: np.ndarray, config: PhantomConfig, split: str) -> None:
    ap = factors[:, INDEX["ap"]] > 0.5
    for name in CONFOUNDERS:
        rate = np.full(len(factors), CONFOUNDER_RATE[name])
        if split == "test_independent":
            rate[:] = 0.5
        elif name == config.confounder:
            positive = present(factors, config.shortcut_finding)
            rate = confounder_probability(CONFOUNDER_RATE[name], config.strength(split), positive)
        else:
            rate = rate + AP_EFFECT.get(name, 0.0) * (ap - AP_RATE)
        factors[:, INDEX[name]] = rng.random(len(factors)) < rate


def true_labels(factors: np.ndarray) -> np.ndarray:
    """int8 [n, 14]; findings that the phantom does not draw are never mentioned."""
    labels = np.full((len(factors), len(FINDINGS)), BLANK, np.int8)
    for finding in VISIBLE:
        labels[:, FINDINGS.index(finding)] = np.where(present(factors, finding), POSITIVE, NEGATIVE)
    return labels


def _observe(rng: np.random.Generator, truth: np.ndarray) -> np.ndarray:
    """What a report's labels would say of the truth."""
    observed = truth.copy()
    for finding in VISIBLE:
        column = FINDINGS.index(finding)
        positive, draws = truth[:, column] == POSITIVE, rng.random((3, len(truth)))
        flipped = np.where(positive, draws[0] < FALSE_NEGATIVE, draws[0] < FALSE_POSITIVE)
        seen = positive ^ flipped
        blank = np.where(seen, draws[1] < BLANK_POSITIVE, draws[1] < BLANK_NEGATIVE)
        if finding == "No Finding":  # CheXpert's No Finding is positive or not mentioned
            observed[:, column] = np.where(seen, POSITIVE, BLANK)
            continue
        values = np.where(blank, BLANK, np.where(seen, POSITIVE, NEGATIVE))
        observed[:, column] = np.where(draws[2] < UNCERTAIN_RATE[finding], UNCERTAIN, values)
    return observed


def confounder_rates(factors: np.ndarray) -> dict[str, float]:
    """P(confounder) among the images, and among those with each pathology the strongest association."""
    return {name: round(float(np.mean(factors[:, INDEX[name]] > 0.5)), 4) for name in (*CONFOUNDERS, *PATHOLOGIES)}
