"""The comparison of explanations: settings are picked on validation, then every map of every method is scored on one split."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dirvae.explain import methods, sanity, traversals
from dirvae.explain.contract import Explain, Setting
from dirvae.explain.setting import setting_of
from dirvae.explain.truth import Truth
from dirvae.latents import geometry
from dirvae.metrics import counterfactual
from dirvae.studies.explanations import controls, counterfactuals, faithfulness, inputs, scoring, tuning
from dirvae.studies.explanations.results import Comparison, Estimates, Example, FindingResult, Randomisation, Tuning
from dirvae.training import parallel, runs, workdir
from dirvae.types import Simulator

SIGN = -1.0  # true positives lose their finding, whatever direction the run's own cases take
PICKED = 16  # validation images a finding on which settings are picked
PERTURBED = 8  # images a finding for deletion, insertion and ROAD, which ask the classifier some fifty times a map


class Request(NamedTuple):
    """A request says what is compared, and on which data."""

    directory: Path  # of the run that is explained
    split: str
    images: int  # true positives a finding, at most
    replicates: int  # of the patient bootstrap
    judge: Path | None = None  # another run, the independent classifier of counterfactuals
    shuffled: Path | None = None  # a run that was trained on shuffled labels
    data_dir: Path | None = None  # where the run's data set is looked for first


class Apparatus(NamedTuple):
    """Everything that scores a finding, compiled once for all findings."""

    run: runs.Run
    options: traversals.Options  # of our traversal, as picked
    explain: Explain
    rows: int  # images that everything is compiled for
    reconstruct: Callable
    walk: Callable[..., counterfactuals.Walks]
    probability: counterfactuals.Classify  # the run's own
    reading: counterfactuals.Reading
    replicates: int
    report: tuning.Report


class Scored(NamedTuple):
    """A finding's scores image by image, their estimates, and one example."""

    scores: dict[str, scoring.Scores]  # against the truth
    maps: dict[str, Estimates]
    counterfactuals: Estimates
    example: Example


def compare(
    request: Request, simulator: Simulator | None, report: tuning.Report = lambda line: None
) -> tuple[Comparison, dict[str, Example]]:
    """The comparison, and an example of each finding. `simulator` draws exact effects; without one, boxes are the truth.

    Raises:
      WorkdirError: where a run has not been evaluated, or no image of the split has a known truth.
      ValueError: for a split that is not there or was trained or picked on, a judge or a shuffled run that does not fit, or an
        encoder whose layers are of no known order.
    """
    parallel.keep_freed_memory()
    run = runs.open_run(request.directory, data_dir=request.data_dir)
    inputs.check_split(request.split)
    sanity.layers(run.params)
    independent = inputs.independent_classifier(request.judge, run) if request.judge else None
    control = inputs.shuffled_control(request.shuffled, run) if request.shuffled else None
    picked, _ = inputs.truths(run, simulator, "validation", PICKED)
    truths, left_out = inputs.truths(run, simulator, request.split, request.images)
    if not truths:
        raise workdir.WorkdirError(
            f"{request.directory}: no true positive of {request.split} has an exact effect or a box to be scored by"
        )
    auroc = inputs.aurocs(request.directory, request.split)
    apparatus, picks = _apparatus(run, request, independent, picked, report)
    scored = {truth.finding: _score(apparatus, truth) for truth in truths}
    headline, differences = _differences(truths, scored, request.replicates)
    comparison = Comparison(
        request.split,
        run.config.model.prior,
        picks,
        {
            truth.finding: FindingResult(len(truth.image), auroc[truth.finding], maps, ends)
            for truth, (_, maps, ends, _) in zip(truths, scored.values(), strict=True)
        },
        left_out,
        headline,
        differences,
        _randomisation(apparatus, control, faithfulness.mixed(truths, SIGN, request.images)),
    )
    return comparison, {finding: result.example for finding, result in scored.items()}


