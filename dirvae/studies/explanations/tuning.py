"""Our own geometry and how far a counterfactual goes, picked on validation images.

The geometry by what its signed map scores; the target, with a classifier to judge it, by how often that one is convinced.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dirvae.explain import maps, traversals
from dirvae.explain.truth import Truth
from dirvae.latents import geometry
from dirvae.metrics import counterfactual
from dirvae.model import Model
from dirvae.studies.explanations import counterfactuals, scoring
from dirvae.types import Params

FAR = 0.9999  # a target so far that latents on a simplex are switched off altogether
TARGETS = (0.95, 0.999, 0.99999)  # of counterfactuals, the nearest first
CONVINCED = 0.9  # validity at which no further target is tried


def candidates(base: traversals.Options, covariance: geometry.Metric) -> Iterator[tuple[str, traversals.Options]]:
    """Metrics that cost no decoding, each as it is, with the other logits held, and on to a further target."""
    for name, metric in {"covariance": covariance, "identity": "identity", "fisher": "fisher"}.items():
        yield name, base._replace(metric=metric)
        yield f"{name}, others held", base._replace(metric=metric, constrain_others=True)
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
        shown = np.asarray(drawn(params, *truth.filled_up(truth.image, rows)))[: len(truth.image)]
        scores = scoring.per_image(truth, shown)
        found.append(scoring.mean_of_known(scores.get("ncc", scores["rra"])))
    return scoring.mean_of_known(found)


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


def target(
    model: Model,
    params: Params,
    options: traversals.Options,
    sign: float,
    truths: list[Truth],
    rows: int,
    judge: counterfactuals.Judge,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[traversals.Options, dict[str, float]]:
    """The options with the nearest target that convinces the judge, or with the most convincing; and each one's mean validity."""
    scores: dict[str, float] = {}
    best = options
    for wanted in TARGETS:
        tried = options._replace(target_probability=wanted)

        @jax.jit
        def ends(params: Params, images: Array, label: Array, tried: traversals.Options = tried) -> Array:
            path = traversals.on_manifold(model, params, images, label, jnp.full(rows, sign), tried)
            return path.images[:, jnp.array([0, -1])]

        found = []
        for truth in truths:
            shown = np.asarray(ends(params, *truth.filled_up(truth.image, rows)))[: len(truth.image)]
            towards = np.full(len(shown), sign > 0)
            before, after = (judge.of(shown[:, end], truth.column) for end in (0, 1))
            valid = counterfactual.validity(before, after, towards, judge.threshold[truth.column])
            found.append(scoring.mean_of_known(valid))
        mean = scoring.mean_of_known(found)
        if not np.isfinite(mean):
            return options, {}  # the judge saw the finding in none of the images
        best = tried if mean > max(scores.values(), default=-1.0) else best
        scores[f"{wanted:g}"] = mean
        report(f"target {wanted:g}: validity {mean:.3f}")
        if mean >= CONVINCED:
            break
    return best, scores
