"""Any table: columns under their usual names or named, findings as columns or lists, and aloud what was taken for what."""

from pathlib import Path

import pytest
from support import real_xrays, sets
from support.sets import everything, patients

from data_prep.provenance import identity
from data_prep.readers import any_table
from data_prep.source import SourceError
from dirvae.labels import FINDINGS

YES, NO = {"Edema": 1, "Fracture": 0}, {"Edema": 0, "Fracture": 1}
BOTH, NEITHER = {"Edema": 1, "Fracture": 1}, {"Edema": 0, "Fracture": 0}


def folder(place: Path, table: str, name: str = "labels.csv", images: str = "abcd") -> Path:
    for number, image in enumerate(images):
        sets.picture(place / f"images/{image}.png", seed=number)
    sets.write(place / name, table)
    return place


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        ("path,Edema,Fracture\na.png,1,0\nb.png,0,1\n", [YES, NO]),
        ("image;edema;FRACTURE\na;yes;no\nb;no;yes\n", [YES, NO]),
        ("filename,findings\na.png,Edema\nb.png,Fracture\n", [YES, NO]),
        ("Image Index,Finding Labels\na.png,Edema|Fracture\nb.png,Fracture\n", [BOTH, NO]),
        ("img,label\na.png,\"['Edema', 'Fracture']\"\nb.png,[]\n", [BOTH, NEITHER]),
        ('file,labels\na.png,"Edema, Fracture"\nb.png,nan\n', [BOTH, {}]),
        ("image_id,class_name\na,Edema\na,Fracture\na,Edema\nb,Fracture\n", [BOTH, NO]),
        (
            "path,diagnosis\na.png,NORMAL\nb.png,Pneumonia\n",
            [{"No Finding": 1, "Pneumonia": 0}, {"No Finding": 0, "Pneumonia": 1}],
        ),
        ("path,label\na.png,1\nb.png,0\n", [{"label": 1}, {"label": 0}]),
        ("path,Follow-up #,report\na.png,0,clear\nb.png,1,wet\n", [{}, {}]),
    ],
)
def test_findings_are_columns_or_lists(tmp_path: Path, table: str, labels: list[dict[str, int]]) -> None:
    made = sets.mapped(any_table.READER, folder(tmp_path, table))
    assert [dict(row.labels) for row in made.rows.values()] == labels
    names = tuple(sorted({name for row in labels for name in row})) or FINDINGS
    assert tuple(sorted(made.findings)) == tuple(sorted(names))
    assert set(sets.files(any_table.READER, tmp_path).values()) == {"images/a.png", "images/b.png"}


def test_facts_are_found_under_their_usual_names(tmp_path: Path) -> None:
    table = "ImageID,subject_id,study_id,ViewPosition,Patient Gender,Patient Age (y),split\na,p1,s1,PA,F,060Y,Train\nb,p2,,LL,M,,val\n"
    one, other = sets.mapped(any_table.READER, folder(tmp_path, table)).rows.values()
    assert one[:6] == ("a", "p1", "p1/s1", "PA", "Female", 60)
    assert other[:6] == ("b", "p2", "p2/study", "LATERAL", "Male", -1)
    assert (one.split, other.split) == ("train", "validation")


def test_columns_can_be_named(tmp_path: Path) -> None:
    table = "path,copy,who,what,Edema\nx/a.png,b.png,p1,Edema+Mass,1\nx/b.png,a.png,p2,Mass,1\n"
    names = {"image_column": "copy", "patient_column": "who", "finding_column": "what", "finding_separator": "+"}
    made = sets.mapped(any_table.READER, folder(tmp_path, table), **names)
    assert {path: (row.patient, dict(row.labels)) for path, row in made.rows.items()} == {
        "b.png": ("p1", {"Edema": 1, "Mass": 1}),
        "a.png": ("p2", {"Edema": 0, "Mass": 1}),
    }
    with pytest.raises(SourceError, match="lacks the column whom; did you mean 'who'"):
        sets.mapped(any_table.READER, tmp_path, patient_column="whom")


def test_a_column_that_is_asked_for_is_a_finding(tmp_path: Path) -> None:
    table = "path,Edema,Hernia\n" + "".join(f"{image}.png,1,{odd}\n" for image, odd in zip("abcd", "01?0", strict=True))
    assert sets.mapped(any_table.READER, folder(tmp_path, table)).findings == ("Edema",)
    made = sets.mapped(any_table.READER, tmp_path, labels=("hernia",))
    assert (made.findings, made.odd) == (("Edema", "Hernia"), {"label of Hernia": {"?": 1}})


