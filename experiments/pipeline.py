"""The phases of a run: what each reads from its workdir and leaves there. Here, and in `external`, `data_prep` meets `dirvae`."""

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from jax.experimental import multihost_utils

from data_prep import build, manifest, sources
from dirvae import losses
from dirvae.config import Config, ConfigError, DataConfig
from dirvae.config.command_line import CONSOLE
from dirvae.explain import gallery
from dirvae.metrics.titles import scope
from dirvae.report import run_page
from dirvae.training import (
    data,
    evaluate,
    familiarity,
    latent_usage,
    likelihood,
    linear_baseline,
    lock,
    parallel,
    runs,
    train,
    workdir,
)
from dirvae.training.train import SOUND
from dirvae.training.variant import Variant
from dirvae.types import Simulator
from experiments import configs


def start(flags: argparse.Namespace) -> None:
    """Joins other hosts if asked to."""
    if flags.distributed or flags.coordinator:
        parallel.initialise(flags.coordinator, flags.processes, flags.process)
    parallel.keep_freed_memory()
    keep_compiled(flags.data_dir)


def keep_compiled(data_dir: Path) -> None:
    """Compiled programs stay beside the data for the next command, unless JAX_COMPILATION_CACHE_DIR names a place for them."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str((data_dir / "compiled").absolute()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def simulator(config: DataConfig) -> Simulator | None:
    """The renderer of a data set's images with causes switched off and on; None for images that are only known as such."""
    return sources.named(config.dataset).simulator(config)


def run(
    config: Config,
    directory: Path,
    raw_dir: Path | None,
    data_dir: Path,
    phases: tuple[str, ...],
    variant: Variant | None = None,
    preset: str = "",
) -> None:
    """Every phase that is asked for and not yet finished; the first process alone does what only one can.

    The folder is claimed once its data are prepared, so that a first try with wrong data leaves nothing behind. `preset` is the
    name of the preset that the report compares the configuration with.

    Raises:
      WorkdirError: for a folder that holds a run of another config, or something else, or in which another job works, or for a
        train.init_from without a run.
      ConfigError: for more devices than there are, or a configuration with flaws where no `variant` has them.
    """
    replaced = runs.known_variant(config, variant)
    lead = jax.process_index() == 0
    parallel.devices(config.train.devices)
    if config.train.init_from and "train" not in workdir.finished(directory):
        workdir.read_config(Path(config.train.init_from))  # before a folder is claimed that a correction would not fit
    if lead:
        workdir.check(directory, config)
    with lock.held(directory, say) if lead else contextlib.nullcontext():
        _run_phases(config, directory, raw_dir, data_dir, phases, replaced, preset)


def _run_phases(
    config: Config,
    directory: Path,
    raw_dir: Path | None,
    data_dir: Path,
    phases: tuple[str, ...],
    replaced: Variant,
    preset: str,
) -> None:
    """The phases of a run whose folder is held."""
    lead = jax.process_index() == 0
    say(f"run {directory}: {config.model.prior} on {config.data.dataset}, {jax.device_count()} device(s)")
    steps: dict[str, Callable[[], None]] = {
        "data": partial(prepare, config, directory, raw_dir, data_dir, replaced, preset),
        "train": partial(fit, config, directory, data_dir, replaced),
        "evaluate": lambda: score(runs.open_run(directory, variant=replaced, data_dir=data_dir)),
        "explain": lambda: explain(runs.open_run(directory, variant=replaced, data_dir=data_dir)),
        "report": partial(report, directory),
    }
    for phase in phases:
        began = time.monotonic()
        if phase in workdir.finished(directory):
            say(f"{phase}: already done")
        elif lead or phase == "train":
            steps[phase]()
            if lead:
                workdir.finish(directory, phase, time.monotonic() - began)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(phase)


def trainer(
    raw_dir: Path | None,
    data_dir: Path,
    phases: tuple[str, ...],
    variant_of: Callable[[Config], Variant | None] = lambda config: None,
) -> Callable[[Config, Path], None]:
    """A function of a config and a folder that runs these phases there, in the variant that the config asks for."""
    return lambda config, directory: run(config, directory, raw_dir, data_dir, phases, variant_of(config))


def require_test_split(settings: Iterable[DataConfig], raw_dir: Path | None) -> None:
    """Checks that each of these data sets will have a test split, before anything is trained.

    Raises:
      ConfigError: for one that will have none.
      SourceError: for real images whose folder is not given or cannot be read.
    """
    for one in settings:
        if "test" not in sources.open_source(one, raw_dir).counts():
            raise ConfigError(
                "a study is scored on a test split: --raw_dir has to hold a valid.csv, and data.folds has to be 0"
            )