def _apparatus(
    run: runs.Run,
    request: Request,
    independent: counterfactuals.IndependentClassifier | None,
    picked: list[Truth],
    report: tuning.Report,
) -> tuple[Apparatus, Tuning]:
    """The methods, once geometry and target have been picked on validation; and what was picked."""
    bench = tuning.Bench(run.model, run.params, picked, PICKED, SIGN, report)
    geometry_choice = _geometry(run, bench)
    options = geometry_choice.options
    further = tuning.target(bench, options, independent) if independent and picked else geometry_choice
    spread = counterfactual.logit(run.tuned.probability).std(axis=0)
    apparatus = Apparatus(
        run,
        options,
        controls.explainer(_setting(run, options)),
        request.images,
        controls.reconstruction(run.model),
        counterfactuals.walker(run.model, further.options, SIGN, request.images),
        counterfactuals.classifier(run.model, run.params),
        counterfactuals.Reading(run.labels, spread, SIGN > 0, independent),
        request.replicates,
        report,
    )
    targets = {} if further is geometry_choice else further.scores
    picks = Tuning(geometry_choice.name, geometry_choice.scores, further.options.target_probability, targets)
    return apparatus, picks


def _setting(run: runs.Run, options: traversals.Options) -> Setting:
    tuned = run.tuned
    return setting_of(run, tuned, inputs.class_differences(tuned))._replace(options=options)


def _geometry(run: runs.Run, bench: tuning.Bench) -> tuning.Choice:
    """The best on validation images; the configured one where none of them has a known truth.

    Paths stop by the code here: how far the code has to go until another classifier is convinced is what `tuning.target` chooses.
    """
    tuned = run.tuned
    configured = setting_of(run, tuned).options._replace(stop="code")
    if not bench.truths:
        return tuning.Choice("as configured", configured, {})
    covariance = jnp.asarray(geometry.covariance(tuned.head_mean, shrinkage=0.0), jnp.float32)
    return tuning.geometry_of(bench, configured, covariance)


def _score(apparatus: Apparatus, truth: Truth) -> Scored:
    """Every map's scores of one finding, the counterfactuals' scores, and an example."""
    apparatus.report(f"compare explanations: {truth.finding}, {len(truth.image)} images")
    run, replicates = apparatus.run, apparatus.replicates
    draw = partial(controls.draw, apparatus.explain, run.params, truth, sign=SIGN, rows=apparatus.rows)
    maps = draw(truth.image)
    without = draw(truth.without) if len(truth.without) else {}
    maps |= controls.reference_maps(truth, maps["gate"], apparatus.reconstruct, run.params, apparatus.rows)
    scores = scoring.score_maps(truth, maps)
    estimates = scoring.estimates_by_map(scores, truth.patient, replicates)
    for positions, more in (
        faithfulness.perturbation_scores(apparatus.probability, truth, maps, PERTURBED, run.config.seed),
        faithfulness.class_shares(maps, without, run.config.seed),
    ):
        for name, table in more.items():
            estimates[name] |= scoring.mean_estimates(table, truth.patient[positions], replicates)
    ends = counterfactuals.scores(apparatus.walk(run.params, truth), truth, apparatus.reading)
    example = Example(truth.image[0], truth.mask[0], {name: drawn[0] for name, drawn in maps.items()})
    return Scored(scores, estimates, scoring.mean_estimates(ends, truth.patient, replicates), example)


def _differences(truths: list[Truth], scored: dict[str, Scored], replicates: int) -> tuple[str, dict[str, Estimates]]:
    """The headline score, NCC with the exact effect or of boxes RRA, and in it each map of ours less every other map."""
    headline = "ncc" if all(len(truth.low) for truth in truths) else "rra"
    scores, patients = [scored[truth.finding].scores for truth in truths], [truth.patient for truth in truths]
    return headline, {
        ours: scoring.paired_differences(scores, patients, ours, headline, replicates)
        for ours in methods.maps_of("ours")
    }


def _randomisation(apparatus: Apparatus, control: runs.Run | None, batch: faithfulness.Batch) -> Randomisation:
    """Rank correlations as the classifier's layers become random, and with a model trained on shuffled labels.

    That model's traversals go in the metric of its own codes, and along the differences of its own classes.
    """
    run, options, explain = apparatus.run, apparatus.options, apparatus.explain
    apparatus.report("compare explanations: random weights")
    fresh = run.model.init(jax.random.key(run.config.seed + 1))
    weights = faithfulness.weight_randomisation(explain, run.params, fresh, batch)
    if control is None:
        return Randomisation(weights, {})
    apparatus.report("compare explanations: shuffled labels")
    if not isinstance(options.metric, str):
        metric = geometry.covariance(control.tuned.head_mean, shrinkage=0.0)
        options = options._replace(metric=jnp.asarray(metric, jnp.float32))
    others = faithfulness.sizes(controls.explainer(_setting(control, options)), control.params, batch)
    return Randomisation(weights, faithfulness.likeness(faithfulness.sizes(explain, run.params, batch), others))
