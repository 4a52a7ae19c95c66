"""CheXpert's tables: every odd value has one meaning, everything else one sentence with its line and column."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.source import SourceError
from data_prep.tables import FACTS, Row, read_boxes, read_table
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN

PATH = "set/train/patient00001/study2/view1_frontal.jpg"
HEADER = ",".join((*FACTS, *FINDINGS))
LINE = f"{PATH},Male,60,Frontal,AP" + ",1.0" * 14


def text_table(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    table = tmp_path / "table.csv"
    table.write_bytes("\n".join(lines).encode(encoding))
    return table


def one(table: Path) -> Row:
    (row,) = read_table(table)
    return row


def test_a_line_as_chexpert_writes_it(tmp_path: Path) -> None:
    path = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
    line = f"{path},Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,-1.0,,1.0"
    labels = (1, -2, -2, -2, -2, -2, -2, -2, -2, 0, -2, -1, -2, 1)
    expected = Row(path, "patient00001", "patient00001/study1", "AP", "Female", 68, labels)
    assert read_table(text_table(tmp_path, HEADER, line)) == (expected,)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("1.0", POSITIVE),
        ("1", POSITIVE),
        ("0.0", NEGATIVE),
        ("0", NEGATIVE),
        ("-1.0", UNCERTAIN),
        ("-1", UNCERTAIN),
        ("", BLANK),
        (" 1.0 ", POSITIVE),
    ],
)
def test_label_values(table: Callable, plain_row: Callable, text: str, state: int) -> None:
    found = one(table(plain_row(PATH, **dict.fromkeys(FINDINGS, text))))
    assert found.labels == (state,) * 14


@pytest.mark.parametrize("text", ["2.0", "0.5", "positive", "nan", "-2", "1.00", "−1.0"])
def test_an_unknown_label_is_named_with_line_and_column(table: Callable, plain_row: Callable, text: str) -> None:
    second = plain_row(PATH.replace("1/study", "2/study"), **{"Pleural Other": text})
    with pytest.raises(SourceError, match=f"line 3: Pleural Other is '{text}'; it must be one of empty, 1.0"):
        read_table(table(plain_row(PATH), second))


def test_no_finding_is_positive_or_not_mentioned(table: Callable, plain_row: Callable) -> None:
    others = [PATH, PATH.replace("view1", "view2")]
    rows = read_table(table(plain_row(others[0], **{"No Finding": "1.0"}), plain_row(others[1], **{"No Finding": ""})))
    assert [row.labels[0] for row in rows] == [POSITIVE, BLANK]


@pytest.mark.parametrize(
    ("text", "sex"),
    [("Male", "Male"), ("female", "Female"), ("Unknown", "Unknown"), ("M", "Male"), ("F", "Female"), ("", "Unknown")],
)
def test_sexes(table: Callable, plain_row: Callable, text: str, sex: str) -> None:
    assert one(table(plain_row(PATH, Sex=text))).sex == sex


@pytest.mark.parametrize(
    ("side", "projection", "view"),
    [
        ("Frontal", "AP", "AP"),
        ("Frontal", "PA", "PA"),
        ("frontal", "pa", "PA"),
        ("Frontal", "LL", "LATERAL"),
        ("Frontal", "RL", "LATERAL"),
        ("Lateral", "", "LATERAL"),
        ("Lateral", "AP", "LATERAL"),
        ("Frontal", "", "FRONTAL"),
        ("", "AP", "AP"),
        ("", "", "UNKNOWN"),
    ],
)
def test_views(table: Callable, plain_row: Callable, side: str, projection: str, view: str) -> None:
    assert one(table(plain_row(PATH, **{"Frontal/Lateral": side, "AP/PA": projection}))).view == view


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("0", 0),
        ("90", 90),
        ("120", 120),
        ("63.0", 63),
        ("063Y", 63),
        ("018M", 1),
        ("060W", 1),
        ("400D", 1),
        ("010D", 0),
        ("", -1),
    ],
)
def test_ages(table: Callable, plain_row: Callable, text: str, years: int) -> None:
    assert one(table(plain_row(PATH, Age=text))).age == years


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Age", "-3"),
        ("Age", "121"),
        ("Age", "63.5"),
        ("Age", "sixty"),
        ("Age", "nan"),
        ("Sex", "X"),
        ("Frontal/Lateral", "Oblique"),
        ("AP/PA", "XX"),
    ],
)
def test_unknown_facts_are_named_with_line_and_column(
    table: Callable, plain_row: Callable, column: str, text: str
) -> None:
    with pytest.raises(SourceError, match=rf"table\.csv, line 2: {column} is '{text}'"):
        read_table(table(plain_row(PATH, **{column: text})))


@pytest.mark.parametrize(
    "path",
    [
        "../train/patient00001/study1/a.jpg",
        "set/../../patient00001/study1/a.jpg",
        "/set/train/patient00001/study1/a.jpg",
        "set/train//patient00001/study1/a.jpg",
        "set/./patient00001/study1/a.jpg",
        "C:/set/patient00001/study1/a.jpg",
        r"set\train\patient00001\study1\a.jpg",
        "set/patient00001/study1/a\x00.jpg",
        "set/patient00001/study1/\x1b[2J.jpg",
        "",
    ],
)
def test_paths_that_could_leave_raw_dir_are_refused(table: Callable, plain_row: Callable, path: str) -> None:
    with pytest.raises(SourceError, match=r"line 2: the Path .* must be relative, plain and within raw_dir"):
        read_table(table(plain_row(path)))


@pytest.mark.parametrize("path", ["set/train/p1/study1/a.jpg", "set/patient00001/a.jpg", "patient00001"])
def test_paths_without_patient_and_study_are_refused(table: Callable, plain_row: Callable, path: str) -> None:
    with pytest.raises(SourceError, match="is not of the form"):
        read_table(table(plain_row(path)))


@pytest.mark.parametrize("before", ["", "set/train/", "patients/", "patient-data/v2/"])
def test_patient_and_study_come_from_the_folders_nearest_to_the_file(
    table: Callable, plain_row: Callable, before: str
) -> None:
    row = one(table(plain_row(f"{before}patient00007/study3/patient_view1.jpg")))
    assert (row.patient, row.study) == ("patient00007", "patient00007/study3")


def test_byte_order_mark_line_ends_and_further_columns_do_not_matter(tmp_path: Path) -> None:
    plain = read_table(text_table(tmp_path, HEADER, LINE, ""))
    assert read_table(text_table(tmp_path, HEADER, LINE, "", encoding="utf-8-sig")) == plain
    assert read_table(text_table(tmp_path, HEADER + ",Remark\r", LINE + ',"a, b"\r', "\r")) == plain
    swapped = ",".join([HEADER.split(",")[-1], *HEADER.split(",")[:-1]]), ",".join(["1.0", *LINE.split(",")[:-1]])
    assert read_table(text_table(tmp_path, *swapped)) == plain


@pytest.mark.parametrize(
    ("lines", "encoding", "reason"),
    [
        ((), "utf-8", "lacks the columns Path, Sex, Age"),
        ((HEADER,), "utf-8", "has a header but no rows"),
        ((HEADER.replace("Edema,", ""), LINE), "utf-8", "lacks the column Edema$"),
        ((HEADER.replace("Edema,", "").replace("Sex,", ""), LINE), "utf-8", "lacks the columns Sex, Edema$"),
        ((HEADER + ",Edema", LINE + ",0.0"), "utf-8", "has the column Edema more than once"),
        ((HEADER, LINE + ",1.0"), "utf-8", "line 2: 20 fields, but the header has 19"),
        ((HEADER, LINE), "utf-16", "is not a readable CSV file"),
        ((HEADER, LINE, PATH + "\xe9"), "latin-1", "is not a readable CSV file"),
        ((HEADER, LINE, '"' + "x" * 200_000), "utf-8", "is not a readable CSV file"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, lines: tuple, encoding: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read_table(text_table(tmp_path, *lines, encoding=encoding))


@pytest.mark.parametrize("kept", [1, len(PATH) - 3, len(PATH) + 4, len(LINE) - 1, len(LINE) - 4])
def test_a_table_that_was_cut_off_is_noticed(tmp_path: Path, kept: int) -> None:
    other = LINE.replace("view1", "view2")
    with pytest.raises(SourceError, match="line 3"):
        read_table(text_table(tmp_path, HEADER, LINE, other[:kept]))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"train\.csv does not exist; raw_dir must be"):
        read_table(tmp_path / "train.csv")


def test_a_path_that_occurs_twice_is_named_with_both_lines(table: Callable, plain_row: Callable) -> None:
    other = plain_row(PATH.replace("view1", "view2"))
    with pytest.raises(SourceError, match=r"line 4: .*view1_frontal\.jpg is in line 2 already"):
        read_table(table(plain_row(PATH), other, plain_row(PATH, Age="12")))


BOX_HEADER = "Path,label,x_1024,y_1024,w_1024,h_1024,source,x_64,y_64,w_64,h_64"


def test_of_several_frames_the_largest_counts(tmp_path: Path) -> None:
    lines = (f"{PATH},Effusion,256,512,128,64,RSNA,1,1,1,1", f"{PATH},Edema,0,0,1024,1024,RSNA,1,1,1,1")
    found = read_boxes(text_table(tmp_path, BOX_HEADER, *lines))
    expected = [[FINDINGS.index("Pleural Effusion"), 0.5, 0.25, 0.5625, 0.375], [FINDINGS.index("Edema"), 0, 0, 1, 1]]
    assert list(found) == [PATH]
    assert found[PATH].dtype == np.float32
    np.testing.assert_array_equal(found[PATH], expected)


def test_boxes_are_cut_off_at_the_frame(tmp_path: Path) -> None:
    found = read_boxes(text_table(tmp_path, "Path,label,x_100,y_100,w_100,h_100", f"{PATH},Mass,-20,50,50,90"))
    np.testing.assert_allclose(found[PATH], [[FINDINGS.index("Lung Lesion"), 0.5, 0.0, 1.0, 0.3]], rtol=1e-6)


def test_without_a_file_there_are_no_boxes(tmp_path: Path) -> None:
    assert read_boxes(tmp_path / "boxes.csv") == {}


@pytest.mark.parametrize(
    ("header", "line", "reason"),
    [
        ("Path,x_64,y_64,w_64,h_64", "a,1,1,1,1", "lacks the column label"),
        ("Path,label,x,y,w,h", "a,Edema,1,1,1,1", "needs the columns x_F"),
        ("Path,label,x_64,y_64,w_64", "a,Edema,1,1,1", "needs the columns x_F"),
        ("Path,label,x_0,y_0,w_0,h_0", "a,Edema,1,1,1,1", "needs the columns x_F"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Oedema,1,1,1,1", "line 2: label is 'Oedema'"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,one,1,1", "line 2: x, y, w and h must be numbers"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,1,0,5", "line 2: the box has no area"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,1,-2,5", "line 2: the box has no area"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,nan,1,1,1", "line 2: the box has no area"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,70,1,5,5", "line 2: the box has no area"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,1", "line 2: 4 fields, but the header has 6"),
    ],
)
def test_boxes_that_cannot_be_used(tmp_path: Path, header: str, line: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read_boxes(text_table(tmp_path, header, line))
