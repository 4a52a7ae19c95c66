"""Our own geometry, picked on validation images by what its signed map scores."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dirvae import geometry, maps, traversals
from dirvae.contest import scoring
from dirvae.contest.truth import Truth
from dirvae.model import Model
from dirvae.types import Params

FAR = 0.9999  # a target so far that latents on a simplex are switched off altogether


def candidates(base: traversals.Options, covariance: geometry.Metric) -> Iterator[tuple[str, traversals.Options]]:
    """Metrics that cost no decoding, each as it is, with the other logits held, and on to a further target."""
    for name, metric in {"covariance": covariance, "identity": "identity", "fisher": "fisher"}.items():
        yield name, base._replace(metric=metric)
        yield f"{name}, others held", base._replace(metric=metric, hold=True)
        yield f"{name}, to {FAR}", base._replace(metric=metric, target_probability=FAR, step_size=2 * base.step_size)


def mean_score(
    model: Model, params: Params, options: traversals.Options, sign: float, truths: list[Truth], rows: int
) -> float:
    """Over findings, of the signed map: mean NCC with the exact effect, or where that is not known mean RRA."""

    @jax.jit
    def drawn(params: Params, images: Array, label: Array) -> Array:
        signs = jnp.full(rows, sign)
        return maps.signed(traversals.on_manifold(model, params, images, label, signs, options).images, signs)

    found = []
    for truth in truths:
        images = jnp.asarray(np.resize(truth.image, (rows, *truth.image.shape[1:])))
        shown = np.asarray(drawn(params, images, jnp.full(rows, truth.column)))[: len(truth.image)]
        scores = scoring.per_image(truth, shown)
        found.append(np.nanmean(scores.get("ncc", scores["rra"])))
    return float(np.mean(found))


def choose(
    model: Model,
    params: Params,
    base: traversals.Options,
    covariance: geometry.Metric,
    sign: float,
    truths: list[Truth],
    rows: int,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[str, traversals.Options, dict[str, float]]:
    """The best candidate's name and options, and what each of them scored."""
    options = dict(candidates(base, covariance))
    scores = {}
    for name, candidate in options.items():
        scores[name] = mean_score(model, params, candidate, sign, truths, rows)
        report(f"geometry {name}: {scores[name]:.3f}")
    best = max(scores, key=scores.__getitem__)
    return best, options[best], scores
