"""Tuning picks on validation images: the geometry of our traversal, and how far a counterfactual's path goes.

The geometry is picked by what its signed map scores, the target by how often an independent classifier is convinced.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dirvae.explain import maps, traversals
from dirvae.explain.truth import Truth
from dirvae.latents import geometry
from dirvae.metrics import counterfactual
from dirvae.model import Model
from dirvae.studies.explanations import scoring
from dirvae.studies.explanations.controls import query_of
from dirvae.studies.explanations.counterfactuals import IndependentClassifier
from dirvae.types import Params, Query

FAR = 0.9999  # a target so far that latents on a simplex are switched off altogether
TARGETS = (0.95, 0.999, 0.99999)  # of counterfactuals, the nearest first
CONVINCED = 0.9  # validity at which no further target is tried
Report = Callable[[str], None]
"""Shows a line of progress."""


class Bench(NamedTuple):
    """A bench holds what candidates are tried on."""

    model: Model
    params: Params
    truths: list[Truth]  # of validation
    rows: int  # images that a finding is filled up to
    sign: float
    report: Report = lambda line: None


class Choice(NamedTuple):
    """The picked candidate, and the score of each that was tried."""

    name: str
    options: traversals.Options
    scores: dict[str, float]


def candidates(base: traversals.Options, covariance: geometry.Metric) -> Iterator[tuple[str, traversals.Options]]:
    """Metrics that cost no decoding, each as it is, with the other logits held, and on to a further target."""
    for name, metric in {"covariance": covariance, "identity": "identity", "fisher": "fisher"}.items():
        yield name, base._replace(metric=metric)
        yield f"{name}, others held", base._replace(metric=metric, constrain_others=True)
        yield f"{name}, to {FAR}", base._replace(metric=metric, target_probability=FAR, step_size=2 * base.step_size)


def mean_score(bench: Bench, options: traversals.Options) -> float:
    """Mean over findings of the signed map's NCC with the exact effect, or where that is not known of its RRA."""

    @jax.jit
    def signed_map(params: Params, query: Query) -> Array:
        return maps.signed(traversals.on_manifold(bench.model, params, *query, options).images, query.sign)

    means = []
    for truth in bench.truths:
        drawn = np.asarray(signed_map(bench.params, query_of(truth, truth.image, bench.sign, bench.rows)))
        scores = scoring.per_image(truth, drawn[: len(truth.image)])
        means.append(scoring.mean_of_finite(scores.get("ncc", scores["rra"])))
    return scoring.mean_of_finite(means)


def geometry_of(bench: Bench, base: traversals.Options, covariance: geometry.Metric) -> Choice:
    """The candidate with the best mean score."""
    options = dict(candidates(base, covariance))
    scores = {}
    for name, candidate in options.items():
        scores[name] = mean_score(bench, candidate)
        bench.report(f"geometry {name}: {scores[name]:.3f}")
    best = max(scores, key=scores.__getitem__)
    return Choice(best, options[best], scores)


def target(bench: Bench, options: traversals.Options, independent: IndependentClassifier) -> Choice:
    """The nearest target that convinces the independent classifier, or the most convincing; scores are mean validities.

    Without an image on which that classifier sees the finding, the options stay as they are and no score is given.
    """
    scores: dict[str, float] = {}
    best = options
    for probability in TARGETS:
        candidate = options._replace(target_probability=probability)
        mean = mean_validity(bench, candidate, independent)
        if not np.isfinite(mean):
            return Choice(f"{options.target_probability:g}", options, {})
        best = candidate if mean > max(scores.values(), default=-1.0) else best
        scores[f"{probability:g}"] = mean
        bench.report(f"target {probability:g}: validity {mean:.3f}")
        if mean >= CONVINCED:
            break
    return Choice(f"{best.target_probability:g}", best, scores)


def mean_validity(bench: Bench, options: traversals.Options, independent: IndependentClassifier) -> float:
    """Mean over findings of `counterfactual.validity`; NaN where the independent classifier sees no finding in any image."""

    @jax.jit
    def ends(params: Params, query: Query) -> Array:
        path = traversals.on_manifold(bench.model, params, *query, options)
        return path.images[:, jnp.array([0, -1])]

    means = []
    for truth in bench.truths:
        filled = np.asarray(ends(bench.params, query_of(truth, truth.image, bench.sign, bench.rows)))
        images = filled[: len(truth.image)]
        towards = np.full(len(images), bench.sign > 0)
        before, after = (independent(images[:, end], truth.column) for end in (0, 1))
        valid = counterfactual.validity(before, after, towards, independent.thresholds[truth.column])
        means.append(scoring.mean_of_finite(valid))
    return scoring.mean_of_finite(means)
