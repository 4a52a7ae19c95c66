"""What `experiments.contest` does: truths of a split, a geometry picked on validation, every entry, every score, one file."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dirvae import cases, evaluate, geometry, parallel, runs, traversals, workdir
from dirvae.contest import choice, counterfactuals, entries, scoring, soundness
from dirvae.contest.truth import Truth
from dirvae.metrics import counterfactual
from dirvae.report import contest as page
from experiments import contest_inputs, phases

PICKED = 16  # validation images a finding on which the geometry is picked
FAITHFUL = 8  # images a finding for deletion, insertion and ROAD, which ask the classifier some fifty times an entry


class Field(NamedTuple):
    """Who competes, and who judges: compiled once for all findings."""

    run: runs.Run
    entrants: list[entries.Entrant]
    options: traversals.Options  # of our own entrant, as picked
    sign: float  # -1: findings are taken away
    rows: int  # images that everything is compiled for
    render: Callable
    walk: Callable  # there and back, for counterfactuals
    spread: np.ndarray  # [L], of each logit over validation
    judge: counterfactuals.Judge | None
    replicates: int


def contend(
    directory: Path, judge: Path | None, shuffled: Path | None, split: str, images: int, replicates: int
) -> dict:
    """contest/<split>.json and .html; the former is also returned.

    Raises:
      WorkdirError: where a run has not been evaluated, or no image of the split has a known truth.
      ValueError: for a split that is not there, or a judge or a shuffled run that does not fit.
    """
    parallel.keep_freed_memory()
    run = runs.open_run(directory)
    told = contest_inputs.judging(contest_inputs.another(judge, run, "--judge")) if judge else None
    control = contest_inputs.shuffled_control(shuffled, run) if shuffled else None
    picked, scored = (
        contest_inputs.truths(run, name, count) for name, count in (("validation", PICKED), (split, images))
    )
    if not scored:
        raise workdir.WorkdirError(
            f"{directory}: no true positive of {split} has an exact effect or a box to be scored by"
        )
    field, choices = _field(run, told, picked, images, replicates)
    results = {one.finding: _compete(field, one) for one in scored}
    auroc = workdir.read_json(directory / "metrics.json")[split]["auroc"]
    batch = soundness.mixed(scored, images)
    found = {
        "split": split,
        "prior": run.config.model.prior,
        **choices,
        "images": {one.finding: len(one.image) for one in scored},
        "auroc": {one.finding: auroc[one.finding] for one in scored},
        "maps": {finding: maps for finding, (maps, _, _) in results.items()},
        "counterfactuals": {finding: ends for finding, (_, ends, _) in results.items()},
        "weights": _with_random_weights(field, batch),
        "labels": _with_shuffled_labels(field, control, batch) if control else {},
    }
    place = directory / "contest" / split.replace("/", "--")
    workdir.write_json(place.with_suffix(".json"), found)
    page.write(place.with_suffix(".html"), found, {finding: example for finding, (_, _, example) in results.items()})
    return found


def _field(
    run: runs.Run, judge: counterfactuals.Judge | None, picked: list[Truth], rows: int, replicates: int
) -> tuple[Field, dict]:
    """The entrants, once geometry and target have been picked on validation; and what was picked."""
    tuned = evaluate.load(run.workdir, "validation").predictions
    sign = 1.0 if run.config.explain.direction == "add" else -1.0
    name, options, tried = _geometry(run, tuned, sign, picked)
    further, targets = options, {}
    if judge and picked:
        further, targets = choice.target(
            run.model, run.params, options, sign, picked, PICKED, judge, phases.progress_line
        )
    field = Field(
        run,
        _entrants(run, options, sign),
        options,
        sign,
        rows,
        entries.rendered(run.model),
        counterfactuals.walk(run.model, further, sign, rows),
        counterfactual.logit(tuned.probability).std(axis=0),
        judge,
        replicates,
    )
    chosen = {"geometry": name, "geometries": tried, "target": further.target_probability, "targets": targets}
    return field, chosen


def _entrants(run: runs.Run, options: traversals.Options, sign: float) -> list[entries.Entrant]:
    return [
        entries.ours(run.model, options, sign, run.config.seed),
        entries.released(run.model, run.config.model.prior, sign),
        *(entries.baseline(run.model, each) for each in entries.BASELINES),
    ]


def _compete(field: Field, one: Truth) -> tuple[dict, dict, page.Example]:
    """Of one finding: every entry's scores, the counterfactuals' scores, and an example."""
    run, rows, replicates = field.run, field.rows, field.replicates
    phases.progress_line(f"contest: {one.finding}, {len(one.image)} images")
    drawn = entries.enter(field.entrants, field.render, run.params, one, rows)
    table = scoring.table(one, drawn, replicates)
    probability = counterfactuals.classifier(run.model, run.params)
    for entry, scores in soundness.faithful(probability, one, drawn, FAITHFUL, run.config.seed).items():
        table[entry] |= scoring.means(scores, one.patient[:FAITHFUL], replicates)
    without = entries.drawn(field.entrants, run.params, one, one.without, rows)
    positive, shares = soundness.class_shares(drawn, without, run.config.seed)
    for entry, scores in shares.items():
        table[entry] |= scoring.means(scores, one.patient[positive], replicates)
    made = field.walk(run.params, one)
    ends = counterfactuals.scores(made, one, run.labels, field.spread, field.sign > 0, field.judge)
    example = page.Example(one.image[0], one.mask[0], {entry: each[0] for entry, each in drawn.items()})
    return table, scoring.means(ends, one.patient, replicates), example


def _with_random_weights(field: Field, batch: tuple) -> dict[str, dict[str, float]]:
    """Rank correlations as the classifier's layers become random."""
    phases.progress_line("contest: random weights")
    run = field.run
    return soundness.randomised(field.entrants, run.params, run.model.init(jax.random.key(run.config.seed + 1)), *batch)


def _with_shuffled_labels(field: Field, control: runs.Run, batch: tuple) -> dict[str, float]:
    """Rank correlations with the maps of a model trained on shuffled labels, its traversals in the metric of its own codes."""
    phases.progress_line("contest: shuffled labels")
    options = field.options
    if not isinstance(options.metric, str):
        codes = evaluate.load(control.workdir, "validation").predictions.head_mean
        options = options._replace(metric=jnp.asarray(geometry.covariance(codes, shrinkage=0.0), jnp.float32))
    others = soundness.sizes(_entrants(control, options, field.sign), control.params, *batch)
    return soundness.likeness(soundness.sizes(field.entrants, field.run.params, *batch), others)


def _geometry(
    run: runs.Run, tuned: evaluate.Predictions, sign: float, picked: list[Truth]
) -> tuple[str, traversals.Options, dict[str, float]]:
    """Picked on validation images; the configured one where none of them has a known truth."""
    configured = cases.options_of(run.model, run.config, cases.metric_of(run.config, tuned))
    if not picked:
        return "as configured", configured, {}
    covariance = jnp.asarray(geometry.covariance(tuned.head_mean, shrinkage=0.0), jnp.float32)
    return choice.choose(run.model, run.params, configured, covariance, sign, picked, PICKED, phases.progress_line)
