"""What `experiments.contest` does: truths of a split, a geometry picked on validation, every entry, every score, one file."""

from pathlib import Path

import jax
import jax.numpy as jnp

from dirvae import cases, evaluate, geometry, parallel, runs, traversals, workdir
from dirvae.contest import choice, counterfactuals, entries, scoring, soundness, truth
from dirvae.contest.truth import Truth
from dirvae.metrics import counterfactual
from dirvae.report import contest as page
from experiments import effects, phases

PICKED = 16  # validation images a finding on which the geometry is picked
FAITHFUL = 8  # images a finding for deletion, insertion and ROAD, which ask the classifier some fifty times an entry


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
    told = judging(another(judge, run, "--judge")) if judge else None
    control = another(shuffled, run, "--shuffled") if shuffled else None
    if control and not control.config.data.shuffle_labels:
        raise ValueError(
            f"--shuffled={shuffled} was trained on true labels; train one with --config.shuffle_labels=true"
        )
    tuned = evaluate.load(directory, "validation").predictions
    picked, scored = (truths(run, name, count) for name, count in (("validation", PICKED), (split, images)))
    if not scored:
        raise workdir.WorkdirError(
            f"{directory}: no true positive of {split} has an exact effect or a box to be scored by"
        )
    sign = 1.0 if run.config.explain.direction == "add" else -1.0
    name, options, tried = _geometry(run, tuned, sign, picked)
    entrants, render = _entrants(run, options, sign), entries.rendered(run.model)
    further, targets = options, {}
    if told and picked:
        further, targets = choice.target(
            run.model, run.params, options, sign, picked, PICKED, told, phases.progress_line
        )
    walk = counterfactuals.walk(run.model, further, sign, images)
    spread = counterfactual.logit(tuned.probability).std(axis=0)
    probability = counterfactuals.classifier(run.model, run.params)
    maps, ends, examples = {}, {}, {}
    for one in scored:
        phases.progress_line(f"contest: {one.finding}, {len(one.image)} images")
        drawn = entries.enter(entrants, render, run.params, one, images)
        maps[one.finding] = scoring.table(one, drawn, replicates)
        _judge_soundness(maps[one.finding], run, entrants, probability, one, drawn, images, replicates)
        made = counterfactuals.scores(walk(run.params, one), one, run.labels, spread, sign > 0, told)
        ends[one.finding] = scoring.means(made, one.patient, replicates)
        examples[one.finding] = page.Example(
            one.image[0], one.mask[0], {entry: each[0] for entry, each in drawn.items()}
        )
    auroc = workdir.read_json(directory / "metrics.json")[split]["auroc"]
    batch = soundness.mixed(scored, images)
    found = {
        "split": split,
        "prior": run.config.model.prior,
        "geometry": name,
        "geometries": tried,
        "target": further.target_probability,
        "targets": targets,
        "images": {one.finding: len(one.image) for one in scored},
        "auroc": {one.finding: auroc[one.finding] for one in scored},
        "maps": maps,
        "counterfactuals": ends,
        "weights": _with_random_weights(run, entrants, batch),
        "labels": _with_shuffled_labels(run, entrants, control, options, sign, batch) if control else {},
    }
    place = directory / "contest" / split.replace("/", "--")
    workdir.write_json(place.with_suffix(".json"), found)
    page.write(place.with_suffix(".html"), found, examples)
    return found


def _entrants(run: runs.Run, options: traversals.Options, sign: float) -> list[entries.Entrant]:
    return [
        entries.ours(run.model, options, sign, run.config.seed),
        entries.released(run.model, run.config.model.prior, sign),
        *(entries.baseline(run.model, each) for each in entries.BASELINES),
    ]