def say(text: str) -> None:
    """Prints a message, on the first process."""
    if jax.process_index() == 0:
        CONSOLE.say(text)


def progress_line(text: str) -> None:
    """Replaces the progress line, on the first process."""
    if jax.process_index() == 0:
        CONSOLE.progress(text)


def report(directory: Path) -> None:
    """Writes report.html."""
    say(f"report: {run_page.write(directory)}")


def prepare(
    config: Config, directory: Path, raw_dir: Path | None, data_dir: Path, variant: Variant = SOUND, preset: str = ""
) -> None:
    """Builds the data set where it is not there yet, settles the findings, and claims the run's folder: data.json."""
    built = build.prepare(config.data, raw_dir, data_dir, progress_line)
    train_split = data.Split(built, "train", config.data.cache_megabytes)
    space = data.label_space(train_split.findings, config.data.labels)
    choice = data.choose_labels(variant.examples(train_split, space, config.data, config.seed), config.data)
    chosen = variant.examples(train_split, choice.labels, config.data, config.seed)
    weights = losses.positive_weights(chosen.target, chosen.weight) if config.loss.class_weighted else None
    described, source = build.read_manifest(built), sources.named(config.data.dataset)
    facts = {
        "labels": choice.labels,
        "left_out": choice.left_out,
        "directory": os.path.relpath(built.resolve(), directory.resolve()),  # both may move together
        "positive_weight": weights,
        "title": source.title(config.data, described),
        "origin": source.origin(config.data, described),
        "manifest": described,
    }
    workdir.claim(directory, config)
    workdir.write_json(directory / "data.json", facts | configs.origin(preset, config))
    unlabelled = int((~chosen.weight.any(axis=1)).sum())
    without = f", {unlabelled} of them without any label" if unlabelled else ""
    say(f"data: {len(train_split)} training images{without}, findings {', '.join(choice.labels)}")
    say_noticed(described)
    if choice.left_out:
        reasons = ", ".join(f"{finding} ({reason})" for finding, reason in choice.left_out.items())
        say(f"data: findings whose known training labels have one value are not learned: {reasons}")


def say_noticed(built: Mapping[str, Any]) -> None:
    """Prints what a user of a data set should know, one sentence a line; `built` is its manifest."""
    for sentence in manifest.warnings(built):
        say(f"data: {sentence}")


def fit(config: Config, directory: Path, data_dir: Path | None = None, variant: Variant = SOUND) -> None:
    """Trains, or goes on training; checkpoints, metrics.jsonl, tensorboard/ and parameters.txt."""
    facts = runs.describe(directory)
    labels, dataset = tuple(facts["labels"]), runs.dataset_of(directory, data_dir)
    net = runs.build_model(config, labels, variant)
    train_set = training_examples(config, labels, dataset, variant)
    validation_set = _examples(config, labels, dataset, variant, "validation")
    fresh = train.initial_state(net, config).params
    if jax.process_index() == 0:
        overview = parameter_overview.get_parameter_overview(fresh, include_stats=False)
        workdir.write_text(directory / "parameters.txt", overview + "\n")
    transferred = runs.transfer(fresh, Path(config.train.init_from)) if config.train.init_from else None
    weights = runs.class_weights(facts)

    def show(at: train.Progress) -> None:
        loss, kl = at.scalars["loss"], at.scalars["kl"]
        speed = f"{at.images_per_second:6.0f} images/s, {at.seconds_left:5.0f} s left" if at.step > 1 else "compiled"
        progress_line(f"train: step {at.step}/{at.steps}  loss {loss:.1f}  kl {kl:.1f}  {speed}")

    train.train(net, config, train_set, validation_set, directory, weights, transferred, show, variant)
    progress_line(f"train: {config.train.steps} steps done")


def training_examples(
    config: Config, labels: tuple[str, ...], dataset: Path, variant: Variant = SOUND
) -> data.Examples:
    """Returns what a run is trained on: the training split of the data set, unless the variant has it otherwise."""
    load = partial(_examples, config, labels, dataset, variant)
    return variant.training(load("train"), load)


def _examples(config: Config, labels: tuple[str, ...], dataset: Path, variant: Variant, name: str) -> data.Examples:
    split = data.Split(dataset, name, config.data.cache_megabytes)
    return variant.examples(split, labels, config.data, config.seed)


