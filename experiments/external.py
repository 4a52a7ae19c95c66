"""External validation: a finished run is scored on another data set, or on another split of its own.

Scores are kept by folder, split and content, so that another set of the same name never takes their place. Before anything is
scored, the images are compared with those that the run learned from. Patients that it learned from are refused, unless they are
asked for. Images that are the same pixel for pixel are told of.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep import build, merged, sources
from dirvae.config import ConfigError, DataConfig, override, validate_data
from dirvae.training import data, lock, overlap, runs, workdir
from experiments import pipeline
from experiments.pipeline import progress_line, say

OWN_FIELDS = {  # of the run's data, which say nothing of another set
    "division": "official",
    "split_table": "",
    "train_table": "",
    "validation_table": "",
    "test_table": "",
    "folds": 0,
    "fold": 0,
    "shuffle_labels": False,
}
LEARNED_FROM = ("train", "validation")


class Request(NamedTuple):
    """What is to be scored: a split of the run's own data set, or with `raw_dir` one of the source `dataset`, read with `fields`.

    `wanted` are findings whose mean is told too. `allowed` scores images that the run learned from all the same.
    """

    split: str
    raw_dir: Path | None = None
    dataset: str | None = None
    fields: Mapping[str, str] = {}
    wanted: tuple[str, ...] = ()
    allowed: bool = False


class Scored(NamedTuple):
    """The images that are scored, the name of their result in metrics.json, and what metrics.json says of them."""

    examples: data.Examples
    key: str
    facts: dict[str, Any]
    dataset: str


def score(directory: Path, data_dir: Path, request: Request) -> None:
    """Scores a run as asked, into metrics.json and predictions/. It holds the run's folder meanwhile.

    Raises:
      ConfigError: for a finding that the run was not trained on, a source that reads no raw images, a field that cannot be set, or
        images that the run learned from.
      SourceError: for a data set that cannot be built.
    """
    with lock.held(directory, say):
        run = runs.open_run(directory, data_dir=data_dir)
        if strange := [label for label in request.wanted if label not in run.labels]:
            raise ConfigError(f"the run was not trained on {', '.join(strange)}; it knows {', '.join(run.labels)}")
        if request.raw_dir is None and request.fields:
            raise ConfigError("--config fields say how the images of --raw_dir are read; give that folder too")
        _score(run, data_dir, request)


def _score(run: runs.Run, data_dir: Path, request: Request) -> None:
    path = run.workdir / "metrics.json"
    metrics = workdir.read_json(path) if path.exists() else {}
    chosen = _own(run, request.split) if request.raw_dir is None else _other(run, data_dir, request)
    _say_labels(run, chosen)
    seen = _check_overlap(run, chosen, request)
    _, scores = pipeline.score_split(run, chosen.key, chosen.examples)
    scores |= {"data": chosen.facts} | ({"overlap": seen} if seen else {})
    if chosen.key in metrics:
        say(f"{chosen.key}: was scored before; the new scores take the place of the old ones")
    if request.wanted:
        _say_wanted(chosen.key, scores, request.wanted)
    workdir.write_json(path, metrics | {chosen.key: scores})
    say(f"added to {path} under {chosen.key!r}")


def _own(run: runs.Run, name: str) -> Scored:
    examples = runs.load_examples(run, name)
    content = runs.describe(run.workdir)["manifest"]["splits"].get(name, {}).get("sha256", "")
    dataset = run.config.data.dataset
    return Scored(examples, name, {"dataset": dataset, "split": name, "content": content}, dataset)


def _other(run: runs.Run, data_dir: Path, request: Request) -> Scored:
    """A split of another data set, read as the run's images were."""
    assert request.raw_dir is not None
    settings = other_settings(run.config.data, request)
    built = build.prepare_split(request.raw_dir, request.split, settings, data_dir, progress_line)
    manifest = build.read_manifest(built)
    split = data.Split(built, request.split, settings.cache_megabytes)
    folder = "+".join(Path(part.strip()).resolve().name for part in str(request.raw_dir).split(","))
    facts = {
        "dataset": settings.dataset,
        "folder": folder,
        "split": request.split,
        "content": manifest["content_hash"],
        "title": sources.named(settings.dataset).title(settings, manifest),
    }
    pipeline.say_noticed(manifest)
    key = f"{folder}/{request.split}@{manifest['content_hash'][:8]}"
    return Scored(run.variant.examples(split, run.labels, settings), key, facts, settings.dataset)


