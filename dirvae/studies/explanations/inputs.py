"""A comparison of explanations reads these inputs: the truths of a split, the independent classifier, and the run on shuffled labels."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from dirvae.explain import selection, traversals, truth
from dirvae.explain.truth import Truth
from dirvae.studies.explanations import counterfactuals
from dirvae.training import data, evaluate, runs, workdir
from dirvae.training.evaluate import Predictions
from dirvae.types import Simulator

NEEDS_EFFECT, NEEDS_BOXES = "nothing to switch on and off", "boxes of fewer than two patients in {}"


def truths(run: runs.Run, simulator: Simulator | None, split: str, images: int) -> tuple[list[Truth], dict[str, str]]:
    """(truths, {finding: why it is left out}) of a split.

    Every other finding has up to `images` true positives, and as many images without it. With a simulator they have exact effects,
    without one they are drawn among the images that have boxes.

    Raises:
      ValueError: for a split that the run's data do not have.
    """
    if split not in runs.split_names(run):
        raise ValueError(f"the run's data have no split {split!r}; there are {', '.join(runs.split_names(run))}")
    examples = runs.load_examples(run, split)
    training = runs.load_examples(run, "train") if simulator else None
    predictions = evaluate.load(run.workdir, split).predictions
    if simulator is None:
        predictions = predictions._replace(weight=predictions.weight * truth.has_box(examples))
    known, left_out = [], {}
    seed, thresholds = run.config.seed, run.tuned.thresholds
    for column, positions in enumerate(selection.true_positives_of_all(predictions, thresholds, images, seed)):
        finding = run.labels[column]
        if finding == "No Finding":
            left_out[finding] = "is nowhere in an image"
        elif not len(positions):
            left_out[finding] = f"no true positive{'' if simulator else ' with a box'} in {split}"
        elif (one := _truth(simulator, examples, training, positions, column)) is None:
            left_out[finding] = NEEDS_EFFECT if simulator else NEEDS_BOXES.format(split)
        else:
            lacking = selection.lacking(examples, column, images, seed)
            known.append(one._replace(without=truth.pixels(examples, lacking)))
    return known, left_out


def _truth(
    simulator: Simulator | None,
    examples: data.Examples,
    training: data.Examples | None,
    positions: np.ndarray,
    column: int,
) -> Truth | None:
    if simulator is None or training is None:
        return truth.boxed(examples, positions, column)
    return truth.exact(examples, training, positions, column, simulator)


def class_differences(tuned: Predictions) -> Float[np.ndarray, "L ..."]:
    """Differences of each label's mean codes (`traversals.class_differences`); 0 where the labels lack either side."""
    codes, weighted = tuned.head_mean, tuned.weight > 0
    both = np.flatnonzero(((tuned.target > 0) & weighted).any(axis=0) & ((tuned.target <= 0) & weighted).any(axis=0))
    differences = np.zeros((tuned.target.shape[1], *codes.shape[1:]), np.float32)
    if len(both):
        differences[both] = traversals.class_differences(codes, tuned.target[:, both], tuned.weight[:, both])
    return differences


def aurocs(directory: Path, split: str) -> dict[str, float]:
    """AUROC of each finding on a split that has been evaluated; NaN where the labels say nothing.

    Raises:
      WorkdirError: for a split that has not been.
    """
    scores = workdir.read_json(directory / "metrics.json")
    if split not in scores:
        raise workdir.WorkdirError(f"{directory} has no scores of {split}; run the evaluate phase on it first")
    return {name: float("nan") if value is None else value for name, value in scores[split]["auroc"].items()}


def check_split(split: str) -> None:
    """Raises ValueError for a split that the model was fitted on or that settings are picked on."""
    if split in data.DEVELOPMENT:
        raise ValueError(
            f"--split={split}: the model was trained, or the geometry is picked, on it; name another split"
        )


def other_run(directory: Path, run: runs.Run, flag: str) -> runs.Run:
    """A run of the same findings that is not this one."""
    other = runs.open_run(directory)
    if other.workdir.resolve() == run.workdir.resolve():
        raise ValueError(
            f"{flag}={directory} is the run itself, which agrees with itself; name one of another seed or prior"
        )
    if other.labels != run.labels:
        raise ValueError(f"{flag}={directory} knows {', '.join(other.labels)}, the run {', '.join(run.labels)}")
    if other.config.data.image_size != run.config.data.image_size:
        sides = (sized.config.data.image_size for sized in (other, run))
        raise ValueError("{}={} reads images of {} pixels, the run of {}".format(flag, directory, *sides))
    return other


def shuffled_control(directory: Path, run: runs.Run) -> runs.Run:
    """The run that was trained on shuffled labels."""
    control = other_run(directory, run, "--shuffled")
    _ = control.tuned  # raises here rather than after all else is done
    if not control.config.data.shuffle_labels:
        raise ValueError(
            f"--shuffled={directory} was trained on true labels; train one with --config.shuffle_labels=true"
        )
    return control


def independent_classifier(directory: Path, run: runs.Run) -> counterfactuals.IndependentClassifier:
    """The classifier of another run, with thresholds that its own validation images gave."""
    other = other_run(directory, run, "--judge")
    if other.config.data.shuffle_labels:
        raise ValueError(f"--judge={directory} was trained on shuffled labels and knows nothing; name another run")
    thresholds = other.tuned.thresholds
    return counterfactuals.IndependentClassifier(counterfactuals.classifier(other.model, other.params), thresholds)