def _judge_soundness(
    table: dict[str, dict[str, scoring.Value]],
    run: runs.Run,
    entrants: list[entries.Entrant],
    probability: counterfactuals.Classify,
    one: Truth,
    drawn: entries.Entries,
    rows: int,
    replicates: int,
) -> None:
    """Adds what a map owes to the classifier and to the class to one finding's table."""
    for entry, scores in soundness.faithful(probability, one, drawn, FAITHFUL, run.config.seed).items():
        table[entry] |= scoring.means(scores, one.patient[:FAITHFUL], replicates)
    without = entries.drawn(entrants, run.params, one, one.without, rows)
    positive, shares = soundness.class_shares(drawn, without, run.config.seed)
    for entry, scores in shares.items():
        table[entry] |= scoring.means(scores, one.patient[positive], replicates)


def _with_random_weights(run: runs.Run, entrants: list[entries.Entrant], batch: tuple) -> dict[str, dict[str, float]]:
    """Rank correlations as the classifier's layers become random."""
    phases.progress_line("contest: random weights")
    fresh = run.model.init(jax.random.key(run.config.seed + 1))
    return soundness.randomised(entrants, run.params, fresh, *batch)


def _with_shuffled_labels(
    run: runs.Run,
    entrants: list[entries.Entrant],
    control: runs.Run,
    options: traversals.Options,
    sign: float,
    batch: tuple,
) -> dict[str, float]:
    """Rank correlations with the maps of a model trained on shuffled labels, its traversals in the metric of its own codes."""
    phases.progress_line("contest: shuffled labels")
    if not isinstance(options.metric, str):
        codes = evaluate.load(control.workdir, "validation").predictions.head_mean
        options = options._replace(metric=jnp.asarray(geometry.covariance(codes, shrinkage=0.0), jnp.float32))
    others = soundness.sizes(_entrants(control, options, sign), control.params, *batch)
    return soundness.likeness(soundness.sizes(entrants, run.params, *batch), others)


def truths(run: runs.Run, split: str, images: int) -> list[Truth]:
    """Of every finding but No Finding that has any, up to so many true positives, and as many images without it."""
    if split not in runs.split_names(run):
        raise ValueError(f"the run's data have no split {split!r}; there are {', '.join(runs.split_names(run))}")
    examples, known = runs.load_examples(run, split), run.config.data.dataset == "phantom"
    training = runs.load_examples(run, "train") if known else None
    predictions, tuned = (evaluate.load(run.workdir, name).predictions for name in (split, "validation"))
    found = []
    for column, positions in enumerate(truth.positives(predictions, tuned.thresholds, images, run.config.seed)):
        if not len(positions) or run.labels[column] == "No Finding":
            continue
        one = training and truth.exact(
            examples, training, positions, column, effects.phantom_pair(run.config.data.image_size)
        )
        one = one or truth.boxed(examples, positions, column)
        if one is not None:
            found.append(one._replace(without=truth.lacking(examples, column, images, run.config.seed)))
    return found


def another(directory: Path, run: runs.Run, flag: str) -> runs.Run:
    """A run of the same findings that is not this one."""
    other = runs.open_run(directory)
    if other.workdir.resolve() == run.workdir.resolve():
        raise ValueError(
            f"{flag}={directory} is the run itself, which agrees with itself; name one of another seed or prior"
        )
    if other.labels != run.labels:
        raise ValueError(f"{flag}={directory} knows {', '.join(other.labels)}, the run {', '.join(run.labels)}")
    return other


def judging(other: runs.Run) -> counterfactuals.Judge:
    """Its classifier, with thresholds that its own validation images gave."""
    thresholds = evaluate.load(other.workdir, "validation").predictions.thresholds
    return counterfactuals.Judge(counterfactuals.classifier(other.model, other.params), thresholds)


def _geometry(
    run: runs.Run, tuned: evaluate.Predictions, sign: float, picked: list[Truth]
) -> tuple[str, traversals.Options, dict[str, float]]:
    """Picked on validation images; the configured one where none of them has a known truth."""
    configured = cases.options_of(run.model, run.config, cases.metric_of(run.config, tuned))
    if not picked:
        return "as configured", configured, {}
    covariance = jnp.asarray(geometry.covariance(tuned.head_mean, shrinkage=0.0), jnp.float32)
    return choice.choose(run.model, run.params, configured, covariance, sign, picked, PICKED, phases.progress_line)
