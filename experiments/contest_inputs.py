"""What a contest reads: the truths of a split, the judge, and the control trained on shuffled labels."""

from pathlib import Path

from dirvae import evaluate, runs, workdir
from dirvae.contest import counterfactuals, truth
from dirvae.contest.truth import Truth
from experiments import effects


def truths(run: runs.Run, split: str, images: int) -> list[Truth]:
    """Of every finding but No Finding that has any, up to so many true positives, and as many images without it."""
    if split not in runs.split_names(run):
        raise ValueError(f"the run's data have no split {split!r}; there are {', '.join(runs.split_names(run))}")
    examples, exact = runs.load_examples(run, split), run.config.data.dataset == "phantom"
    training = runs.load_examples(run, "train") if exact else None
    predictions, tuned = (evaluate.load(run.workdir, name).predictions for name in (split, "validation"))
    if not exact:  # draw among those whose place is known
        predictions = predictions._replace(weight=predictions.weight * truth.has_box(examples))
    found = []
    for column, positions in enumerate(truth.positives(predictions, tuned.thresholds, images, run.config.seed)):
        if not len(positions) or run.labels[column] == "No Finding":
            continue
        if training is not None:
            pair = effects.phantom_pair(run.config.data.image_size)
            one = truth.exact(examples, training, positions, column, pair)
        else:
            one = truth.boxed(examples, positions, column)
        if one is not None:
            found.append(one._replace(without=truth.lacking(examples, column, images, run.config.seed)))
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
    thresholds = evaluate.load(other.workdir, "validation").predictions.thresholds
    return counterfactuals.Judge(
        counterfactuals.classifier(other.model, other.params, other.positive_weight), thresholds
    )
