"""Does a map depend on the classifier, and on the class? No comparison with a truth tells.

| score | what it is | a map that says nothing |
|---|---|---|
| deletion, insertion | area under the run's own probability while pixels are blurred away, or come back, most relevant first | as random |
| road | mean answer with the least less that with the most relevant pixels imputed from their neighbours | 0 |
| class_share | share of |map| that lies on the positive of a 2 x 2 grid of one positive and three negatives | .25, but see below |
| weights | rank correlation with the map once the classifier's layers are random, from the head down to the image | 1 |
| labels | the same with the map of a classifier that was trained on shuffled labels | 1 |

A path that stops once the finding is gone hardly moves where there is none, whatever it draws. The permuted direction goes as far as our
traversal, so its class_share is the one to compare with.

`dirvae.metrics.faithfulness`, `localisation` and `dirvae.explain.sanity` have the formulae and sources.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from dirvae.explain import sanity
from dirvae.explain.contract import Explain
from dirvae.explain.truth import Truth
from dirvae.metrics import faithfulness, localisation
from dirvae.studies.explanations.controls import Maps
from dirvae.studies.explanations.scoring import Scores, mean_of_finite
from dirvae.types import Params, Query

CURVE_STEPS = 16  # of deletion and insertion
BLUR = 0.08  # standard deviation of the blur that stands for a deleted pixel, share of the image's side


def perturbation_scores(
    probability: Callable[[np.ndarray], np.ndarray], truth: Truth, maps: Maps, count: int, seed: int = 0
) -> tuple[np.ndarray, dict[str, Scores]]:
    """(positions of the images, {map: {deletion, insertion, road}}) of `count` true positives drawn by seed, or of all.

    `probability` of images [n, H, W, C] is [n, L].
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(truth.image))[:count])
    images = truth.image[chosen].astype(np.float32)
    blurred = ndimage.gaussian_filter(images, BLUR * images.shape[1], axes=(1, 2))

    def answer(shown: np.ndarray) -> np.ndarray:
        return probability(shown)[:, truth.column]

    scores = {}
    for name, drawn in maps.items():
        size = np.abs(drawn[chosen])
        scores[name] = {
            "deletion": faithfulness.deletion(answer, images, blurred, size, CURVE_STEPS, seed).area(),
            "insertion": faithfulness.insertion(answer, images, blurred, size, CURVE_STEPS, seed).area(),
            "road": faithfulness.road(answer, images, size, seed=seed).gap(),
        }
    return chosen, scores


def class_shares(maps: Maps, without: Maps, seed: int = 0) -> tuple[np.ndarray, dict[str, Scores]]:
    """(the positive of each grid, {map: {class_share}}), from maps of one finding for images with and without it.

    Each positive has one grid. Both are empty where fewer than three images lack the finding.
    """
    positives, negatives = (len(next(iter(drawn.values()), ())) for drawn in (maps, without))
    if negatives < localisation.CELLS - 1:
        return np.zeros(0, np.int64), {}
    grids = localisation.draw_grids(np.arange(positives + negatives) < positives, positives, seed)
    both = {name: np.concatenate([maps[name], other]) for name, other in without.items()}
    return grids[:, 0], {
        name: {"class_share": localisation.class_sensitivity(drawn[grids])} for name, drawn in both.items()
    }


class Batch(NamedTuple):
    """True positives of all findings, of the shape that the methods are compiled for where that has room for all."""

    query: Query
    count: int  # of different images, the first of the query; the others repeat these


def mixed(truths: list[Truth], sign: float, rows: int) -> Batch:
    """A batch of `rows` images with equally many of each finding, at least one."""
    share = max(1, rows // len(truths))
    images = np.concatenate([truth.image[:share] for truth in truths])
    label = np.concatenate([np.full(len(truth.image[:share]), truth.column) for truth in truths])
    take = np.arange(max(rows, len(images))) % len(images)
    query = Query(jnp.asarray(images[take], jnp.float32), jnp.asarray(label[take]), jnp.full(len(take), sign))
    return Batch(query, len(images))


def sizes(explain: Explain, params: Params, batch: Batch) -> Maps:
    """|map| by every method, of the different images."""
    return {name: np.abs(np.asarray(maps))[: batch.count] for name, maps in explain(params, batch.query).items()}


def weight_randomisation(explain: Explain, params: Params, fresh: Params, batch: Batch) -> dict[str, dict[str, float]]:
    """{map: {layer: mean rank correlation of |map| with the trained model's}}, the layer and all above it being `fresh`."""
    layers = sanity.sensitivity(lambda weights: sizes(explain, weights, batch), params, fresh)
    names = next(iter(layers.values()))
    return {
        name: {layer: mean_of_finite(correlations[name]) for layer, correlations in layers.items()} for name in names
    }


def likeness(maps: Maps, others: Maps) -> dict[str, float]:
    """{map: mean rank correlation}; constant maps, whose pixels are in no order, do not count; NaN where all are."""
    return {name: mean_of_finite(faithfulness.rank_correlation(drawn, others[name])) for name, drawn in maps.items()}
