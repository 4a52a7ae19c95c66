"""What a contest reads: the truths of a split, the judge, and the control trained on shuffled labels."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from data_prep.phantom.simulator import PhantomSimulator
from dirvae.explain import selection, traversals, truth
from dirvae.explain.truth import Truth
from dirvae.studies.explanations import counterfactuals
from dirvae.training import data, evaluate, runs, workdir
from dirvae.training.evaluate import Predictions


def truths(run: runs.Run, split: str, images: int) -> tuple[list[Truth], dict[str, str]]:
    """Of every finding that has any, up to so many true positives, and as many images without it; and why others are left out."""
    if split not in runs.split_names(run):
        raise ValueError(f"the run's data have no split {split!r}; there are {', '.join(runs.split_names(run))}")
    examples, exact = runs.load_examples(run, split), run.config.data.dataset == "phantom"
    training = runs.load_examples(run, "train") if exact else None
    predictions, tuned = evaluate.load(run.workdir, split).predictions, run.tuned
    if not exact:  # draw among those whose place is known
        predictions = predictions._replace(weight=predictions.weight * truth.has_box(examples))
    found, left_out = [], {}
    for column, positions in enumerate(
        selection.true_positives_of_all(predictions, tuned.thresholds, images, run.config.seed)
    ):
        finding = run.labels[column]
        if finding == "No Finding":
            left_out[finding] = "is nowhere in an image"
        elif not len(positions):
            left_out[finding] = f"no true positive{'' if exact else ' with a box'} in {split}"
        elif (one := _truth(run, examples, training, positions, column)) is None:
            left_out[finding] = (
                "nothing to switch on and off" if exact else f"boxes of fewer than two patients in {split}"
            )
        else:
            found.append(
                one._replace(
                    without=truth.pixels(examples, selection.lacking(examples, column, images, run.config.seed))
                )
            )
    return found, left_out


def _truth(
    run: runs.Run, examples: data.Examples, training: data.Examples | None, positions: np.ndarray, column: int
) -> Truth | None:
    if training is None:
        return truth.boxed(examples, positions, column)
    return truth.exact(examples, training, positions, column, PhantomSimulator(run.config.data.image_size))


def differences(tuned: Predictions) -> Float[np.ndarray, "L ..."]:
    """Of each label's mean codes (`traversals.class_differences`); 0 where the labels lack either side."""
    codes, known = tuned.head_mean, tuned.weight > 0
    both = np.flatnonzero(((tuned.target > 0) & known).any(axis=0) & ((tuned.target <= 0) & known).any(axis=0))
    found = np.zeros((tuned.target.shape[1], *codes.shape[1:]), np.float32)
    if len(both):
        found[both] = traversals.class_differences(codes, tuned.target[:, both], tuned.weight[:, both])
    return found


def aurocs(directory: Path, split: str) -> dict[str, float]:
    """Of each finding on a split that has been evaluated; NaN where the labels say nothing.

    Raises:
      WorkdirError: for a split that has not been.
    """
    scores = workdir.read_json(directory / "metrics.json")
    if split not in scores:
        raise workdir.WorkdirError(f"{directory} has no scores of {split}; run the evaluate phase on it first")
    return {name: float("nan") if value is None else value for name, value in scores[split]["auroc"].items()}


def scorable(split: str) -> None:
    """Raises ValueError for images that something was picked or fitted on."""
    if split in ("train", "validation"):
        raise ValueError(
            f"--split={split}: the model was trained, or the geometry is picked, on it; name another split"
        )


def another(directory: Path, run: runs.Run, flag: str) -> runs.Run:
    """A run of the same findings that is not this one."""
    other = runs.open_run(directory)
    if other.workdir.resolve() == run.workdir.resolve():
        raise ValueError(
            f"{flag}={directory} is the run itself, which agrees with itself; name one of another seed or prior"
        )
    if other.labels != run.labels:
        raise ValueError(f"{flag}={directory} knows {', '.join(other.labels)}, the run {', '.join(run.labels)}")
    if other.config.data.image_size != run.config.data.image_size:
        sides = (each.config.data.image_size for each in (other, run))
        raise ValueError("{}={} reads images of {} pixels, the run of {}".format(flag, directory, *sides))
    return other


def shuffled_control(directory: Path, run: runs.Run) -> runs.Run:
    """The run that was trained on shuffled labels."""
    control = another(directory, run, "--shuffled")
    evaluate.load(control.workdir, "validation")  # its codes are needed, and missing ones had better be told of now
    if not control.config.data.shuffle_labels:
        raise ValueError(
            f"--shuffled={directory} was trained on true labels; train one with --config.shuffle_labels=true"
        )
    return control


def judging(directory: Path, run: runs.Run) -> counterfactuals.Judge:
    """The classifier of another run, with thresholds that its own validation images gave."""
    other = another(directory, run, "--judge")
    if other.config.data.shuffle_labels:
        raise ValueError(f"--judge={directory} was trained on shuffled labels and knows nothing; name another run")
    thresholds = other.tuned.thresholds
    return counterfactuals.Judge(
        counterfactuals.classifier(other.model, other.params, other.positive_weight), thresholds
    )
