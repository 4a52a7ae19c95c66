"""What no comparison with a truth tells: does a map depend on the classifier, and on the class?

| score | what it is | a map that says nothing |
|---|---|---|
| deletion, insertion | area under the run's own probability while pixels are blurred away, or come back, most relevant first | as random |
| road | mean answer with the least less that with the most relevant pixels imputed from their neighbours | 0 |
| class_share | share of |map| that lies on the positive of a 2 x 2 grid of one positive and three negatives | .25 |
| weights | rank correlation with the map once the classifier's layers are random, from the head down to the image | 1 |
| labels | the same with the map of a classifier that was trained on shuffled labels | 1 |

`dirvae.metrics.faithfulness`, `localisation` and `dirvae.randomisation` have the formulae and sources.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import ndimage

from dirvae import randomisation
from dirvae.contest.entries import Entrant, Entries
from dirvae.contest.truth import Truth
from dirvae.metrics import faithfulness, localisation
from dirvae.types import Params

CURVE_STEPS = 16  # of deletion and insertion
BLUR = 0.08  # standard deviation of the blur that stands for a deleted pixel, share of the image's side

Scores = dict[str, Float[np.ndarray, " n"]]


def faithful(
    probability: Callable[[np.ndarray], np.ndarray], truth: Truth, maps: Entries, count: int, seed: int = 0
) -> dict[str, Scores]:
    """{entry: {deletion, insertion, road}} of the first `count` true positives; `probability` of images [n, H, W, C] is [n, L]."""
    images = truth.image[:count].astype(np.float32)
    blurred = ndimage.gaussian_filter(images, BLUR * images.shape[1], axes=(1, 2))
    answer = lambda shown: probability(shown)[:, truth.column]  # noqa: E731
    found = {}
    for name, drawn in maps.items():
        size = np.abs(drawn[:count])
        found[name] = {
            "deletion": faithfulness.deletion(answer, images, blurred, size, CURVE_STEPS, seed).area(),
            "insertion": faithfulness.insertion(answer, images, blurred, size, CURVE_STEPS, seed).area(),
            "road": faithfulness.road(answer, images, size, seed=seed).gap(),
        }
    return found


def class_shares(maps: Entries, without: Entries, seed: int = 0) -> tuple[np.ndarray, dict[str, Scores]]:
    """(the positive of each grid, {entry: {class_share}}), from maps of one finding for images with and without it.

    A grid a positive. Empty where fewer than three images lack the finding.
    """
    positives, negatives = (len(next(iter(each.values()))) for each in (maps, without))
    if negatives < localisation.CELLS - 1:
        return np.zeros(0, np.int64), {}
    grids = localisation.draw_grids(np.arange(positives + negatives) < positives, positives, seed)
    both = {name: np.concatenate([maps[name], other]) for name, other in without.items()}
    return grids[:, 0], {
        name: {"class_share": localisation.class_sensitivity(each[grids])} for name, each in both.items()
    }


def mixed(truths: list[Truth], rows: int) -> tuple[Array, Int[Array, " rows"]]:
    """True positives of all findings in turn, and their labels: one batch, of the shape that the entrants are compiled for."""
    each = max(1, rows // len(truths))
    images = np.concatenate([truth.image[:each] for truth in truths])
    label = np.concatenate([np.full(len(truth.image[:each]), truth.column) for truth in truths])
    take = np.arange(rows) % len(images)
    return jnp.asarray(images[take], jnp.float32), jnp.asarray(label[take])


def sizes(entrants: list[Entrant], params: Params, images: Array, label: Array) -> Entries:
    """|map| by every entrant."""
    made = [entrant(params, images, label) for entrant in entrants]
    return {name: np.abs(np.asarray(maps)) for one in made for name, maps in one.items()}


def randomised(
    entrants: list[Entrant], params: Params, fresh: Params, images: Array, label: Array
) -> dict[str, dict[str, float]]:
    """{entry: {layer: mean rank correlation of |map| with the trained model's}}, each layer and all above it being `fresh`."""
    trained = sizes(entrants, params, images, label)
    found: dict[str, dict[str, float]] = {name: {} for name in trained}
    for layer, drawn in randomisation.cascade(params, fresh):
        for name, value in likeness(trained, sizes(entrants, drawn, images, label)).items():
            found[name][layer] = value
    return found


def likeness(ours: Entries, theirs: Entries) -> dict[str, float]:
    """{entry: mean rank correlation}; constant maps, whose pixels are in no order, do not count; NaN where all are."""
    return {name: _mean(faithfulness.rank_correlation(maps, theirs[name])) for name, maps in ours.items()}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values[np.isfinite(values)])) if np.isfinite(values).any() else float("nan")
