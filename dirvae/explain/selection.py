"""This module selects the images that are explained: they are drawn by seed among all that qualify, not picked by looks."""

import itertools

import numpy as np
from jaxtyping import Bool, Float, Int

from dirvae.training import data
from dirvae.training.evaluate import Predictions

OUTCOMES = ("true positive", "false positive", "false negative")


def with_outcome(
    predictions: Predictions, label: int, threshold: float, outcome: str, count: int, seed: int
) -> Int[np.ndarray, " n"]:
    """Positions of up to `count` images with one of the OUTCOMES for a label, drawn by seed among all that are labelled."""
    positive, called = predictions.target[:, label] > 0, predictions.probability[:, label] >= threshold
    rows = {
        "true positive": positive & called,
        "false positive": ~positive & called,
        "false negative": positive & ~called,
    }[outcome]
    qualified = np.flatnonzero(rows & (predictions.weight[:, label] > 0))
    return np.sort(np.random.default_rng((seed, label)).permutation(qualified)[:count])


def true_positives(
    predictions: Predictions, label: int, threshold: float, count: int, seed: int
) -> Int[np.ndarray, " n"]:
    """Positions of up to `count` true positives of a label, drawn by seed."""
    return with_outcome(predictions, label, threshold, "true positive", count, seed)


def true_positives_of_all(
    predictions: Predictions, thresholds: Float[np.ndarray, " L"], count: int, seed: int
) -> list[Int[np.ndarray, " n"]]:
    """The positions of up to `count` true positives of each label at its threshold, drawn by seed."""
    return [true_positives(predictions, label, t, count, seed) for label, t in enumerate(thresholds)]


def lacking(examples: data.Examples, label: int, count: int, seed: int) -> Int[np.ndarray, " n"]:
    """Positions of up to `count` images that are labelled as without the finding, drawn by seed."""
    negative = np.flatnonzero((examples.target[:, label] == 0) & (examples.weight[:, label] > 0))
    return np.sort(np.random.default_rng([seed, label]).permutation(negative)[:count])


def in_turn(positive: Bool[np.ndarray, "N L"], count: int, seed: int) -> Int[np.ndarray, " n"]:
    """Positions of up to `count` images: each label in turn gives one of its positives; images without any come last."""
    rng = np.random.default_rng(seed)
    queues = [rng.permutation(np.flatnonzero(column)) for column in positive.T]
    turns = [p for turn in itertools.zip_longest(*queues) for p in turn if p is not None]
    return np.asarray(list(dict.fromkeys([*turns, *rng.permutation(len(positive))]))[:count])
