"""What no comparison with a truth tells: does a map depend on the classifier, and on the class?

| score | what it is | a map that says nothing |
|---|---|---|
| deletion, insertion | area under the run's own probability while pixels are blurred away, or come back, most relevant first | as random |
| road | mean answer with the least less that with the most relevant pixels imputed from their neighbours | 0 |
| class_share | share of |map| that lies on the positive of a 2 x 2 grid of one positive and three negatives | .25, but see below |
| weights | rank correlation with the map once the classifier's layers are random, from the head down to the image | 1 |
| labels | the same with the map of a classifier that was trained on shuffled labels | 1 |

A path that stops once the finding is gone hardly moves where there is none, whatever it draws: of traversals the permuted direction, as
long as they are, tells what class_share is worth.

`dirvae.metrics.faithfulness`, `localisation` and `dirvae.explain.sanity` have the formulae and sources.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import ndimage

from dirvae.explain import sanity
from dirvae.explain.truth import Truth
from dirvae.metrics import faithfulness, localisation
from dirvae.studies.explanations.entries import Entrant, Entries
from dirvae.studies.explanations.scoring import mean_of_known
from dirvae.types import Params

CURVE_STEPS = 16  # of deletion and insertion
BLUR = 0.08  # standard deviation of the blur that stands for a deleted pixel, share of the image's side

Scores = dict[str, Float[np.ndarray, " n"]]


def faithful(
    probability: Callable[[np.ndarray], np.ndarray], truth: Truth, maps: Entries, count: int, seed: int = 0
) -> tuple[np.ndarray, dict[str, Scores]]:
    """(which images, {entry: {deletion, insertion, road}}) of `count` true positives drawn by seed, or of all.

    `probability` of images [n, H, W, C] is [n, L].
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(truth.image))[:count])
    images = truth.image[chosen].astype(np.float32)
    blurred = ndimage.gaussian_filter(images, BLUR * images.shape[1], axes=(1, 2))
    answer = lambda shown: probability(shown)[:, truth.column]  # noqa: E731
    found = {}
    for name, drawn in maps.items():
        size = np.abs(drawn[chosen])
        found[name] = {
            "deletion": faithfulness.deletion(answer, images, blurred, size, CURVE_STEPS, seed).area(),
            "insertion": faithfulness.insertion(answer, images, blurred, size, CURVE_STEPS, seed).area(),
            "road": faithfulness.road(answer, images, size, seed=seed).gap(),
        }
    return chosen, found


def class_shares(maps: Entries, without: Entries, seed: int = 0) -> tuple[np.ndarray, dict[str, Scores]]:
    """(the positive of each grid, {entry: {class_share}}), from maps of one finding for images with and without it.

    A grid a positive. Empty where fewer than three images lack the finding.
    """
    positives, negatives = (len(next(iter(each.values()), ())) for each in (maps, without))
    if negatives < localisation.CELLS - 1:
        return np.zeros(0, np.int64), {}
    grids = localisation.draw_grids(np.arange(positives + negatives) < positives, positives, seed)
    both = {name: np.concatenate([maps[name], other]) for name, other in without.items()}
    return grids[:, 0], {
        name: {"class_share": localisation.class_sensitivity(each[grids])} for name, each in both.items()
    }


class Batch(NamedTuple):
    """True positives of all findings, of the shape that the entrants are compiled for where that has room for all."""

    images: Array  # [B, H, W, C]
    label: Int[Array, " B"]
    count: int  # of them, the first; the others repeat these


def mixed(truths: list[Truth], rows: int) -> Batch:
    """As many of each finding as `rows` hold, at least one."""
    each = max(1, rows // len(truths))
    images = np.concatenate([truth.image[:each] for truth in truths])
    label = np.concatenate([np.full(len(truth.image[:each]), truth.column) for truth in truths])
    take = np.arange(max(rows, len(images))) % len(images)
    return Batch(jnp.asarray(images[take], jnp.float32), jnp.asarray(label[take]), len(images))


def sizes(entrants: list[Entrant], params: Params, batch: Batch) -> Entries:
    """|map| by every entrant, of the images that count."""
    made = [entrant(params, batch.images, batch.label) for entrant in entrants]
    return {name: np.abs(np.asarray(maps))[: batch.count] for one in made for name, maps in one.items()}


def randomised(entrants: list[Entrant], params: Params, fresh: Params, batch: Batch) -> dict[str, dict[str, float]]:
    """{entry: {layer: mean rank correlation of |map| with the trained model's}}, each layer and all above it being `fresh`."""
    layers = sanity.sensitivity(lambda p: sizes(entrants, p, batch), params, fresh)
    names = next(iter(layers.values()))
    return {name: {layer: mean_of_known(each[name]) for layer, each in layers.items()} for name in names}


def likeness(ours: Entries, theirs: Entries) -> dict[str, float]:
    """{entry: mean rank correlation}; constant maps, whose pixels are in no order, do not count; NaN where all are."""
    return {name: mean_of_known(faithfulness.rank_correlation(maps, theirs[name])) for name, maps in ours.items()}
