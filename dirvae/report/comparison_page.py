"""A comparison as a page and as text."""

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dirvae.metrics.titles import PER_IMAGE, PER_LABEL, scope
from dirvae.report.html import document, figures, tables
from dirvae.report.html.document import Section
from dirvae.studies.side_by_side import Comparison, SideBySide, config_differences

LOWER_IS_BETTER = ("brier", "ece", "l1", "nll")
UNJUDGED = ("kl",)  # a smaller KL is neither better nor worse by itself


def write(directory: Path, side_by_side: SideBySide) -> Path:
    """Writes comparison.html and the page's figures; returns the page."""
    directory = Path(directory)
    first, *others = side_by_side.configs
    sections = [Section("What differs", _configs(side_by_side))]
    sections += [section for one in side_by_side.splits for section in _split(directory, one)]
    title = f"{first} against {', '.join(others)}"
    return document.save(directory / "comparison.html", title, _lead(side_by_side, first), sections)


def _lead(side_by_side: SideBySide, first: str) -> str:
    notes = "".join(f"<p><b>{html.escape(note)}</b></p>" for note in side_by_side.notes)
    return (
        f"<p class='lead'>All runs scored the same images. Differences are {html.escape(first)} less the other run, with "
        "95 % intervals that count patients: score intervals for AUROC, percentiles of the same resamples for the rest. A dash "
        "stands where a finding has too few patients for one.</p>" + notes
    )


def _configs(side_by_side: SideBySide) -> str:
    fields = config_differences(side_by_side.configs)
    rows = [[path, *(html.escape(str(value)) for value in values)] for path, values in fields.items()]
    return (
        tables.table(["field", *map(html.escape, side_by_side.configs)], rows)
        if rows
        else "<p>No field of the config.</p>"
    )


def _split(directory: Path, one: Comparison) -> Iterator[Section]:
    """Two sections: what is scored a finding, and what is scored an image."""
    where = f"{one.split}, {one.images:,} images"
    names, slug = ("macro", *one.labels), one.split.replace("/", "--")
    panels = {title: _estimates(one, metric, names) for metric, title in PER_LABEL.items()}
    better = {title: _better(one, metric) for metric, title in PER_LABEL.items()}
    drawn = figures.paired(panels, names, better)
    caption = "Paired differences with 95 % intervals; filled where the interval leaves 0 out."
    picture = document.figure(directory, f"paired_{slug}", drawn, caption)
    parts = (f"<div><h3>{title}</h3>{_table(one, metric_rows(one, m))}</div>" for m, title in PER_LABEL.items())
    yield Section(f"Classification: {where}", f"{picture}<div class='pairs'>{''.join(parts)}</div>")
    panels = {PER_IMAGE[metric][0]: _estimates(one, metric, (None,)) for metric in one.per_image}
    better = {PER_IMAGE[metric][0]: _better(one, metric) for metric in one.per_image}
    drawn = figures.paired(panels, ("mean over images",), better)
    picture = document.figure(directory, f"paired_images_{slug}", drawn, caption)
    yield Section(f"Reconstruction and bound: {where}", picture + _table(one, image_rows(one)))


def _estimates(one: Comparison, metric: str, names: Sequence[str | None]) -> dict[str, list[Mapping]]:
    """The differences of these names for each other run (None: the metric has no labels)."""
    return {run: [d[metric] if n is None else d[metric][n] for n in names] for run, d in one.differences.items()}


def _better(one: Comparison, metric: str) -> str:
    """Which side of 0 speaks for whom."""
    if metric in UNJUDGED:
        return ""
    first = next(iter(one.scores))
    return f"← {first} better" if metric in LOWER_IS_BETTER else f"{first} better →"


def metric_rows(one: Comparison, metric: str) -> list[list[str]]:
    """[name, each run's score, each difference], macro first, as plain text."""
    rows = []
    for name in ("macro", *one.labels):
        scores = (
            tables.estimate(s[metric][name], s.get(f"{metric}_interval", {}).get(name)) for s in one.scores.values()
        )
        entry = next(iter(one.scores.values()))[metric]
        shown = f"macro, {scope(entry)}" if name == "macro" else name
        rows.append([shown, *scores, *(_gap(d[metric][name]) for d in one.differences.values())])
    return rows


def image_rows(one: Comparison) -> list[list[str]]:
    """[title, each run's score, each difference] of scores that are means over images, as plain text."""
    rows = []
    for metric in one.per_image:
        title, digits = PER_IMAGE[metric]
        scores = (tables.estimate(s[metric], s.get(f"{metric}_interval"), digits) for s in one.scores.values())
        rows.append([title, *scores, *(_gap(d[metric], digits) for d in one.differences.values())])
    return rows


def _gap(gap: Mapping, digits: int = 3) -> str:
    return tables.signed(gap["difference"], gap["interval"], digits)


def _head(one: Comparison) -> list[str]:
    first = next(iter(one.scores))
    return ["", *one.scores, *(f"{first} − {name}" for name in one.differences)]


def _table(one: Comparison, rows: list[list[str]]) -> str:
    shown = [[html.escape(row[0]), *map(html.escape, row[1:])] for row in rows]
    return tables.table(list(map(html.escape, _head(one))), shown)


def as_text(side_by_side: SideBySide) -> str:
    """Markdown."""
    parts = list(side_by_side.notes)
    for one in side_by_side.splits:
        rows = [[f"{title} {row[0]}", *row[1:]] for m, title in PER_LABEL.items() for row in metric_rows(one, m)]
        rows += image_rows(one)
        head = _head(one)
        lines = [f"{one.split}, {one.images} images", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        parts.append("\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]))
    return "\n\n".join(parts)