def other_settings(own: DataConfig, request: Request) -> DataConfig:
    """The data section for another set: the run's own, but for what tells how its own set was divided, and the fields given.

    Raises:
      ConfigError: for a field that would give images that the run cannot read.
    """
    dataset = request.dataset or sources.of_tables(own.dataset)
    changed = override(override(own, OWN_FIELDS | {"dataset": dataset}), dict(request.fields))
    if changed.image_size != own.image_size or changed.dataset != dataset:
        raise ConfigError(
            f"data.image_size must stay {own.image_size}, the size that the run reads, and --dataset names the source"
        )
    return validate_data(changed)


def _say_labels(run: runs.Run, chosen: Scored) -> None:
    """Names the run's findings that the set does not label, and what it labels instead."""
    known = chosen.examples.weight.any(axis=0)
    missing = [label for label, has in zip(run.labels, known, strict=True) if not has]
    if not missing:
        return
    named = chosen.examples.split.findings
    further = [finding for finding in named if finding not in run.labels]
    more = f"; it names {', '.join(further)}, which the run does not know" if further else ""
    say(f"{chosen.key}: not labelled there, hence without a score: {', '.join(missing)}{more}")
    if not known.any():
        say(f"{chosen.key}: none of the run's findings is labelled there; the reconstruction alone is scored")


def collections(dataset: str) -> dict[str, str]:
    """The collection of images that each origin of a data set is; "" is the only one of a set that is not merged."""
    names = [name.strip() for name in dataset.split(",")]
    keys = merged.origins(names) if len(names) > 1 else ("",)
    return {key: (*sources.named(name).images_of, name)[0] for key, name in zip(keys, names, strict=True)}


def _check_overlap(run: runs.Run, chosen: Scored, request: Request) -> dict:
    """What the run has seen of the images, for metrics.json; empty where it has seen nothing.

    Images that it saw under another patient's name are told of and scored: a few are common where collections overlap.

    Raises:
      ConfigError: for patients that it learned from, unless the request allows them. A split of the run's own is only told of.
    """
    split = chosen.examples.split
    if request.raw_dir is None and request.split in LEARNED_FROM:
        did = {"train": "was trained on", "validation": "chose its checkpoint and thresholds by"}[request.split]
        say(f"{request.split}: the run {did} these images, so that scores on them say little of new ones")
        return {}
    mine, theirs = collections(run.config.data.dataset), collections(chosen.dataset)
    if chosen.dataset != run.config.data.dataset:
        _say_relabelled(mine, theirs, run.config.data.dataset, chosen.dataset)
    known = [data.Split(run.dataset, name, run.config.data.cache_megabytes) for name in LEARNED_FROM]
    found = overlap.find(split, known, overlap.people(split, theirs), [overlap.people(one, mine) for one in known])
    told = overlap.sentence(found, split)
    if not told:
        return {}
    if found.of_patients and request.raw_dir is not None and not request.allowed:
        raise ConfigError(
            f"{told}; scores on them say little of new patients. Give other images, or --allow_training_patients to score these"
        )
    say(f"{chosen.key}: {told}; scores on them say little of new patients")
    return overlap.record(found, split)


def _say_relabelled(mine: Mapping[str, str], theirs: Mapping[str, str], own: str, other: str) -> None:
    for collection in sorted(set(mine.values()) & set(theirs.values())):
        say(
            f"{own} and {other} both hold images of {collection}; where their names of patients differ, the same patients "
            "may be in both without a word"
        )


def _say_wanted(key: str, scores: Mapping, wanted: tuple[str, ...]) -> None:
    known = [value for label in wanted if np.isfinite(value := scores["auroc"][label])]
    mean = f"{np.mean(known):.3f}" if known else "none"
    say(f"{key}: mean AUROC of the chosen findings {mean}, over {len(known)} of {len(wanted)}")
