"""Cells: every spelling of published sets has one meaning, and what has none is counted and stops nothing by itself."""

import pytest

from data_prep.cells import Cells
from dirvae.labels import BLANK, NEGATIVE, POSITIVE, UNCERTAIN, UNLABELLED

SPELLINGS = {
    POSITIVE: ("1", "1.0", "1.00", "1,0", "+1", "1e0", "True", "yes", "Positive", "PRESENT", "y"),
    NEGATIVE: ("0", "0.0", "-0.0", "0e0", "False", "No", "negative", "absent"),
    UNCERTAIN: ("-1", "-1.0", "-1.00", "\N{MINUS SIGN}1.0", "uncertain"),
    BLANK: ("", "nan", "NaN", "None", "<NA>", "n/a"),
    UNLABELLED: ("2", "0.5", "1.", "inf", "Infinity", "-2", "1_0", "maybe", "1 0", "NaN1"),
}


@pytest.mark.parametrize(("text", "state"), [(text, state) for state, texts in SPELLINGS.items() for text in texts])
def test_labels(text: str, state: int) -> None:
    cells = Cells()
    assert cells.label(text, "t.csv, line 2") == state
    assert cells.labels(("Edema", "Fracture"), (text, "1")) == {"Edema": state, "Fracture": POSITIVE}
    assert cells.read == {"label": 1, "label of Edema": 1, "label of Fracture": 1}
    counted = {"label": {text: 1}, "label of Edema": {text: 1}} if state == UNLABELLED else {}
    assert {kind: dict(odd) for kind, odd in cells.odd.items()} == counted


def test_odd_labels_are_counted_each_time_and_equal_rows_share_their_labels() -> None:
    cells = Cells()
    rows = [cells.labels(("Edema",), (text,), f"line {number}") for number, text in enumerate("1212")]
    assert [row["Edema"] for row in rows] == [POSITIVE, UNLABELLED, POSITIVE, UNLABELLED]
    assert rows[0] is rows[2]
    kind = "label of Edema"
    assert (cells.odd[kind]["2"], cells.read[kind], cells.first[kind]) == (2, 4, "line 1")


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("Male", "Male"),
        ("female", "Female"),
        ("M", "Male"),
        ("F", "Female"),
        ("W", "Female"),
        ("", "Unknown"),
        ("O", "Unknown"),
    ],
)
def test_sexes(text: str, sex: str) -> None:
    cells = Cells()
    assert (cells.sex(text), cells.odd) == (sex, {})


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("AP", "AP"),
        ("pa", "PA"),
        ("AP_horizontal", "AP"),
        ("LL", "LATERAL"),
        ("XTABLE LATERAL", "LATERAL"),
        ("Frontal", "FRONTAL"),
        ("AP AXIAL", "OTHER"),
        ("COSTAL", "OTHER"),
        ("nan", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_views(text: str, view: str) -> None:
    cells = Cells()
    assert (cells.view(text), cells.odd) == (view, {})


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("0", 0),
        ("120", 120),
        ("63.0", 63),
        ("63,5", 63),
        ("063Y", 63),
        ("018M", 1),
        ("060W", 1),
        ("400D", 1),
        ("010D", 0),
        ("60 years", 60),
        ("60 Years old", 60),
        ("60yo", 60),
        ("18 months", 1),
        ("P60Y", 60),
        ("P60", 60),
        ("", -1),
        ("nan", -1),
    ],
)
def test_ages(text: str, years: int) -> None:
    cells = Cells()
    assert (cells.age(text), cells.odd) == (years, {})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("age", "414", -1),
        ("age", "-3", -1),
        ("age", "sixty", -1),
        ("age", "1963-01-01", -1),
        ("sex", "X", "Unknown"),
        ("view", "XX", "UNKNOWN"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_counted(kind: str, text: str, value: object) -> None:
    cells = Cells()
    assert getattr(cells, kind)(text, "t.csv, line 7") == value
    assert (cells.odd, cells.first, cells.read[kind]) == ({kind: {text: 1}}, {kind: "t.csv, line 7"}, 1)


def test_an_empty_list_of_findings_labels_none_of_them() -> None:
    cells = Cells()
    assert dict(cells.listed([""], ("Edema", "Mass"), "t.csv, line 2")) == {"Edema": UNLABELLED, "Mass": UNLABELLED}
    assert (cells.odd, cells.read["finding"]) == ({"finding": {"": 1}}, 1)
    assert dict(cells.listed(["Mass"], ("Edema", "Mass"))) == {"Edema": NEGATIVE, "Mass": POSITIVE}
