"""Probes read every label from a frozen code: a linear one, a boosted one, and a linear one of permuted codes.

The encoder's own classifier is trained with it; a probe is fitted afterwards, alike for every code, so that codes compare. A
linear probe says what lies in the latents as they are, boosted trees what lies there in any shape. Each has a few settings: the
one with the highest macro AUROC in cross-validation on the fitting split is kept, refitted there and scored elsewhere.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from dirvae.metrics import classification, latent_panel
from dirvae.metrics.probes import LabelledCodes, known, log_odds

FOLDS = 4
RIDGES = (0.001, 0.01, 0.1, 1.0)  # variances of the linear probe's weights
ROUNDS = (15, 60)  # trees of the boosted probe
LEAVES, RATE = 6, 0.1
PERMUTATIONS = 20
Probe = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(codes [N, D], y [N], codes [M, D]) -> log odds [M]."""


class Readouts(NamedTuple):
    """Macro AUROC on the scored split: of both probes for every row of multiplicities [R], of each deal of permuted codes [P]."""

    linear: np.ndarray
    boosted: np.ndarray
    permuted: np.ndarray


def readouts(
    fitted: LabelledCodes,
    scored: LabelledCodes,
    fold: Int[np.ndarray, " N"],
    weights: Float[np.ndarray, "R M"],
    seed: int = 0,
) -> Readouts:
    """`weights` are multiplicities of the examples of `scored`; examples of one patient belong in one fold of `fitted`.

    `permuted` is the linear probe, in the setting chosen, on codes that were dealt to other examples of their split. Both splits are
    dealt: a label along one direction of the code would else be told, one way or the other, by a chance direction.
    """
    from threadpoolctl import threadpool_limits  # here, with the libraries that it limits

    rng, plain = np.random.default_rng(seed), np.ones((1, len(scored.code)))
    dealt = [[latent_panel.permuted(split, rng) for split in (fitted, scored)] for _ in range(PERMUTATIONS)]
    with threadpool_limits(1):  # fits are small: threads that wait for each other take ten times longer
        linear = _best([partial(log_odds, ridge=ridge) for ridge in RIDGES], fitted, fold)
        boosted = _best([partial(boosted_log_odds, rounds=rounds) for rounds in ROUNDS], fitted, fold)
        return Readouts(
            _macro(linear, fitted, scored, weights),
            _macro(boosted, fitted, scored, weights),
            np.concatenate([_macro(linear, *pair, plain) for pair in dealt]),
        )


def folds(patient: np.ndarray, count: int = FOLDS, seed: int = 0) -> Int[np.ndarray, " N"]:
    """A fold for each example, the same for all examples of a patient, patients dealt evenly."""
    names, member = np.unique(patient, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % count)[member]


def boosted_log_odds(
    train_code: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, " N"],
    test_code: Float[np.ndarray, "M D"],
    rounds: int,
) -> Float[np.ndarray, " M"]:
    """Sum of `rounds` small trees, deterministic, on one thread (see `disentanglement.gain_importances`)."""
    import lightgbm  # here, since only this needs it

    parameters = {"objective": "binary", "num_leaves": LEAVES, "learning_rate": RATE, "num_threads": 1, "seed": 0}
    parameters |= {"deterministic": True, "force_row_wise": True, "verbosity": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(train_code, y), rounds)
    return np.asarray(booster.predict(test_code, raw_score=True), np.float64)


def _best(candidates: list[Probe], fitted: LabelledCodes, fold: np.ndarray) -> Probe:
    """The candidate with the highest macro AUROC, averaged over the folds that it was not fitted on; the first at a tie."""
    scores = []
    for probe in candidates:
        held = []
        for number in np.unique(fold):
            inside, outside = (LabelledCodes(*(a[rows] for a in fitted)) for rows in (fold != number, fold == number))
            held.append(float(_macro(probe, inside, outside, np.ones((1, len(outside.code))))[0]))
        scores.append(np.nanmean(held))
    return candidates[int(np.argmax(scores))]


def _macro(probe: Probe, fitted: LabelledCodes, scored: LabelledCodes, weights: np.ndarray) -> np.ndarray:
    """[R]: mean over the labels that `scored` has both values of, each known example with its multiplicity."""
    odds = [_label(probe, fitted, scored, label) for label in range(scored.target.shape[1])]
    values = classification.per_label(
        classification.auroc, scored.target, scored.weight, np.stack(odds, axis=1), weights
    )
    return classification.macro(values)


def _label(probe: Probe, fitted: LabelledCodes, scored: LabelledCodes, label: int) -> np.ndarray:
    """Log odds of one label; all alike where the label has one value only in `fitted`."""
    code, y = known(fitted, label)
    return probe(code, y, scored.code) if len(np.unique(y)) == 2 else np.zeros(len(scored.code))
