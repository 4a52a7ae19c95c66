"""Runs side by side: the same images, the same resamples, differences with intervals."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dirvae import evaluate
from dirvae.metrics import statistics
from dirvae.metrics.statistics import Paired
from dirvae.report import page, tables
from dirvae.workdir import WorkdirError, read_config, read_json, write_json

PER_LABEL = ("auroc", "auprc", "brier", "ece")
PER_IMAGE = ("l1", "psnr", "ssim", "kl", "elbo")


class Comparison(NamedTuple):
    """`scores[run][metric]` of one split and `differences[run][metric]`, first run minus that run."""

    split: str
    images: int
    labels: tuple[str, ...]
    scores: dict[str, dict]
    differences: dict[str, dict[str, dict]]


def compare(workdirs: Sequence[Path], replicates: int = 2000) -> list[Comparison]:
    """Every split on which all runs were scored.

    Raises:
      WorkdirError: where a run is not evaluated, the runs share no split, or label sets or images differ.
    """
    if len({Path(w).resolve() for w in workdirs}) < len(workdirs):
        raise WorkdirError("a run cannot be compared with itself; give different workdirs")
    metrics = {_name(w, workdirs): read_json(Path(w) / "metrics.json") for w in workdirs}
    predicted = [{path.stem for path in (Path(w) / "predictions").glob("*.npz")} for w in workdirs]
    shared = sorted(set.intersection(*predicted), key=lambda name: (name != "test", name))
    if not shared:
        raise WorkdirError(f"the runs {', '.join(map(str, workdirs))} have no evaluated split in common")
    return [_compare_split(split, workdirs, metrics, replicates) for split in shared]


def _name(workdir: Path, workdirs: Sequence[Path]) -> str:
    config = read_config(workdir)
    families = [read_config(other).model.prior for other in workdirs]
    return config.model.prior if len(set(families)) == len(families) else str(workdir)


def _compare_split(split: str, workdirs: Sequence[Path], metrics: dict, replicates: int) -> Comparison:
    saved = {name: evaluate.load(w, split) for name, w in zip(metrics, workdirs, strict=True)}
    (first, ours), *others = saved.items()
    for name, theirs in others:
        if theirs.labels != ours.labels:
            missing = sorted(set(ours.labels) ^ set(theirs.labels)) or ["another order"]
            raise WorkdirError(
                f"{first} and {name} have different label sets ({', '.join(missing)}); train both on one"
            )
        if not np.array_equal(ours.path, theirs.path) or not np.array_equal(
            ours.predictions.target * ours.predictions.weight, theirs.predictions.target * theirs.predictions.weight
        ):
            raise WorkdirError(
                f"{first} and {name} were scored on different images or labels of {split}; compare like with like"
            )
    keys = {name: next(k for k in (split, split.replace("--", "/")) if k in metrics[name]) for name in saved}
    return Comparison(
        split=split,
        images=len(ours.path),
        labels=ours.labels,
        scores={name: metrics[name][keys[name]] for name in saved},
        differences={name: _differences(ours, theirs, replicates) for name, theirs in others},
    )


def _differences(ours: evaluate.Saved, theirs: evaluate.Saved, replicates: int) -> dict[str, dict]:
    a, b = ours.predictions, theirs.predictions
    found: dict[str, dict] = {}
    for metric in PER_LABEL:
        gaps = statistics.paired_difference(
            a.target, a.weight, a.probability, b.probability, a.patient, metric, replicates
        )
        found[metric] = {name: gap._asdict() for name, gap in zip(("macro", *ours.labels), gaps, strict=True)}
    for metric in PER_IMAGE:
        gap: Paired = statistics.paired_mean_difference(getattr(a, metric), getattr(b, metric), a.patient, replicates)
        found[metric] = gap._asdict()
    return found


def rows(one: Comparison) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of one split."""
    names = list(one.scores)
    head = ["", *names, *(f"{names[0]} − {name}" for name in one.differences)]
    body = []
    for metric in ("auroc", "auprc", "brier", "ece"):
        for label in ("macro", *one.labels) if metric == "auroc" else ("macro",):
            cells = [
                f"{tables.number(s[metric][label])} {tables.interval(s.get(f'{metric}_interval', {}).get(label))}"
                for s in one.scores.values()
            ]
            gaps = [
                tables.signed(d[metric][label]["difference"], d[metric][label]["interval"])
                for d in one.differences.values()
            ]
            body.append([f"{metric.upper()} {label}", *cells, *gaps])
    for metric in PER_IMAGE:
        cells = [
            f"{tables.number(s[metric])} {tables.interval(s.get(f'{metric}_interval'))}" for s in one.scores.values()
        ]
        gaps = [tables.signed(d[metric]["difference"], d[metric]["interval"]) for d in one.differences.values()]
        body.append([metric.upper(), *cells, *gaps])
    return head, body


def as_text(compared: Sequence[Comparison]) -> str:
    """Markdown."""
    parts = []
    for one in compared:
        head, body = rows(one)
        lines = [f"{one.split}, {one.images} images", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        parts.append("\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body)]))
    return "\n\n".join(parts)


def write(directory: Path, compared: Sequence[Comparison]) -> Path:
    """comparison.html and comparison.json."""
    sections = []
    for one in compared:
        head, body = rows(one)
        escaped = [[html.escape(cell) for cell in row] for row in body]
        sections.append(
            page.section(f"{one.split}, {one.images} images", tables.table(list(map(html.escape, head)), escaped))
        )
    note = "<p class='lead'>Scores with 95 % patient-bootstrap intervals; differences are paired: the same resamples score both.</p>"
    write_json(Path(directory) / "comparison.json", [one._asdict() for one in compared])
    return page.save_page(Path(directory) / "comparison.html", "Runs side by side", note + "".join(sections))
