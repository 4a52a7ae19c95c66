"""The phantom as a simulator (`dirvae.types.Simulator`): what a study may ask of images whose factors are known."""

from dataclasses import dataclass

import numpy as np

from data_prep.phantom import rendering
from data_prep.phantom.config import TREATED
from data_prep.phantom.factors import ACQUISITION, ANATOMY, CONFOUNDERS, PATHOLOGIES, contrast

FOLLOWED = "Pleural Effusion"  # what confounders follow that are no treatment


@dataclass(frozen=True)
class PhantomSimulator:
    """Renders the phantom at `size` pixels a side."""

    size: int

    pathologies = PATHOLOGIES
    confounders = CONFOUNDERS
    nuisances = (*ANATOMY, *ACQUISITION)

    def followed(self, confounder: str) -> str:
        """Returns the finding that a treatment treats; any other confounder follows the pleural effusion."""
        return TREATED.get(confounder, FOLLOWED)

    def render(self, factors: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Images float32 [n, S, S] in [0, 1] of factors [n, F] and seeds int64 [n]."""
        return rendering.render(factors, seeds, self.size)

    def contrast(self, factors: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The factors with a cause off and on; None for No Finding, whose absence could be any pathology."""
        return None if name == "No Finding" else contrast(factors, name)
