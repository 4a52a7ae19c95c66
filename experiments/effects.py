"""The phantom's exact effects, in the form that `dirvae.cases` asks for."""

import numpy as np

from data_prep import phantom
from dirvae.cases import Effect


def phantom_effect(size: int) -> Effect:
    """(factors, seeds, finding) -> what the finding adds to each image, exactly; for No Finding what its absence would."""

    def effect(factors: np.ndarray, seeds: np.ndarray, finding: str) -> np.ndarray | None:
        if finding == "No Finding":
            return None  # its absence could be any pathology
        return phantom.effect(factors, seeds, finding, size)

    return effect
