"""Part 7: how often intervals of AUROC hold the truth, in simulated samples of normal scores whose true AUROCs are known."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from dirvae.config import Config
from dirvae.metrics import auroc_intervals
from experiments.benchmarks import Settings, timing

TRIALS = 400  # simulated samples of each setting
PREVALENCES = (
    np.array([38, 109, 68, 126, 1, 45, 33, 8, 80, 8, 67, 1, 1, 107]) / 234
)  # about those of CheXpert's validation set
COMMON = PREVALENCES[PREVALENCES > 0.1]
VARIED = np.array([0.9, 0.6, 0.85, 0.8, 0.75, 0.9, 0.8, 0.7, 0.75, 0.85, 0.92, 0.95, 0.65, 0.9])
CLASSES = ((1, 1), (2, 4), (5, 14), (15, 29), (30, None))  # patients of the rarer class, from and to


class Setting(NamedTuple):
    """A population: `width` is the standard deviation of positives' scores where that of negatives is 1.

    `together` is the variance that a patient's labels, and scores, have in common. With several images a patient, a fifth of the labels
    are drawn anew for each image, and the scores of a patient's images correlate by .6.
    """

    title: str
    patients: int = 200
    images: int = 1
    prevalences: np.ndarray = PREVALENCES
    auroc: np.ndarray | float = 0.8
    width: float = 1.0
    together: float = 0.0


class Pair(NamedTuple):
    """Two models on one population, whose noise correlates by `shared`."""

    title: str
    auroc: float
    other: float
    shared: float = 0.7
    images: int = 1


SETTINGS = (
    Setting("AUROC .8 everywhere"),
    Setting("AUROC .60 to .95", auroc=VARIED),
    Setting("the nine common labels alone", prevalences=COMMON),
    Setting("labels and scores that go together in a patient", together=0.4),
    Setting("three images a patient", images=3),
    Setting("60 patients", patients=60),
    Setting("600 patients, nine labels at 15 %, AUROC .97", patients=600, prevalences=np.full(9, 0.15), auroc=0.97),
    Setting("AUROC .95 everywhere", auroc=0.95),
    Setting("AUROC .5 everywhere", auroc=0.5),
    Setting("scores of positives 1.7 times as wide", width=1.7),
    Setting("scores of positives .6 times as wide", width=0.6),
)
PAIRS = (
    Pair("equal, scores that correlate by .7", 0.8, 0.8),
    Pair("a gap of .15, by .7", 0.9, 0.75),
    Pair("equal, by .3", 0.8, 0.8, 0.3),
    Pair("equal, by .95", 0.8, 0.8, 0.95),
    Pair("AUROC .97 and .93, by .7", 0.97, 0.93),
    Pair("a gap of .05, by .7, three images a patient", 0.85, 0.8, 0.7, 3),
)


class Sample(NamedTuple):
    """Labels that have both values [N, L], their true AUROCs [L], patients [N], and each model's scores [N, L]."""

    target: np.ndarray
    truth: np.ndarray
    patient: np.ndarray
    noise: np.ndarray


def sample(setting: Setting, rng: np.random.Generator) -> Sample:
    """One test set of a population, with noise of variance 1 in place of scores."""
    patients, labels, part = setting.patients, len(setting.prevalences), setting.together
    patient = np.repeat(np.arange(patients), setting.images)

    def normal() -> np.ndarray:
        common = rng.normal(size=(patients, 1)) if part else 0.0
        return np.sqrt(part) * common + np.sqrt(1 - part) * rng.normal(size=(patients, labels))

    target, noise = (normal() < ndtri(setting.prevalences)).astype(float)[patient], normal()[patient]
    if setting.images > 1:
        anew = rng.random(target.shape) < 0.2
        target = np.where(anew, rng.random(target.shape) < setting.prevalences, target).astype(float)
        noise = np.sqrt(0.6) * noise + np.sqrt(0.4) * rng.normal(size=target.shape)
    kept = auroc_intervals.both_values(target, np.ones_like(target))
    return Sample(target[:, kept], np.broadcast_to(setting.auroc, labels)[kept], patient, noise[:, kept])


