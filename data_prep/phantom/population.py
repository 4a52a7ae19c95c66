"""The population says who is examined, what they have, and how confounders follow: the joint distribution of the factors.

    patient -> anatomy, sex, age, lasting disease        view -> edema, devices, text
    site -> token, scanner                               finding -(rho)-> one confounder

Patients have 1 to 5 images, which share anatomy and vessels; each image keeps a pathology's patient state with probability
PERSISTENCE and draws afresh otherwise, which leaves prevalences as stated. Patients belong to one chunk of one split.
"""

from typing import NamedTuple

import numpy as np

from data_prep.phantom.config import SITE, SPLITS, PhantomConfig
from data_prep.phantom.factors import (
    ACQUISITION,
    ANATOMY,
    CONFOUNDERS,
    DETAILS,
    FACTORS,
    INDEX,
    PATHOLOGIES,
    SCANNER,
    column,
    present,
)
from data_prep.phantom.reports import observe, true_labels
from data_prep.phantom.texture import PATIENT_BITS

IMAGES = (0.45, 0.25, 0.15, 0.10, 0.05)  # P(a patient has 1, 2, ... 5 images)
PERSISTENCE = 0.6
AP = 0.5  # share of supine images
PREVALENCE = {
    "Cardiomegaly": 0.18,
    "Pleural Effusion": 0.20,
    "Consolidation": 0.13,
    "Edema": 0.18,
    "Pneumothorax": 0.11,
    "Lung Lesion": 0.12,
    "Atelectasis": 0.15,
}
RATE = {
    "token": 0.30,
    "tag": 0.22,
    "tube": 0.27,
    "pacemaker": 0.15,
    "ecg": 0.25,
    "drain": 0.09,
    "collimation": 0.20,
    "scanner_gamma": 0.25,
    "scanner_blur": 0.25,
    "scanner_noise": 0.25,
    SITE: 0.30,
}
BY_VIEW = {"Edema": 0.12, "tag": 0.18, "tube": 0.18, "pacemaker": 0.05, "ecg": 0.15}
"""Rates at full `view_effect` are RATE +- these in AP and PA: edema .30 and .06, any device .60 and .25 (CheXpert: .61 and .28)."""
BY_SITE = 0.5  # how strongly token and scanner follow the site, as rho
HELD_OUT = ("Edema", "Pneumothorax")  # this pair occurs together in test_heldout alone
PER_IMAGE = ("shift_x", "shift_y", "rotation", *ACQUISITION[1:])  # drawn for every image; other anatomy is a patient's


class Population(NamedTuple):
    """n images, before rendering."""

    factors: np.ndarray  # float32 [n, F]
    seeds: np.ndarray  # int64 [n]
    labels: np.ndarray  # int8 [n, 14], observed (train) or true
    patient: np.ndarray  # int [n], within the chunk
    study: np.ndarray  # int [n], within the patient
    male: np.ndarray  # bool [n]
    age: np.ndarray  # int [n], years


def sample(config: PhantomConfig, split: str, chunk: int, count: int) -> Population:
    """The images of one chunk of a split, a function of the arguments alone.

    Raises:
      ValueError: for an unknown split.
    """
    rng = np.random.default_rng([config.seed, SPLITS.index(split), chunk])
    patient = np.repeat(np.arange(count), rng.choice(5, size=count, p=IMAGES) + 1)[:count]
    study = np.arange(count) - np.searchsorted(patient, patient)
    male, age = (rng.random(count) < 0.55)[patient], rng.integers(18, 91, count)[patient]
    factors = np.zeros((count, len(FACTORS)), np.float32)
    independent = split == "test_independent"
    _draw_anatomy(rng, factors, patient, male, age, independent)
    _draw_pathologies(rng, factors, patient, 0.0 if independent else config.view_effect)
    if not independent:
        _hold_out(rng, factors, split)
    _draw_confounders(rng, factors, config, split)
    truth = true_labels(factors)
    labels = observe(rng, truth, config.label_noise, config.blank) if split == "train" else truth
    own, first = rng.integers(0, 2**40, count)[patient], rng.integers(0, 2**PATIENT_BITS, count)[patient]
    seeds = (own << PATIENT_BITS) + (first + study) % 2**PATIENT_BITS  # distinct within a patient
    return Population(factors, seeds, labels, patient, study, male, age)


