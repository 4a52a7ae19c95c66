"""What `experiments.compare_explanations` does: truths of a split, a geometry picked on validation, every entry, every score, two files."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dirvae.explain import sanity, setting, traversals
from dirvae.explain.truth import Truth
from dirvae.latents import geometry
from dirvae.metrics import counterfactual
from dirvae.report import explanations_page as page
from dirvae.studies.explanations import counterfactuals, entries, faithfulness, inputs, scoring, tables, tuning
from dirvae.training import evaluate, parallel, runs, workdir
from experiments import pipeline

SIGN = -1.0  # true positives lose their finding, whatever direction the run's own cases take
PICKED = 16  # validation images a finding on which the geometry is picked
FAITHFUL = 8  # images a finding for deletion, insertion and ROAD, which ask the classifier some fifty times an entry


class Field(NamedTuple):
    """Who competes, and who judges: compiled once for all findings."""

    run: runs.Run
    entrants: list[entries.Entrant]
    options: traversals.Options  # of our own entrant, as picked
    rows: int  # images that everything is compiled for
    render: Callable
    walk: Callable  # there and back, for counterfactuals
    probability: counterfactuals.Classify  # the run's own
    spread: np.ndarray  # [L], of each logit over validation
    judge: counterfactuals.Judge | None
    replicates: int


class Result(NamedTuple):
    """Of one finding."""

    each: scoring.Each  # scores against the truth, image by image
    maps: dict[str, dict[str, scoring.Value]]
    ends: dict[str, scoring.Value]  # of the counterfactuals
    example: page.Example


def contend(
    directory: Path, judge: Path | None, shuffled: Path | None, split: str, images: int, replicates: int
) -> dict:
    """contest/<split>.json and .html; the former is also returned.

    Raises:
      WorkdirError: where a run has not been evaluated, or no image of the split has a known truth.
      ValueError: for a split that is not there or was trained or picked on, a judge or a shuffled run that does not fit, or an
        encoder whose layers are of no known order.
    """
    parallel.keep_freed_memory()
    run = runs.open_run(directory)
    inputs.scorable(split)
    sanity.layers(run.params)
    told = inputs.judging(judge, run) if judge else None
    control = inputs.shuffled_control(shuffled, run) if shuffled else None
    (picked, _), (scored, left_out) = (inputs.truths(run, *each) for each in (("validation", PICKED), (split, images)))
    if not scored:
        raise workdir.WorkdirError(
            f"{directory}: no true positive of {split} has an exact effect or a box to be scored by"
        )
    auroc = inputs.aurocs(directory, split)
    field, chosen = _field(run, told, picked, images, replicates)
    results = {one.finding: _compete(field, one) for one in scored}
    found = {
        "split": split,
        "prior": run.config.model.prior,
        **chosen,
        "images": {one.finding: len(one.image) for one in scored},
        "left_out": left_out,
        "auroc": {one.finding: auroc[one.finding] for one in scored},
        "maps": {finding: result.maps for finding, result in results.items()},
        **_leads(scored, results, replicates),
        "counterfactuals": {finding: result.ends for finding, result in results.items()},
        **_sanity(field, control, faithfulness.mixed(scored, images)),
    }
    place = directory / "contest" / split
    workdir.write_json(place.with_suffix(".json"), found)
    page.write(place.with_suffix(".html"), found, {finding: result.example for finding, result in results.items()})
    return found


def _field(
    run: runs.Run, judge: counterfactuals.Judge | None, picked: list[Truth], rows: int, replicates: int
) -> tuple[Field, dict]:
    """The entrants, once geometry and target have been picked on validation; and what was picked."""
    tuned = run.tuned
    name, options, tried = _geometry(run, tuned, picked)
    further, targets = options, {}
    if judge and picked:
        further, targets = tuning.target(
            run.model, run.params, options, SIGN, picked, PICKED, judge, pipeline.progress_line
        )
    field = Field(
        run,
        _entrants(run, options, inputs.differences(tuned)),
        options,
        rows,
        entries.rendered(run.model),
        counterfactuals.walk(run.model, further, SIGN, rows),
        counterfactuals.classifier(run.model, run.params, run.positive_weight),
        counterfactual.logit(tuned.probability).std(axis=0),
        judge,
        replicates,
    )
    chosen = {"geometry": name, "geometries": tried, "target": further.target_probability, "targets": targets}
    return field, chosen


def _entrants(run: runs.Run, options: traversals.Options, differences: np.ndarray) -> list[entries.Entrant]:
    return [
        entries.ours(run.model, options, SIGN, run.config.seed),
        entries.released(run.model, run.config.model.prior, SIGN),
        entries.difference(run.model, differences, SIGN),
        *(entries.baseline(run.model, each) for each in entries.BASELINES),
    ]


def _geometry(
    run: runs.Run, tuned: evaluate.Predictions, picked: list[Truth]
) -> tuple[str, traversals.Options, dict[str, float]]:
    """Picked on validation images; the configured one where none of them has a known truth."""
    configured = setting.options_of(run.model, run.config, setting.metric_of(run.config, tuned))
    if not picked:
        return "as configured", configured, {}
    covariance = jnp.asarray(geometry.covariance(tuned.head_mean, shrinkage=0.0), jnp.float32)
    return tuning.choose(run.model, run.params, configured, covariance, SIGN, picked, PICKED, pipeline.progress_line)


def _compete(field: Field, one: Truth) -> Result:
    """Every entry's scores of one finding, the counterfactuals' scores, and an example."""
    run, rows, replicates = field.run, field.rows, field.replicates
    pipeline.progress_line(f"contest: {one.finding}, {len(one.image)} images")
    drawn = entries.enter(field.entrants, field.render, run.params, one, rows)
    each = scoring.every(one, drawn)
    table = scoring.table(each, one.patient, replicates)
    asked, curves = faithfulness.faithful(field.probability, one, drawn, FAITHFUL, run.config.seed)
    for entry, scores in curves.items():
        table[entry] |= scoring.means(scores, one.patient[asked], replicates)
    without = entries.drawn(field.entrants, run.params, one, one.without, rows) if len(one.without) else {}
    positive, shares = faithfulness.class_shares(drawn, without, run.config.seed)
    for entry, scores in shares.items():
        table[entry] |= scoring.means(scores, one.patient[positive], replicates)
    made = field.walk(run.params, one)
    ends = counterfactuals.scores(made, one, run.labels, field.spread, SIGN > 0, field.judge)
    example = page.Example(one.image[0], one.mask[0], {entry: maps[0] for entry, maps in drawn.items()})
    return Result(each, table, scoring.means(ends, one.patient, replicates), example)


def _leads(scored: list[Truth], results: dict[str, Result], replicates: int) -> dict:
    """By how much ours is ahead of each entry in the score that says most: NCC with the exact effect, of boxes RRA."""
    headline = "ncc" if all(len(one.low) for one in scored) else "rra"
    each, patients = [results[one.finding].each for one in scored], [one.patient for one in scored]
    ahead = {ours: scoring.leads(each, patients, ours, headline, replicates) for ours in tables.LED}
    return {"headline": headline, "leads": ahead}


def _sanity(field: Field, control: runs.Run | None, batch: faithfulness.Batch) -> dict:
    """Rank correlations as the classifier's layers become random, and with a model trained on shuffled labels.

    That one's traversals go in the metric of its own codes, and along the differences of its own classes.
    """
    run, options = field.run, field.options
    pipeline.progress_line("contest: random weights")
    fresh = run.model.init(jax.random.key(run.config.seed + 1))
    found = {"weights": faithfulness.randomised(field.entrants, run.params, fresh, batch), "labels": {}}
    if control is not None:
        pipeline.progress_line("contest: shuffled labels")
        tuned = control.tuned
        if not isinstance(options.metric, str):
            metric = geometry.covariance(tuned.head_mean, shrinkage=0.0)
            options = options._replace(metric=jnp.asarray(metric, jnp.float32))
        entrants = _entrants(control, options, inputs.differences(tuned))
        theirs = faithfulness.sizes(entrants, control.params, batch)
        found["labels"] = faithfulness.likeness(faithfulness.sizes(field.entrants, run.params, batch), theirs)
    return found
