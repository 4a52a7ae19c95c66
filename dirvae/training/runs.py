"""A finished training run, opened again: its config, its labels, its model and the parameters to evaluate."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import tensorflow_datasets as tfds

from dirvae import latents, model
from dirvae.config import Config, ConfigError
from dirvae.model import Model
from dirvae.training import data, evaluate, train
from dirvae.training.checkpoints import CheckpointError, Checkpoints
from dirvae.training.variant import Variant
from dirvae.training.workdir import WorkdirError, read_config, read_json
from dirvae.types import Params


class Run(NamedTuple):
    """Evaluation and explanation start from a run: `model` gives calibrated logits, `params` is the best checkpoint's average."""

    workdir: Path
    config: Config
    labels: tuple[str, ...]
    model: Model
    params: Params
    step: int
    variant: Variant = Variant()
    data_dir: Path | None = None  # where prepared data sets are looked for first

    @property
    def dataset(self) -> Path:
        """The folder of the run's data set; raises as `dataset_of`."""
        return dataset_of(self.workdir, self.data_dir)

    @property
    def tuned(self) -> evaluate.Predictions:
        """The run's predictions of validation, from which thresholds and covariances are tuned; read anew at every call.

        Raises:
          WorkdirError: where validation was not evaluated.
        """
        return evaluate.load(self.workdir, "validation").predictions


def describe(workdir: Path) -> dict:
    """data.json: {"labels", "left_out", "directory" (from the workdir on), "positive_weight", "manifest", ...}."""
    return read_json(Path(workdir) / "data.json")


def dataset_of(workdir: Path, data_dir: Path | None = None) -> Path:
    """The folder of a run's data set: the one below `data_dir` with its name and content, or where the run had it.

    A data set is its images, so that any copy with the same name and content hash is the run's own.

    Raises:
      WorkdirError: where neither folder holds it.
    """
    facts = describe(workdir)
    manifest = facts["manifest"]
    places = [(Path(workdir).resolve() / facts["directory"]).resolve()]
    if data_dir is not None and {"name", "reader_version"} <= manifest.keys():
        places.insert(0, Path(data_dir) / manifest["name"] / manifest["reader_version"])
    reasons = [_unlike(place, manifest.get("content_hash")) for place in places]
    for place, reason in zip(places, reasons, strict=True):
        if not reason:
            return place
    listed = " and ".join(f"{place} ({reason})" for place, reason in zip(places, reasons, strict=True))
    raise WorkdirError(
        f"the data set of {workdir}, {manifest.get('name', 'without a name')}, was looked for in {listed}; give the folder "
        "that holds it as --data_dir, or build it again with python -m data_prep.build"
    )


def _unlike(place: Path, content_hash: str | None) -> str:
    """Why a folder does not hold the data set of this content; nothing where it does."""
    try:
        stored = read_json(place / "manifest.json").get("content_hash")
    except (WorkdirError, OSError):
        return "no data set"
    return "" if stored == content_hash else "other content"


def class_weights(facts: dict) -> np.ndarray | None:
    """The weights [L] of the positives in the training objective, None where there were none; of a run's data.json."""
    return None if facts["positive_weight"] is None else np.asarray(facts["positive_weight"], np.float32)


def build_model(config: Config, labels: tuple[str, ...], variant: Variant | None = None) -> Model:
    """The model of a configuration; raises ConfigError as `known_variant` does."""
    latent = known_variant(config, variant).latent(latents.build(config.model))
    return model.build(config.model, len(labels), config.data.image_size, latent=latent)


def known_variant(config: Config, variant: Variant | None) -> Variant:
    """The variant that is given, or the one that replaces nothing.

    Raises:
      ConfigError: for a configuration with flaws where no variant is given.
    """
    if config.flaws and variant is None:
        raise ConfigError(
            f"flaws={','.join(config.flaws)} is for `python -m experiments.study --preset=audit` alone, which measures them; "
            "every other command refuses such a run"
        )
    return variant or Variant()


def open_run(
    workdir: Path, step: int | None = None, variant: Variant | None = None, data_dir: Path | None = None
) -> Run:
    """The best checkpoint of a workdir, or the one of `step`; a run with flaws needs the `variant` that has them.

    Its data set, which only some commands read, is looked for in `data_dir` first (`dataset_of`).

    Raises:
      WorkdirError: where there is no run, no data description or no checkpoint.
      CheckpointError: where the checkpoint cannot be read.
      ConfigError: for a run with flaws where no variant is given.
    """
    config, facts = read_config(workdir), describe(workdir)
    labels = tuple(facts["labels"])
    net = model.calibrated(build_model(config, labels, variant), class_weights(facts))
    checkpoints = Checkpoints(Path(workdir) / "checkpoints", config.evaluate.select_by)
    try:
        best = step if step is not None else checkpoints.best_step() or checkpoints.latest_step()
        if best is None:
            raise WorkdirError(f"{workdir} holds no checkpoint yet; run the train phase first")
        shapes = jax.eval_shape(lambda: train.fresh_state(net, config))  # a template needs no values
        template = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        try:
            state = checkpoints.restore(best, template)
        except CheckpointError:
            if step is not None:
                raise
            best, state = checkpoints.restore_latest(template)
    finally:
        checkpoints.close()
    return Run(Path(workdir), config, labels, net, state.average, best, variant or Variant(), data_dir)


def load_examples(run: Run, name: str) -> data.Examples:
    """A split of the run's own data set, with the run's findings and policies."""
    split = data.Split(run.dataset, name, run.config.data.cache_megabytes)
    return run.variant.examples(split, run.labels, run.config.data, run.config.seed)


def split_names(run: Run) -> tuple[str, ...]:
    """Names of the splits of the run's data set."""
    return tuple(tfds.builder_from_directory(run.dataset).info.splits)


def transfer(fresh: Params, workdir: Path) -> Params:
    """`fresh` with every array taken over from the best checkpoint of another run where name and shape agree.

    Raises:
      WorkdirError: where nothing agrees.
    """
    donor = dict(jax.tree_util.tree_leaves_with_path(open_run(workdir).params))
    taken = 0

    def choose(path: tuple, leaf: np.ndarray) -> np.ndarray:
        nonlocal taken
        other = donor.get(path)
        agrees = other is not None and np.shape(other) == np.shape(leaf)
        taken += agrees
        return other if agrees else leaf

    merged = jax.tree_util.tree_map_with_path(choose, fresh)
    if not taken:
        raise WorkdirError(f"no parameter of {workdir} has a counterpart of the same name and shape in this model")
    return merged
