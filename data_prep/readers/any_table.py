"""Any table of images: a CSV with a column of image names, and what else it has under the usual names or those that flags give.

Facts are found under usual names (`data_prep.tables.USUAL`). data.image_column, data.patient_column and data.finding_column name
columns that are called otherwise. Findings come in one of two forms:

* a column of lists, such as `Cardiomegaly|Effusion` or `['Edema', 'Fracture']`. Findings that a list does not name are absent. An
  empty list, `No Finding` or `normal` means that none is present. An empty cell means that nobody looked;
* a column for each finding. Without a column of lists these are all columns of no other use whose cells are states of labels
  (`data_prep.cells.label_state`), not all of them empty, and those that data.labels names.

Without either, the images are unlabelled. Lines of one image are merged: lists are joined, and all other cells must agree. Without
a column of patients each image is a patient of its own. train.csv, with valid.csv and test.csv where they are there, are the splits.
Else the folder's only table is read. A column `split` counts before that.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from data_prep.cells import EMPTY, Cells, label_state
from data_prep.files import plain
from data_prep.reader import Inputs, Reader, Row, TableFile
from data_prep.schema import UNKNOWN_AGE
from data_prep.source import SourceError
from data_prep.tables import SPLIT_OF, USUAL, Line, Table, fold
from dirvae.config import DataConfig
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, canonical

SPLITS = {"validation": ("valid", "validation", "val", "dev"), "test": ("test",)}
SUFFIXES = ("csv", "tsv", "jsonl")
NO_FINDING = frozenset({"no finding", "no findings", "normal", "healthy", "clear"})
LIST_SEPARATORS = ("|", ";", ",")
MOST_FINDINGS = 500  # a column with more different names holds sentences; PadChest, with the longest list, has 174
NO_FINDINGS = frozenset(
    map(
        fold,
        ("index", "id", "number", "no", "follow-up #", "follow-up", "unnamed: 0", "width", "height", "rows", "columns"),
    )
)
"""Columns of numbers that are no findings, though their cells may all be 0 or 1."""


class Form(NamedTuple):
    """What the columns of a table are: a column for each fact, for lists, and for each finding; empty where there is none."""

    facts: dict[str, str]
    lists: str
    separator: str
    columns: dict[str, str]
    listed: frozenset[str]


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    """The tables that are named; else train, valid and test, or the folder's only one."""
    if only or data.train_table:
        named = {"train": only or data.train_table}
        named |= {} if only else {"validation": data.validation_table, "test": data.test_table}
        return tuple(TableFile(split, _names(stem)) for split, stem in named.items() if stem)
    wanted = [TableFile("train", (*_names("train"), *_names("*")))]
    for split, stem in (("validation", data.validation_table), ("test", data.test_table)):
        stems = (stem,) if stem else SPLITS[split]
        wanted.append(TableFile(split, tuple(name for part in stems for name in _names(part)), optional=not stem))
    return tuple(wanted)


def _names(stem: str) -> tuple[str, ...]:
    given = stem.removesuffix(".gz")
    return (given,) if given.endswith(SUFFIXES) else tuple(f"{stem}.{suffix}" for suffix in SUFFIXES)


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    chosen = _tables(inputs)
    forms = {split: form_of(table, inputs.data) for split, table in chosen.items()}
    known = _names_of_findings(forms)
    for split, table in chosen.items():
        _tell(table, forms[split], cells)
        merged: dict[str, Row] = {}
        lines = 0
        for line in table:
            lines += 1
            row = _row(line, forms[split], known, cells)
            if len(chosen) > 1 and not row.split:
                row = row._replace(split=split)
            merged[row.path] = _joined(merged[row.path], row, line, forms[split]) if row.path in merged else row
        if len(merged) < lines:
            cells.notice(f"{table.name}: {lines} lines are merged into {len(merged)} images")
        yield from merged.values()


def findings(inputs: Inputs) -> tuple[str, ...]:
    """Findings in the order of their columns, those of lists in the order of the alphabet; the 14 for unlabelled images."""
    forms = {split: form_of(table, inputs.data) for split, table in _tables(inputs).items()}
    return _names_of_findings(forms) or FINDINGS


def _names_of_findings(forms: Mapping[str, Form]) -> tuple[str, ...]:
    columns = (name for form in forms.values() for name in form.columns)
    return tuple(dict.fromkeys((*columns, *sorted(frozenset().union(*(form.listed for form in forms.values()))))))


def _tables(inputs: Inputs) -> dict[str, Table]:
    """The tables by split; a folder's only table is not another split too."""
    chosen: dict[str, Table] = {}
    for split, table in inputs.tables.items():
        if table.name not in {other.name for other in chosen.values()}:
            chosen[split] = table
    return chosen


def form_of(table: Table, data: DataConfig) -> Form:
    """The form of a table.

    Raises:
      SourceError: for a table without a column of images, or without a column that the configuration names.
    """
    named = {"image": data.image_column, "patient": data.patient_column, "finding": data.finding_column}
    facts = {fact: table.usual(fact, named.get(fact, "")) for fact in USUAL}
    if not facts["image"]:
        held = ", ".join(name for name in table.header if name)
        raise SourceError(f"{table.name} has no column of image names; give --image_column, one of {held[:300]}")
    lists = facts.pop("finding")
    columns = _columns_of_states(table, set(facts.values()), data.labels)
    if lists in columns.values():  # a column called label, of zeros and ones, is a finding's
        return Form(facts, "", "", {canonical(lists): lists} if data.finding_column else columns, frozenset())
    if not lists:
        return Form(facts, "", "", columns, frozenset())
    separator = data.finding_separator or _separator(table, lists)
    listed = frozenset(name for line in table for name in names_of(line[lists], separator))
    if len(listed) <= MOST_FINDINGS:
        return Form(facts, lists, separator, {}, listed)
    if data.finding_column:
        raise SourceError(f"{table.name}: {lists} holds {len(listed)} different texts, too many for lists of findings")
    return Form(facts, "", "", columns, frozenset())