def scores(target: np.ndarray, noise: np.ndarray, auroc: np.ndarray | float, width: float = 1.0) -> np.ndarray:
    """Scores with a true AUROC: N(0, 1) of negatives, N(m, width^2) of positives."""
    return np.where(target > 0, np.sqrt(1 + width**2) * ndtri(auroc) + width * noise, noise)


def coverage(setting: Setting, trials: int = TRIALS, seed: int = 0) -> dict[str, float]:
    """Shares of samples whose macro interval holds the truth, and of labels whose own does, by patients of the rarer class."""
    z, macro, hits = auroc_intervals.quantile(0.95), [], {first: [] for first, _ in CLASSES}
    for trial in range(trials):
        one = sample(setting, np.random.default_rng([seed, trial]))
        shown = scores(one.target, one.noise, one.truth, setting.width)
        areas = auroc_intervals.areas(one.target, np.ones_like(one.target), shown, one.patient)
        low, high = auroc_intervals.intervals(areas).macro
        macro.append(low <= one.truth.mean() <= high)
        lower, upper = auroc_intervals.arms(areas, z)
        held = (areas.auroc - lower <= one.truth) & (one.truth <= areas.auroc + upper)
        rarer = np.minimum(areas.positives, areas.negatives)
        for first, last in CLASSES:
            hits[first].extend(held[(rarer >= first) & (rarer <= (last or np.inf))])
    return {"macro": float(np.mean(macro))} | {
        str(first): float(np.mean(h)) for first, h in hits.items() if len(h) >= trials // 10
    }


def paired_coverage(pair: Pair, trials: int = TRIALS, seed: int = 0) -> dict[str, float]:
    """Shares of samples whose interval of the macro difference, and of labels whose own, holds the truth; share of macro p below .05."""
    macro, own, small = [], [], []
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial])
        one = sample(Setting(pair.title, images=pair.images), rng)
        noises = (np.sqrt(pair.shared) * one.noise + np.sqrt(1 - pair.shared) * _like(one, rng) for _ in range(2))
        models = [scores(one.target, noise, area) for noise, area in zip(noises, (pair.auroc, pair.other), strict=True)]
        found = auroc_intervals.differences(one.target, np.ones_like(one.target), *models, one.patient)
        held = (found.interval[:, 0] <= pair.auroc - pair.other) & (pair.auroc - pair.other <= found.interval[:, 1])
        macro.append(held[0])
        own.extend(held[1:][np.isfinite(found.p[1:])])
        small.append(found.p[0] < 0.05)
    return {"macro": float(np.mean(macro)), "labels": float(np.mean(own)), "p": float(np.mean(small))}


def _like(one: Sample, rng: np.random.Generator) -> np.ndarray:
    """Noise of one model alone, alike among a patient's images as the shared noise is."""
    own = rng.normal(size=one.noise.shape)
    if len(np.unique(one.patient)) == len(one.patient):
        return own
    return np.sqrt(0.6) * rng.normal(size=(one.patient.max() + 1, own.shape[1]))[one.patient] + np.sqrt(0.4) * own


def measure(config: Config, settings: Settings) -> dict:
    del config, settings  # simulated, and independent of any model
    return {
        "single": {setting.title: coverage(setting) for setting in SETTINGS},
        "paired": {pair.title: paired_coverage(pair) for pair in PAIRS},
    }


def show(numbers: dict) -> str:
    titles = ["1", *(f"{first} to {last}" if last else f"{first} and more" for first, last in CLASSES[1:])]
    names = ["macro", *(str(first) for first, _ in CLASSES)]
    single = timing.table(["95 % intervals that hold the truth, %", "macro", *titles], _rows(numbers["single"], names))
    paired = timing.table(
        ["differences", "macro", "labels", "p below .05"], _rows(numbers["paired"], ("macro", "labels", "p"))
    )
    error = 100 * np.sqrt(0.95 * 0.05 / TRIALS)
    return (
        f"## Coverage\n\n{single}\n\n{paired}\n\nColumns are labels by patients of their rarer class. "
        f"A macro's share is of {TRIALS} samples, with a standard error of {error:.1f}."
    )


def _rows(parts: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> list[list[str]]:
    return [[title, *(f"{100 * part[n]:.1f}" if n in part else "–" for n in names)] for title, part in parts.items()]
