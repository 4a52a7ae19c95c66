"""Linear probes: how well a logistic regression reads a label from some of the latents, fitted on train, scored on test.

For a code whose latents are assigned to labels in blocks, two questions follow. Specificity: does block c say more about
label c than all other latents together? Leakage: what does block c say about another label k that label c does not
already tell? Two findings that go together leak into each other's blocks without any fault of the code, hence the
strata.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from dirvae.metrics import classification

RIDGE = 1.0  # variance of the prior on the weights of standardised latents: keeps those of a separable label finite
ENOUGH = 20  # positives, and negatives, below which a score of a label is noise


class LabelledCodes(NamedTuple):
    """Codes [N, D] of one split, its targets [N, L] in {0, 1} and their weights [N, L]: 0 where a label is not known."""

    code: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def log_odds(
    train_code: Float[np.ndarray, "N D"],
    y: Num[np.ndarray, " N"],
    test_code: Float[np.ndarray, "M D"],
    ridge: float = RIDGE,
) -> Float[np.ndarray, " M"]:
    """w . (z - m)/s + b of the test codes; m and s are train's mean and spread, w and b the logistic regression's.

    `ridge` is the variance of the weights' normal prior.
    """
    from sklearn.linear_model import LogisticRegression  # here, since importing it takes longer than many a probe

    varies = np.ptp(train_code, axis=0) > 0
    centre, spread = train_code.mean(axis=0), np.where(varies, train_code.std(axis=0), 1.0)
    model = LogisticRegression(C=ridge, solver="newton-cholesky")  # Newton steps: examples outnumber latents by far
    model.fit((train_code - centre) / spread, y)
    return model.decision_function((test_code - centre) / spread).astype(np.float64)


def known(split: LabelledCodes, label: int, latents: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Code [n, d] and target [n] of the examples in which the label is known."""
    rows = split.weight[:, label] > 0
    return split.code[rows][:, latents], split.target[rows, label]


def stratum(split: LabelledCodes, label: int, value: int) -> LabelledCodes:
    """The examples in which the label is known to have this value."""
    rows = (split.weight[:, label] > 0) & (split.target[:, label] == value)
    return LabelledCodes(split.code[rows], split.target[rows], split.weight[rows])


def _auc(train: LabelledCodes, test: LabelledCodes, label: int, latents: np.ndarray) -> float:
    """AUROC of the probe; a probe without latents is a constant: 1/2."""
    if not len(latents):
        return 0.5
    code, y = known(test, label, latents)
    odds = log_odds(*known(train, label, latents), code)
    return float(classification.auroc(y.astype(np.float64), odds, np.ones((1, len(y))))[0])


def specificity(
    train: LabelledCodes, test: LabelledCodes, blocks: Sequence[Int[np.ndarray, "_"]]
) -> Float[np.ndarray, " L"]:
    """AUC(y_c | block c) - AUC(y_c | all other latents) of each label c; `blocks` holds the latents of each.

    1/2 for a block that is its label and a rest that knows nothing of it; 0 where any latent says as much; negative where
    the label has settled outside its block.
    """
    everything = np.arange(train.code.shape[1])
    return np.array(
        [
            _auc(train, test, label, block) - _auc(train, test, label, np.setdiff1d(everything, block))
            for label, block in enumerate(blocks)
        ]
    )


def leakage(
    train: LabelledCodes, test: LabelledCodes, blocks: Sequence[Int[np.ndarray, "_"]], enough: int = ENOUGH
) -> Float[np.ndarray, "L L"]:
    """Leakage is what block c tells of label k among examples that agree on label c: mean over y_c = 0, 1 of 2 AUC(y_k | block c) - 1.

    [c, k], 0 where nothing leaks (a fair coin falls on either side: values below 0 are noise) and 1 where block c gives
    label k away. NaN on the diagonal, and where neither stratum has `enough` of both values of label k in both splits.
    """
    labels = len(blocks)
    leaks = np.full((labels, labels), np.nan)
    for c, block in enumerate(blocks):
        strata = [(stratum(train, c, value), stratum(test, c, value)) for value in (0, 1)]
        for k in range(labels):
            fit = [pair for pair in strata if k != c and min(fewest(split)[k] for split in pair) >= enough]
            if fit:
                leaks[c, k] = np.mean([2 * _auc(*pair, k, block) - 1 for pair in fit])
    return leaks


def fewest(split: LabelledCodes) -> Float[np.ndarray, " L"]:
    """Counts the positives of each label, or its negatives if those are fewer, among the examples in which it is known."""
    positives = (split.weight * split.target).sum(axis=0, dtype=np.float64)
    return np.minimum(positives, split.weight.sum(axis=0) - positives)