def score(run: runs.Run) -> None:
    """Writes predictions/<split>.npz of validation and test, and metrics.json."""
    directory = run.workdir
    metrics: dict = {"timing": {"best_step": run.step, "seconds": workdir.finished(directory)}}
    for name in [name for name in ("validation", "test") if name in runs.split_names(run)]:
        began = time.monotonic()
        examples = runs.load_examples(run, name)
        predictions, metrics[name] = score_split(run, name, examples)
        if name == "validation":
            _say_untuned(run.labels, predictions)
        metrics["timing"][f"{name}_seconds"] = time.monotonic() - began
    latent_usage.save(directory, latent_usage.of_run(run.model, run.config, run.params, predictions))
    metrics["latent"] = evaluate.latent_scores(run.model, run.config, run.params, predictions)
    metrics["latent"] |= likelihood.scores(run.model, run.config, run.params, examples)
    workdir.write_json(directory / "metrics.json", metrics)


def score_split(run: runs.Run, name: str, examples: data.Examples) -> tuple[evaluate.Predictions, dict]:
    """Predictions and scores of one split, beside the linear baseline's; predictions/<name>.npz."""
    devices = parallel.devices(run.config.train.devices)
    predictions = evaluate.predict(run.model, run.config, run.params, examples, devices, run.variant.reader)
    linear = linear_baseline.predict(runs.load_examples(run, "train"), examples, run.config.evaluate.baseline)
    evaluate.save(run.workdir, name, predictions, linear, examples)
    scores = evaluate.score(run.labels, run.config, predictions, linear)
    parts = evaluate.by_origin(run.labels, predictions, examples.split.table.origin)
    scores |= {"by_origin": parts} if parts else {}
    say(f"{name}: {headline(scores)}")
    for origin, part in parts.items():
        say(f"{name}, of {origin}: {headline(part)}")
    scores |= familiarity_of(run, name, predictions, examples)
    return predictions, scores


def familiarity_of(run: runs.Run, name: str, predictions: evaluate.Predictions, examples: data.Examples) -> dict:
    """How a split's images compare with those of validation, which set the measure; familiarity.npz for validation itself.

    Nothing where validation was not evaluated.
    """
    if name == "validation":
        familiarity.save(run.workdir, familiarity.of_split(predictions.l1, examples.split))
    try:
        reference = familiarity.load(run.workdir, run.tuned)
    except workdir.WorkdirError:
        return {}
    found = familiarity.of_set(reference, predictions.l1, examples.split)
    if found.warning:
        say(f"{name}: {found.warning}")
    return {"familiarity": found._asdict()}


def headline(scores: Mapping[str, Any]) -> str:
    """The macro AUROC in one line, with what it is over, and the linear baseline's where it is known."""
    macro, interval = scores["auroc"]["macro"], scores.get("auroc_interval", {}).get("macro")
    if not np.isfinite(macro):
        return f"no AUROC, since no finding has both values here; L1 {scores['l1']:.4f} over {scores['images']} images"
    shown = " [{:.3f}, {:.3f}]".format(*interval) if interval and np.isfinite(interval[0]) else ""
    beside = f", linear baseline {scores['baseline']['auroc']['macro']:.3f}" if "baseline" in scores else ""
    return f"macro AUROC {macro:.3f}{shown} {scope(scores['auroc'])}{beside}"


def _say_untuned(labels: tuple[str, ...], predictions: evaluate.Predictions) -> None:
    """Names the findings whose threshold validation cannot tune."""
    untuned = [label for label, tuned in zip(labels, predictions.tuned, strict=True) if not tuned]
    if untuned:
        say(f"validation: the thresholds of {', '.join(untuned)} stay at 0.5, since its known labels have one value")


def explain(run: runs.Run) -> None:
    """Writes traversals of true positives of each finding (cases/), and decoded draws from the prior."""
    directory = run.workdir
    name = "test" if "test" in runs.split_names(run) else "validation"
    renderer = simulator(run.config.data)
    for finding, made in gallery.traversed(run, runs.load_examples(run, name), renderer):
        if made is not None:
            gallery.save(directory / "cases", finding, made)
        progress_line(f"explain: {finding}, {len(made.index) if made else 0} true positives")
    samples = gallery.prior_samples(run.model, run.params, 16, run.config.seed)
    workdir.write_arrays(directory / "cases" / "prior.npz", {"image": samples})
