"""Runs side by side: the same images, the same resamples, differences with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dirvae.config import Config, paths
from dirvae.metrics import statistics
from dirvae.metrics.titles import PER_IMAGE, PER_LABEL
from dirvae.training import evaluate
from dirvae.training.workdir import WorkdirError, read_config, read_json, write_json

PIXELS = ("l1", "psnr", "ssim")  # mean something only between images of one size
NATS = ("nll", "elbo")  # mean something only between densities of the same pixels: same size, likelihood and scale


class Comparison(NamedTuple):
    """`scores[run][metric]` of one split and `differences[run][metric]`, first run minus that run.

    `per_image` names the per-image metrics that the runs' configurations allow to compare.
    """

    split: str
    images: int
    labels: tuple[str, ...]
    per_image: tuple[str, ...]
    scores: dict[str, dict]
    differences: dict[str, dict[str, dict]]


class SideBySide(NamedTuple):
    """Every split that can be compared, and sentences about what cannot."""

    configs: dict[str, Config]
    splits: list[Comparison]
    notes: list[str]


class MismatchError(WorkdirError):
    """Runs that were not scored on the same images, labels or findings."""


def compare(workdirs: Sequence[Path], replicates: int = 2000) -> SideBySide:
    """Compares the first run with each of the others on every split that all of them were scored on alike.

    Raises:
      WorkdirError: where a run is missing or not evaluated, or where no split can be compared.
    """
    if replicates < 1:
        raise WorkdirError(f"a comparison needs at least 1 bootstrap replicate, not {replicates}")
    if len({Path(w).resolve() for w in workdirs}) < len(workdirs):
        raise WorkdirError("a run cannot be compared with itself; give different workdirs")
    runs = _named(workdirs)
    configs = {name: read_config(workdir) for name, workdir in runs.items()}
    metrics = {name: read_json(Path(workdir) / "metrics.json") for name, workdir in runs.items()}
    held = [{name for name in entry if name not in ("latent", "timing")} for entry in metrics.values()]
    shared = sorted(set.intersection(*held), key=lambda name: (name != "test", name))
    if not shared:
        raise WorkdirError(f"the runs {', '.join(map(str, workdirs))} have no evaluated split in common")
    allowed, notes = comparable(configs)
    made = []
    for split in shared:
        try:
            made.append(_compare_split(split, runs, metrics, allowed, replicates))
        except MismatchError as error:
            notes.append(str(error))
    if not made:
        raise WorkdirError("; ".join(notes[-len(shared) :]))
    return SideBySide(configs, made, notes)


def write(directory: Path, comparison: SideBySide) -> None:
    """Writes comparison.json, a list of the compared splits."""
    write_json(Path(directory) / "comparison.json", [split._asdict() for split in comparison.splits])


def _named(workdirs: Sequence[Path]) -> dict[str, Path]:
    """Runs by their prior where that tells them apart, otherwise by their folder."""
    priors = [read_config(workdir).model.prior for workdir in workdirs]
    names = priors if len(set(priors)) == len(priors) else [str(workdir) for workdir in workdirs]
    return dict(zip(names, workdirs, strict=True))


def comparable(configs: dict[str, Config]) -> tuple[tuple[str, ...], list[str]]:
    """The per-image metrics that all these runs share a meaning of, and why the others are left out."""
    sizes = {config.data.image_size for config in configs.values()}
    densities = {(c.model.likelihood, c.model.scale, c.model.learn_scale) for c in configs.values()}
    left_out, notes = [], []
    if len(sizes) > 1:
        left_out += PIXELS
        notes.append("The runs' images differ in size: L1, PSNR, SSIM, −log p(x|z) and ELBO are not compared.")
    elif len(densities) > 1:
        notes.append("The runs' pixel likelihoods differ: −log p(x|z) and ELBO are not compared.")
    if notes:
        left_out += NATS
    return tuple(name for name in PER_IMAGE if name not in left_out), notes


def config_differences(configs: dict[str, Config]) -> dict[str, list]:
    """Every field in which the runs differ, with each run's value."""
    leaves = [paths(config) for config in configs.values()]
    values = {path: [leaf[path] for leaf in leaves] for path in leaves[0]}
    return {path: each for path, each in values.items() if any(value != each[0] for value in each)}


def _compare_split(
    split: str, runs: dict[str, Path], metrics: dict, allowed: tuple[str, ...], replicates: int
) -> Comparison:
    saved = {name: evaluate.load(workdir, split) for name, workdir in runs.items()}
    (first, ours), *others = saved.items()
    for name, theirs in others:
        _check_alike(split, first, ours, name, theirs)
        if not _same_records(runs[first], runs[name], split):
            raise _different_images(split, first, name)
    return Comparison(
        split=split,
        images=len(ours.path),
        labels=ours.labels,
        per_image=allowed,
        scores={name: metrics[name][split] for name in saved},
        differences={name: _differences(ours, theirs, allowed, replicates) for name, theirs in others},
    )


def _check_alike(split: str, first: str, ours: evaluate.Saved, name: str, theirs: evaluate.Saved) -> None:
    """Raises MismatchError unless both were scored on the same images, findings and labels."""
    if theirs.labels != ours.labels:
        odd = ", ".join(sorted(set(ours.labels) ^ set(theirs.labels))) or "another order"
        raise MismatchError(f"{split}: {first} and {name} have different label sets ({odd}); train both on one")
    if not np.array_equal(ours.path, theirs.path):
        raise _different_images(split, first, name)
    a, b = ours.predictions, theirs.predictions
    if not np.array_equal(a.weight, b.weight) or not np.array_equal(a.target * a.weight, b.target * b.weight):
        raise MismatchError(f"{split}: {first} and {name} were scored against different labels, so it is not compared")


def _same_records(one: Path, other: Path, split: str) -> bool:
    """Whether the split's images are the same to the byte, where both runs' own data sets hold it at one size."""
    if read_config(one).data.image_size != read_config(other).data.image_size:
        return True  # the same images, as far as their paths can tell
    hashes = [read_json(Path(w) / "data.json")["manifest"]["splits"].get(split, {}).get("sha256") for w in (one, other)]
    return None in hashes or hashes[0] == hashes[1]


def _different_images(split: str, first: str, name: str) -> MismatchError:
    return MismatchError(f"{split}: {first} and {name} were scored on different images, so it is not compared")


def _differences(
    ours: evaluate.Saved, theirs: evaluate.Saved, allowed: tuple[str, ...], replicates: int
) -> dict[str, dict]:
    a, b = ours.predictions, theirs.predictions
    found: dict[str, dict] = {}
    for metric in PER_LABEL:
        gaps = statistics.paired_difference(
            a.target, a.weight, a.probability, b.probability, a.patient, metric, replicates
        )
        found[metric] = {name: gap._asdict() for name, gap in zip(("macro", *ours.labels), gaps, strict=True)}
    for metric in allowed:
        gap = statistics.paired_mean_difference(getattr(a, metric), getattr(b, metric), a.patient, replicates)
        found[metric] = gap._asdict()
    return found