def test_what_was_taken_for_what_is_said(tmp_path: Path) -> None:
    table = "path,label\n" + "".join(f"{image}.png,Edema\n" for image in "abcd")
    source = sets.source(folder(tmp_path / "set", table), "csv", image_size=16, validation_percent=60)
    assert source.facts()["notices"] == [
        "set/labels.csv has no column of patients: each image counts as a patient of its own (--patient_column)",
        "set/labels.csv: label lists 1 findings",
        "no view is stated of any of the 4 images: all are taken for frontal ones",
    ]
    examples, skipped = everything(source)
    assert (sum(map(len, examples.values())), skipped) == (4, [])


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("train", "val", "test"), ("Train", "validation", "TEST")]
)
def test_three_tables_are_three_splits(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for image, name in zip("abc", names, strict=True):
        folder(tmp_path, f"path,patient,Edema\n{image}.png,{image},1\n", f"{name}.csv", image)
    found = patients(sets.source(tmp_path, "csv", image_size=16))
    assert found == {"train": {"a"}, "validation": {"b"}, "test": {"c"}}
    assert patients(sets.source(tmp_path, "csv", image_size=16, validation_table="", test_table=names[1])) != found


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("a,b\n1,2\n", "has no column of image names; give --image_column, one of a, b"),
        ("path,patient\na.png,\n", "line 2: the image a.png has no patient"),
        ("path\n../a.png\n", "line 2: the image '../a.png' must be a plain path"),
        ("path,Edema\na.png,1\na.png,0\n", "line 3: a.png is in an earlier line already, with other facts or labels"),
        ("path,findings,sex\na.png,Edema,F\na.png,Mass,M\n", "line 3: a.png is in an earlier line already"),
        ("path,Edema,edema\na.png,1,1\n", "has the column Edema more than once"),
    ],
)
def test_tables_that_cannot_be_meant(tmp_path: Path, table: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        sets.mapped(any_table.READER, folder(tmp_path, table))


def test_sentences_are_no_findings(tmp_path: Path) -> None:
    table = "path,findings\n" + "".join(f"{number}.png,sentence {number}\n" for number in range(600))
    made = sets.mapped(any_table.READER, folder(tmp_path, table))
    assert made.findings == FINDINGS
    with pytest.raises(SourceError, match="findings holds 600 different texts"):
        sets.mapped(any_table.READER, tmp_path, finding_column="findings")


def test_several_tables_are_to_be_chosen_from(tmp_path: Path) -> None:
    folder(tmp_path, "path\na.png\n", "one.csv")
    folder(tmp_path, "path\nb.png\n", "two.csv")
    with pytest.raises(SourceError, match=r"several tables that may be meant \(one.csv, two.csv\).*--train_table"):
        sets.mapped(any_table.READER, tmp_path)
    assert list(sets.mapped(any_table.READER, tmp_path, train_table="two").rows) == ["b.png"]


@pytest.mark.skipif(not (real_xrays.FOLDER.parent / "mednist_cxr_64").is_dir(), reason=real_xrays.ABSENT)
def test_real_unlabelled_images_are_planned() -> None:
    source = sets.source(real_xrays.FOLDER.parent / "mednist_cxr_64", "csv")
    rows = [entry.row for part in source.plan().entries.values() for entry in part]
    assert (len(rows), source.findings) == (9820, FINDINGS)
    assert not any(row.labels for row in rows)


def test_an_empty_list_is_no_finding_where_other_lists_say_so(tmp_path: Path) -> None:
    table = "path,labels\na.png,\"['No Finding']\"\nb.png,[]\nc.png,['Edema']\n"
    rows = sets.mapped(any_table.READER, folder(tmp_path, table)).rows.values()
    assert [row.labels["No Finding"] for row in rows] == [1, 1, 0]


def test_tables_read_by_other_columns_are_other_data_sets(tmp_path: Path) -> None:
    """Two readers of the same images name the same findings, of other images."""
    table = "path,who,where,one,two,split\na.png,p1,q1,Edema|,Mass|,train\nb.png,p2,q2,Mass|,Edema|,val\n"
    place = folder(tmp_path, table)
    settings = (
        {"finding_column": "one"},
        {"finding_column": "two"},
        {"finding_column": "one", "patient_column": "who"},
    )
    made = [sets.source(place, "csv", views="all", **one) for one in settings]
    assert len({source.findings for source in made}) == 1
    assert len({identity(source) for source in made}) == 3
