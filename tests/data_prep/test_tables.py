"""Tables as spreadsheets and scripts leave them: one meaning for each odd form, one sentence for what has none."""

import functools
import gzip
from pathlib import Path

import pytest

from data_prep.source import SourceError
from data_prep.tables import Table

PLAIN = "Path,Sex,Age (years)\na.png,F,60\nb.png,M,61\n"
ROWS = [("a.png", "F", "60"), ("b.png", "M", "61")]


def table(place: Path, content: bytes | str) -> Table:
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return Table(place.name, functools.partial(place.open, "rb"))


def cells(made: Table) -> list[tuple[str, ...]]:
    return [(line["path"], line["SEX"], line["age"]) for line in made]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        gzip.compress(PLAIN.encode(), mtime=0),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        b"sep=;\n" + PLAIN.replace(",", ";").encode(),
        PLAIN.replace("\n", ",\n").encode(),
        PLAIN.replace("60\n", "60,\n").encode(),
        PLAIN.replace("(years)\n", "(years),,\n").encode(),
        b"\n\n" + PLAIN.replace("\n", "\n\n").encode() + b" , ,\n",
        PLAIN.replace("Path", ' "Path" ').replace("a.png", "  a.png\xa0").encode(),
        PLAIN.replace("Path,Sex,Age (years)", "PATH, sex ,_AGE").encode(),
        PLAIN.replace("Sex", '"S\nex"').encode(),
        PLAIN.replace("Sex,", "Report,Sex,").replace("png,", 'png,"line one\nline, two",').encode(),
        (PLAIN + "\ufeffPath,Sex,Age (years)\n").encode(),
        PLAIN.replace("b.png", "\ufeffb.png").encode(),
        b'{"Path": "a.png", "Sex": "F", "Age": 60, "x": null}\n\n{"Sex": "M", "Path": "b.png", "Age": "61"}\n',
    ],
    ids=lambda content: content[:12].hex(),
)
def test_one_table_in_many_forms(tmp_path: Path, content: bytes) -> None:
    assert cells(table(tmp_path / "t.csv", content)) == ROWS


def test_windows_text_is_read_as_such(tmp_path: Path) -> None:
    made = table(tmp_path / "t.csv", "Path,Ort\nRöntgen–1.png,Köln\n".encode("cp1252"))
    assert [(line["Path"], line["Ort"]) for line in made] == [("Röntgen–1.png", "Köln")]


@pytest.mark.parametrize("name", ["Frontal/Lateral", "frontal_lateral", "FRONTAL LATERAL", "FrontalLateral"])
def test_columns_are_named_by_their_letters_and_digits(tmp_path: Path, name: str) -> None:
    assert table(tmp_path / "t.csv", f"Path,{name}\na,b\n").has("Frontal/Lateral")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "t.csv is empty"),
        (b"\n , ,\n", "t.csv is empty"),
        (b"Path,Sex\na,b,c\n", "line 2: 3 fields, but the header has 2; the file may be cut off"),
        (b"Path,Sex\na,b\nc\n", "line 3: 1 fields, but the header has 2; the file may be cut off"),
        (b"Path,Sex\na,b\nc\n".replace(b"\n", b"\r\n"), "line 3: 1 fields"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "t.csv is not a readable table"),
        (b"\x81\x8d,\x90\n", "t.csv is not a readable table"),
        (b'Path\n"' + b"x" * 200_000, "t.csv is not a readable table"),
        (gzip.compress(PLAIN.encode() * 1000, mtime=0)[:-20], "t.csv is not a readable table"),
        (b'{"Path": "a"}\n{"Path": ', "t.csv is not a readable table"),
        (b'{"Path": "a"}\n["b"]\n', "t.csv is not a readable table .line 2 is no JSON object"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        list(table(tmp_path / "t.csv", content))


@pytest.mark.parametrize("kept", [1, 5, 9, 10])
def test_a_table_that_was_cut_off_is_noticed(tmp_path: Path, kept: int) -> None:
    line = "a.png,F,60,,1.0"
    with pytest.raises(SourceError, match="line 3"):
        list(table(tmp_path / "t.csv", f"Path,Sex,Age,Edema,Fracture\n{line}\n{line[:kept]}"))


def test_a_table_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^gone\.csv is not a readable table \(No such file or directory\)"):
        Table("gone.csv", functools.partial((tmp_path / "gone.csv").open, "rb"))


def test_missing_and_doubled_columns_are_named(tmp_path: Path) -> None:
    made = table(tmp_path / "t.csv", "Path,Edema,edema\na,1,0\n")
    with pytest.raises(SourceError, match=r"lacks the columns Paths, Sex; did you mean 'Path'\?; it has Path, Edema"):
        made.require(("Paths", "Sex"))
    with pytest.raises(SourceError, match="has the column Edema more than once; remove one of them"):
        made.has("Edema")
    (line,) = made
    with pytest.raises(SourceError, match="lacks the column Sex"):
        line["Sex"]
    assert (line.get("Sex", "none"), str(line)) == ("none", "t.csv, line 2")


@pytest.mark.parametrize(
    ("fact", "header", "column"),
    [
        ("image", "id,Image Index", "Image Index"),
        ("image", "ImagePath,file", "ImagePath"),
        ("patient", "subject_id", "subject_id"),
        ("patient", "PatientID", "PatientID"),
        ("patient", "image", ""),
        ("age", "Patient Age [y]", "Patient Age [y]"),
        ("split", "Set", "Set"),
    ],
)
def test_usual_names_of_facts(tmp_path: Path, fact: str, header: str, column: str) -> None:
    made = table(tmp_path / "t.csv", f"{header}\n{','.join('x' * (1 + header.count(',')))}\n")
    assert made.usual(fact) == column


def test_a_named_column_counts_before_the_usual_ones(tmp_path: Path) -> None:
    made = table(tmp_path / "t.csv", "path,copy\na,b\n")
    assert made.usual("image", "copy") == "copy"
    with pytest.raises(SourceError, match="lacks the column original"):
        made.usual("image", "original")


def test_a_quote_that_is_not_closed_does_not_swallow_lines(tmp_path: Path) -> None:
    lines = ["Path,Sex,Age,View,Edema,Fracture", *(f"{number}.png,F,6{number},PA,1,0" for number in range(8))]
    report = lines[3].replace("F", '"seen, again,\nas before,\nF"')
    assert len(list(table(tmp_path / "t.csv", "\n".join([*lines[:3], report, *lines[4:]])))) == 8
    torn = "\n".join(lines).replace(",62,", ',"62,').replace(",66,", ',"66,')
    with pytest.raises(
        SourceError, match=r"t\.csv, line 8: a quote that is not closed has swallowed the lines before it"
    ):
        list(table(tmp_path / "t.csv", torn))
