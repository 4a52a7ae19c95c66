"""The phantom's exact effects, in the form that `dirvae.cases` asks for."""

import numpy as np

from data_prep import phantom
from data_prep.phantom.factors import contrast
from dirvae.cases import Effect
from dirvae.contest.truth import Intervene


def phantom_effect(size: int) -> Effect:
    """(factors, seeds, finding) -> what the finding adds to each image, exactly; for No Finding what its absence would."""

    def effect(factors: np.ndarray, seeds: np.ndarray, finding: str) -> np.ndarray | None:
        if finding == "No Finding":
            return None  # its absence could be any pathology
        return phantom.effect(factors, seeds, finding, size)

    return effect


def phantom_pair(size: int) -> Intervene:
    """(factors, seeds, finding) -> images without and with the finding; None for No Finding."""

    def pair(factors: np.ndarray, seeds: np.ndarray, finding: str) -> tuple[np.ndarray, np.ndarray] | None:
        if finding == "No Finding":
            return None
        low, high = contrast(factors, finding)
        return phantom.render(low, seeds, size), phantom.render(high, seeds, size)

    return pair
