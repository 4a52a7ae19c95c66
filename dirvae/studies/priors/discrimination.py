"""A study's classifiers finding by finding: areas with differences and DeLong's test, mean ROC curves, calibration."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import classification, statistics
from dirvae.metrics.comparison import Difference
from dirvae.studies.priors.arms import Runs, finished
from dirvae.studies.priors.endpoints import Scored

GRID = np.linspace(0.0, 1.0, 201)  # false-positive rates at which ROC curves are averaged
CALIBRATION = ("brier", "ece_mass", "ece")


class FindingScores(NamedTuple):
    """One finding on test: counts, mean AUROC of each arm, the contrast's difference, DeLong's p of each shared seed."""

    finding: str
    positives: int
    known: int
    aurocs: Mapping[str, float]
    difference: Difference | None  # None where the contrast's arms are not both finished
    delong: Mapping[int, float | None]  # None where there is no p or the two runs were not scored on the same labels


class Calibration(NamedTuple):
    """One arm: means of CALIBRATION over findings and seeds, mean probability less share of positives, and curves."""

    scores: Mapping[str, float]
    excess: float
    curves: Sequence[tuple[np.ndarray, np.ndarray]]  # of each seed: (mean probability, share of positives) of each bin


class Discrimination(NamedTuple):
    """Every finding, every arm's ROC curves [finding][rate of GRID], every arm's calibration."""

    findings: Sequence[FindingScores]
    curves: Mapping[str, Sequence[np.ndarray]]
    calibration: Mapping[str, Calibration]


def describe(runs: Runs, contrast: tuple[str, str], differences: Mapping[str, Difference]) -> Discrimination | None:
    """None where no run is finished, or where arms were scored on different findings."""
    arms = finished(runs)
    if not arms or len({run.labels for arm_runs in arms.values() for run in arm_runs}) > 1:
        return None
    pairs = paired_seeds(runs, contrast)
    labels = next(iter(arms.values()))[0].labels
    rows = [_finding(arms, pairs, column, label, differences.get(label)) for column, label in enumerate(labels)]
    curves = {
        arm: [mean_curve([known(run, column) for run in arm_runs]) for column in range(len(labels))]
        for arm, arm_runs in arms.items()
    }
    return Discrimination(rows, curves, {arm: calibration(arm_runs) for arm, arm_runs in arms.items()})


def _finding(
    arms: Mapping[str, Sequence[Scored]],
    pairs: Mapping[int, tuple[Scored, Scored]],
    column: int,
    label: str,
    difference: Difference | None,
) -> FindingScores:
    y, _ = known(next(iter(arms.values()))[0], column)
    means = {arm: float(np.mean([run.aurocs[0, column] for run in arm_runs])) for arm, arm_runs in arms.items()}
    tests = {seed: delong(*pair, column) for seed, pair in pairs.items()}
    return FindingScores(label, int(y.sum()), len(y), means, difference, tests)


def known(run: Scored, column: int) -> tuple[np.ndarray, np.ndarray]:
    """(y, p) of the test images in which a finding is known."""
    kept = run.basis.weight[:, column] > 0
    return run.basis.target[kept, column], run.basis.probability[kept, column]


def paired_seeds(runs: Runs, contrast: tuple[str, str]) -> dict[int, tuple[Scored, Scored]]:
    """The runs of the contrast's arms from the same seed."""
    first, second = (runs.get(arm, {}) for arm in contrast)
    return {seed: (first[seed], second[seed]) for seed in first if seed in second}


def delong(a: Scored, b: Scored, column: int) -> float | None:
    """p of DeLong's test of two runs on one finding; None where there is none, or they were not scored on the same labels."""
    (y, first), (other, second) = known(a, column), known(b, column)
    if not np.array_equal(y, other):
        return None
    p = statistics.delong(y, np.stack([first, second])).p
    return p if np.isfinite(p) else None


def mean_curve(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Mean over seeds, at each false-positive rate of GRID, of the highest sensitivity reached there: from (y, p) of each."""
    curves = []
    for y, p in pairs:
        false, true = classification.operating_points(y, p)
        curves.append(np.interp(GRID, false, true))
    return np.mean(curves, axis=0)


def calibration(runs: Sequence[Scored]) -> Calibration:
    """Calibration of one arm; a curve pools the known findings of all images."""
    pooled = [(b.target[b.weight > 0], b.probability[b.weight > 0]) for b in (run.basis for run in runs)]
    return Calibration(
        {name: _mean(runs, name) for name in CALIBRATION},
        float(np.mean([p.mean() - y.mean() for y, p in pooled])),
        [classification.observed_shares(y, p) for y, p in pooled],
    )


def _mean(runs: Sequence[Scored], metric: str) -> float:
    """A metric's mean over findings and seeds."""
    values = [
        classification.per_label(
            classification.METRICS[metric], b.target, b.weight, b.probability, np.ones((1, len(b.target)))
        )
        for b in (run.basis for run in runs)
    ]
    return float(np.nanmean(values))