def _draw_anatomy(
    rng: np.random.Generator,
    factors: np.ndarray,
    patient: np.ndarray,
    male: np.ndarray,
    age: np.ndarray,
    independent: bool,
) -> None:
    """Standard normal, clipped to +-2; the aortic knob grows and bones thin with age, unless factors are independent."""
    count = len(factors)
    for name in (*ANATOMY, *ACQUISITION):
        drawn = np.clip(rng.standard_normal(count), -2, 2)
        factors[:, INDEX[name]] = drawn if name in PER_IMAGE else drawn[patient]
    factors[:, INDEX["breast"]] = np.where(male, 0.0, rng.uniform(0.3, 1.0, count)[patient])
    factors[:, INDEX["ap"]] = rng.random(count) < AP
    if not independent:
        factors[:, INDEX["aortic_knob"]] += (age - 54) / 25
        factors[:, INDEX["bone_density"]] -= (age - 54) / 40


def _draw_pathologies(rng: np.random.Generator, factors: np.ndarray, patient: np.ndarray, view_effect: float) -> None:
    count = len(factors)
    for name in PATHOLOGIES:
        lasting, fresh = rng.random(count)[patient], rng.random(count)
        level = np.where(rng.random(count) < PERSISTENCE, lasting, fresh)
        factors[:, INDEX[name]] = level < _by_view(factors, name, PREVALENCE[name], view_effect)
        for detail in DETAILS:
            lasting, fresh = _detail(rng, detail, count)[patient], _detail(rng, detail, count)
            mixed = lasting if detail == "side" else 0.7 * lasting + 0.3 * fresh
            factors[:, INDEX[f"{name}:{detail}"]] = mixed


def _by_view(factors: np.ndarray, name: str, rate: float, effect: float) -> np.ndarray:
    sign = np.where(column(factors, "ap") > 0.5, 1.0 - AP, -AP) / 0.5
    return rate + effect * BY_VIEW.get(name, 0.0) * sign


def _detail(rng: np.random.Generator, detail: str, count: int) -> np.ndarray:
    if detail == "side":
        return (rng.random(count) < 0.5).astype(np.float64)
    return rng.uniform(0.0 if detail == "severity" else -1.0, 1.0, count)


def _hold_out(rng: np.random.Generator, factors: np.ndarray, split: str) -> None:
    """Keeps the held-out pair apart, or, in its own split, together in half of the images."""
    pair = np.asarray([INDEX[name] for name in HELD_OUT])
    if split == "test_heldout":
        factors[np.ix_(rng.random(len(factors)) < 0.5, pair)] = 1.0
    else:
        both = np.flatnonzero((factors[:, pair] > 0.5).all(axis=1))
        factors[both, rng.choice(pair, len(both))] = 0.0


def confounder_probability(rate: float, rho: float, positive: np.ndarray) -> np.ndarray:
    """P(confounder | y): rate + (1 - rate) rho where y = 1, rate (1 - rho) where y = 0; exchanged for negative rho."""
    with_label, without = rate + (1.0 - rate) * abs(rho), rate * (1.0 - abs(rho))
    return np.where(positive == (rho >= 0), with_label, without)


def _draw_confounders(rng: np.random.Generator, factors: np.ndarray, config: PhantomConfig, split: str) -> None:
    independent = split == "test_independent"
    count, positive = len(factors), present(factors, config.finding)
    rho = config.strength(split)
    site = rng.random(count) < confounder_probability(RATE[SITE], rho if config.confounder == SITE else 0.0, positive)
    for name in CONFOUNDERS:
        if name == config.confounder:
            rate = confounder_probability(RATE[name], rho, positive)
        elif name in ("token", *SCANNER):
            rate = confounder_probability(RATE[name], 0.0 if independent else BY_SITE, site)
        else:
            rate = _by_view(factors, name, RATE[name], 0.0 if independent else config.view_effect)
        factors[:, INDEX[name]] = rng.random(count) < rate


def probabilities(factors: np.ndarray, config: PhantomConfig) -> dict[str, dict[str, float]]:
    """Per confounder: its share, and given the configuration's finding and its absence; and prevalences of findings."""
    positive, found = present(factors, config.finding), {}
    for name in (*CONFOUNDERS, *PATHOLOGIES, "Lung Opacity", "No Finding", "Support Devices"):
        here = present(factors, name)
        shares = {"all": here, "positive": here[positive], "negative": here[~positive]}
        found[name] = {key: round(float(part.mean()), 4) if len(part) else None for key, part in shares.items()}
    return found
