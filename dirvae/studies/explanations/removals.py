"""How often a path takes a finding out of the picture, by the classifier's own reading of that picture.

For every true positive the path lowers the finding's logit. Three readings of its end are counted at the finding's threshold: of the
latent code, of the decoded frame, and of the image with the path's change. Only the last is a picture of the patient.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import binomtest

from dirvae.explain import selection, traversals, truth
from dirvae.explain.setting import setting_of
from dirvae.metrics import counterfactual
from dirvae.model import read
from dirvae.training import data, parallel
from dirvae.training.evaluate import Predictions
from dirvae.training.runs import Run
from dirvae.types import Params, Query, Simulator

BATCH = 16  # paths that are followed at once


class Removals(NamedTuple):
    """Counts over the true positives of one finding, and how much of the exact effect was taken away, NaN where it is not known."""

    finding: str
    images: int
    absent_by_code: int
    absent_in_decoded: int
    absent_in_picture: int
    severity: float  # mean of <change, effect>/<effect, effect>; 1 is the exact effect

    @property
    def share(self) -> float:
        """The share of the pictures in which the finding is read as absent."""
        return self.absent_in_picture / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of `share`; it takes the images for independent, which those of one patient are not."""
        low, high = binomtest(self.absent_in_picture, self.images).proportion_ci(method="wilson")
        return float(low), float(high)


def of_findings(
    run: Run, examples: data.Examples, predictions: Predictions, count: int, simulator: Simulator | None
) -> Iterator[Removals]:
    """The removals of each finding that has a true positive among the predictions of a split; of at most `count` of them, by seed."""
    tuned, seed = run.tuned, run.config.seed
    ends = _ends(run, setting_of(run, tuned).options)
    for column, finding in enumerate(run.labels):
        positions = selection.true_positives(predictions, column, tuned.thresholds[column], count, seed)
        if len(positions):
            known = truth.of_images(examples, positions, column, simulator)
            yield _counted(finding, column, float(tuned.thresholds[column]), known, ends)


def _ends(run: Run, options: traversals.Options):
    """(params, query) -> the path's last picture, and the probabilities of its code, of the decoded frame and of the picture."""

    @jax.jit
    def ends(params: Params, query: Query) -> tuple[jax.Array, ...]:
        path = traversals.on_manifold(run.model, params, *query, options)
        decoded = jax.nn.sigmoid(read(run.model, params, path.images[:, -1]))
        return path.on_image[:, -1], path.probability[:, -1], decoded, path.reread[:, -1]

    return lambda query: [np.asarray(part) for part in ends(run.params, query)]


def _counted(finding: str, column: int, threshold: float, known: truth.Truth, ends) -> Removals:
    rows = []
    for first in range(0, len(known.image), BATCH):
        filled = parallel.fill(np.arange(first, min(first + BATCH, len(known.image))), BATCH)
        query = Query(jnp.asarray(known.image[filled]), jnp.full(BATCH, column), jnp.full(BATCH, -1.0))
        kept = min(BATCH, len(known.image) - first)
        rows.append([part[:kept] for part in ends(query)])
    pictures, *readings = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    absent = [int((reading[:, column] < threshold).sum()) for reading in readings]
    severity = float("nan")
    if len(known.effect):
        frames = -np.stack([known.image, pictures], axis=1).mean(axis=-1)
        severity = float(counterfactual.severity(frames, known.effect)[:, -1].mean())
    return Removals(finding, len(known.image), *absent, severity)
