"""What a contest reads: the truths of a split, the judge, and the control trained on shuffled labels."""

from pathlib import Path

from dirvae import evaluate, runs
from dirvae.contest import counterfactuals, truth
from dirvae.contest.truth import Truth
from experiments import effects


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


def shuffled_control(directory: Path, run: runs.Run) -> runs.Run:
    """The run that was trained on shuffled labels."""
    control = another(directory, run, "--shuffled")
    if not control.config.data.shuffle_labels:
        raise ValueError(
            f"--shuffled={directory} was trained on true labels; train one with --config.shuffle_labels=true"
        )
    return control


def judging(other: runs.Run) -> counterfactuals.Judge:
    """Its classifier, with thresholds that its own validation images gave."""
    thresholds = evaluate.load(other.workdir, "validation").predictions.thresholds
    return counterfactuals.Judge(counterfactuals.classifier(other.model, other.params), thresholds)
