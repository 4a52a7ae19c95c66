"""A survey of a data set before it is built: what its plan counts, in the lines of one screen.

Rows are those of every view, also where the build leaves some out. Splits are those that the build would make.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from data_prep import arrays, contents
from data_prep.contents import Item, number
from data_prep.files import Folder
from data_prep.plan import Entry, Plan
from data_prep.schema import UNKNOWN_AGE
from data_prep.source import SourceError
from data_prep.table_source import TableSource, labels_of
from dirvae.labels import STATES

NAMED = 3  # examples of what is odd
FINDINGS_SHOWN = 18
ANY_CELLS = {"max_unknown_percent": 100.0}
ANY_SPLIT = ANY_CELLS | {"views": "all", "division": "hash", "split_table": ""}
LENIENT = (ANY_CELLS, ANY_SPLIT, ANY_SPLIT | {"validation_percent": 50})
"""Settings under which a set that cannot be built is still counted, the first that will do counting."""


class Survey(NamedTuple):
    """A plan, entries of every view in the order of the splits, and why the set cannot be built, or nothing."""

    source: TableSource
    plan: Plan
    entries: list[Entry]
    problem: str = ""


def survey(source: TableSource) -> Survey:
    """The survey of a source.

    Raises:
      SourceError: for a set that cannot even be counted.
    """
    problem = ""
    for settings in ({}, *LENIENT):
        lenient = replace(source, data=replace(source.data, **settings), _plan=[])
        try:
            plan = lenient.plan()
        except SourceError as error:
            problem = problem or str(error)
        else:
            return Survey(source, plan, _every_view(lenient, plan), problem or _missing(plan, source))
    raise SourceError(problem)


def _missing(plan: Plan, source: TableSource) -> str:
    """Why a build would fail for want of images, or nothing."""
    entries = [entry for part in plan.entries.values() for entry in part]
    missing = [entry for entry in entries if entry.file is None]
    if 100.0 * len(missing) <= source.data.max_skipped_percent * len(entries):
        return ""
    return (
        f"{source.raw_dir}: {len(missing):,} of {len(entries):,} images are missing ({missing[0].row.path}: {missing[0].reason}); "
        "fetch them, or raise data.max_skipped_percent"
    )


def _every_view(source: TableSource, plan: Plan) -> list[Entry]:
    views, planned = plan.notes.get("views", {}), sum(map(len, plan.entries.values()))
    if sum(views.values()) > planned:
        with contextlib.suppress(SourceError):  # only the laterals are at fault then: the build does without them
            plan = replace(source, data=replace(source.data, views="all"), _plan=[]).plan()
    return [entry for part in plan.entries.values() for entry in part]


def counts(found: Survey, folder: Folder) -> Iterator[Item]:
    """Everything but the labels, one item a line."""
    rows = [entry.row for entry in found.entries]
    yield from _images(found, folder)
    patients, studies = {row.patient for row in rows}, {(row.patient, row.study) for row in rows}
    yield "patients", f"{len(patients):,}; studies {len(studies):,}"
    yield "views", _counted(Counter(row.view for row in rows))
    years = [row.age for row in rows if row.age != UNKNOWN_AGE]
    ages = "; ages unknown"
    if years:
        low, middle, high = np.percentile(years, [25, 50, 75])
        ages = f"; ages {min(years)} to {max(years)}, quartiles {low:g}, {middle:g}, {high:g}"
        ages += f", unknown {len(rows) - len(years):,}" * (len(years) < len(rows))
    yield "sexes", _counted(Counter(row.sex for row in rows)) + ages
    yield "splits", "; ".join(_split(name, part) for name, part in found.plan.entries.items())
    yield "marks", _marks(found)
    for notice in found.plan.notes.get("notices", ()):
        yield "notice", notice
    for name, odd in found.plan.notes.get("unknown_cells", {}).items():
        some = ", ".join(f"{text!r} ({count:,})" for text, count in list(odd.items())[:NAMED])
        yield "unknown", f"{number(sum(odd.values()), 'cell')} with no {name} that is known: {some}"


def _images(found: Survey, folder: Folder) -> Iterator[Item]:
    missing = [entry for entry in found.entries if entry.file is None]
    whole = len(found.entries)
    yield "rows", f"{whole:,}; images there {whole - len(missing):,}, missing {len(missing):,}"
    for reason, count in Counter(entry.reason for entry in missing).most_common(2):
        paths = [entry.row.path for entry in missing if entry.reason == reason][:NAMED]
        yield "missing", f"{count:,} ({reason}), such as {', '.join(paths)}"
    named = {arrays.file_of(entry.file.path) for entry in found.entries if entry.file}
    tables = {name.rpartition("/")[2] for name in found.plan.tables}
    archives = {path for path in folder.files if path.lower().endswith(".zip")}
    rest = [path for path in folder.files if path not in named | archives and path.rpartition("/")[2] not in tables]
    some = f": {contents.kinds(rest)}; such as {', '.join(rest[:NAMED])}" if rest else ""
    yield "unnamed", f"{number(len(rest), 'file')} that neither a row names nor the reader reads{some}"


def _split(name: str, part: Sequence[Entry]) -> str:
    patients = {entry.row.patient for entry in part}
    return f"{name} {number(len(part), 'image')} of {number(len(patients), 'patient')}"


def _marks(found: Survey) -> str:
    rows = [entry.row for entry in found.entries]
    boxes, masks = (sum(len(getattr(row, name)) for row in rows) for name in ("boxes", "masks"))
    images = sum(bool(row.boxes or row.masks) for row in rows)
    return f"boxes {boxes:,}, masks {masks:,}, in {number(images, 'image')}" if images else "no boxes, no masks"


def _counted(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items(), key=_most, reverse=True))


def _most(item: tuple[str, int]) -> int:
    return item[1]


def labels(found: Survey, whole: bool = False) -> list[str]:
    """A table of labels: a line a finding, a column a state that occurs, over images that are there or not.

    With more than `FINDINGS_SHOWN` findings, those with the most positives are shown, and the sum of the others, unless the
    `whole` table is wanted.
    """
    findings = found.plan.findings
    table = label_counts(found)
    order = range(len(findings))
    if len(findings) > FINDINGS_SHOWN and not whole:
        order = np.sort(np.argsort(-table[:, 0], kind="stable")[:FINDINGS_SHOWN])
    lines = [(findings[place], table[place]) for place in order]
    if len(lines) < len(findings):
        others = table.sum(axis=0) - table[list(order)].sum(axis=0)
        lines.append((f"{len(findings) - len(lines)} others (--long lists them)", others))
    states = [place for place in range(len(STATES)) if table[:, place].any()]
    names = [name for place, name in enumerate(STATES) if place in states]
    width = max(len(name) for name, _ in [*lines, ("labels", None)]) + 2
    header = "labels".ljust(width) + "".join(f"{name:>12}" for name in names)
    return [header] + [name.ljust(width) + "".join(f"{row[place]:>12,}" for place in states) for name, row in lines]


def one_sided(found: Survey) -> Iterator[Item]:
    """Findings from which nothing can be learnt, since they lack a positive or a negative label."""
    table, positive, negative = label_counts(found), *(list(STATES).index(name) for name in ("positive", "negative"))
    names = [
        name for name, row in zip(found.plan.findings, table, strict=True) if not (row[positive] and row[negative])
    ]
    if len(names) == len(found.plan.findings):
        yield "notice", "no finding has both positive and negative labels: the images can only be learnt without labels"
    elif names:
        some = f", and {len(names) - 6} more" if len(names) > 6 else ""
        yield "notice", f"{', '.join(names[:6])}{some}: not both positive and negative labels, so they are not learnt"


def label_counts(found: Survey) -> np.ndarray:
    """int [findings, states]: images with each state of each finding, states in the order of `dirvae.labels.STATES`."""
    findings = found.plan.findings
    patterns = Counter(labels_of(entry.row, findings).tobytes() for entry in found.entries)
    values = np.frombuffer(b"".join(patterns), np.int8).reshape(len(patterns), len(findings))
    times = np.asarray(list(patterns.values()), np.int64)
    return np.stack([times @ (values == state) for state in STATES.values()], axis=1)