def _columns_of_states(table: Table, used: set[str], asked: tuple[str, ...]) -> dict[str, str]:
    """The columns of findings by the finding's name: those that are asked for, and all whose cells are states of labels."""
    wanted = {fold(canonical(name)) for name in asked}
    places = [i for i, name in enumerate(table.header) if name not in used and fold(name) not in {"", *NO_FINDINGS}]
    known: dict[str, int | None] = {}
    seen: dict[int, set[int | None]] = {place: set() for place in places}
    for line in table:
        for place in places:
            text = line.cells[place]
            if text not in known:
                known[text] = label_state(text.strip())
            seen[place].add(known[text])
        places = [place for place in places if None not in seen[place]]
    fitting = [place for place, states in seen.items() if None not in states and states - {BLANK}]
    asked_for = [place for place in seen if fold(canonical(table.header[place])) in wanted]
    names = [table.header[place] for place in seen if place in fitting or place in asked_for]
    table.require(tuple(names))  # refuses one that is there twice
    return {canonical(name): name for name in names}


def _separator(table: Table, column: str) -> str:
    """The first usual separator that any cell has, cells that are lists of Python or JSON aside."""
    cells = {line[column] for line in table}
    return next((sign for sign in LIST_SEPARATORS if any(sign in text for text in cells if text[:1] not in "[({")), "")


def names_of(text: str, separator: str) -> list[str]:
    """The findings that a cell lists, as this project names them; `No Finding` for words that say that there is none."""
    if text[:1] in ("[", "(", "{"):
        try:
            parts = [str(part) for part in ast.literal_eval(text)]
        except (ValueError, SyntaxError):
            parts = re.split(r"[,;|]", text[1:-1])
    else:
        parts = text.split(separator) if separator else [text]
    names = [" ".join(part.strip(" \t'\"").split()) for part in parts]
    kept = [name for name in names if name.lower() not in EMPTY]
    return ["No Finding" if name.lower().replace("_", " ") in NO_FINDING else canonical(name) for name in kept]


def _tell(table: Table, form: Form, cells: Cells) -> None:
    """Notices of what was taken for what, and of what is missing."""
    if not form.facts["patient"]:
        cells.notice(
            f"{table.name} has no column of patients: each image counts as a patient of its own (--patient_column)"
        )
    if form.lists:
        cells.notice(f"{table.name}: {form.lists} lists {len(form.listed)} findings")
    elif form.columns:
        cells.notice(f"{table.name}: these columns are findings: {', '.join(form.columns.values())}")
    else:
        cells.notice(f"{table.name} has no findings: its images are unlabelled (--finding_column)")


def _row(line: Line, form: Form, known: tuple[str, ...], cells: Cells) -> Row:
    facts = {fact: line[column] if column else "" for fact, column in form.facts.items()}
    path = facts["image"]
    if not path or not path.isprintable() or ".." in plain(path).split("/"):
        raise SourceError(f"{line}: the image {path!r} must be a plain path, without .., of a file within raw_dir")
    if form.facts["patient"] and not facts["patient"]:
        raise SourceError(f"{line}: the image {path} has no {form.facts['patient']}; fill the cell, or remove the line")
    patient = facts["patient"] or plain(path)
    if facts["split"]:
        cells.read["split"] += 1
        if fold(facts["split"]) not in SPLIT_OF:
            cells.unknown("split", facts["split"], line)
    return Row(
        path=path,
        patient=patient,
        study=f"{patient}/{facts['study'] or 'study'}",
        view=cells.view(facts["view"], line),
        sex=cells.sex(facts["sex"], line),
        age=cells.age(facts["age"], line) if facts["age"] else UNKNOWN_AGE,
        labels=_labels(line, form, known, cells),
        split=SPLIT_OF.get(fold(facts["split"]), ""),
    )


def _labels(line: Line, form: Form, known: tuple[str, ...], cells: Cells) -> Mapping[str, int]:
    if not form.lists:
        return cells.labels(tuple(form.columns), tuple([line[column] for column in form.columns.values()]), line)
    text = line[form.lists]
    if text.lower() in EMPTY:
        return {}
    present = set(names_of(text, form.separator)) or {"No Finding"}
    return {name: POSITIVE if name in present else NEGATIVE for name in known if name in form.listed}


def _joined(row: Row, other: Row, line: Line, form: Form) -> Row:
    """One row of two of the same image, whose lists are joined.

    Raises:
      SourceError: for rows that differ otherwise.
    """
    same = row._replace(labels={}) == other._replace(labels={})
    if not same or (row.labels != other.labels and not form.lists):
        raise SourceError(
            f"{line}: {row.path} is in an earlier line already, with other facts or labels; remove one of them"
        )
    return row._replace(
        labels={**row.labels, **{name: max(row.labels.get(name, BLANK), state) for name, state in other.labels.items()}}
    )


READER = Reader(
    name="csv",
    title="A table of images",
    holds="the folder that holds a CSV with a column of image names",
    source="no owner's layout: columns are found by their usual names or named by flags",
    tables=tables,
    rows=rows,
    findings=findings,
    split_is_table=True,
)
