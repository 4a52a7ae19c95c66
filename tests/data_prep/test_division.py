"""The division into splits: the owners', a table's or by a hash of the patient, and never a patient on two sides."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support import sets
from support.sets import opened, patients

from data_prep import division
from data_prep.files import Folder
from data_prep.reader import Row
from data_prep.source import SourceError
from dirvae.config import DataConfig


def rows(*facts: tuple[str, str]) -> list[Row]:
    """Rows of (patient, split)."""
    return [Row(f"{patient}_{i}.png", patient, view="AP", split=split) for i, (patient, split) in enumerate(facts)]


def divided(tmp_path: Path, made: list[Row], **settings) -> dict[str, list[str]]:
    parts = division.divide(made, DataConfig(**settings), Folder(tmp_path), {})
    return {name: sorted(row.patient for row in part) for name, part in parts.items()}


OWN = (("a", "train"), ("b", "validation"), ("c", "test"), ("d", "train"))


def test_the_owners_splits_are_kept(tmp_path: Path) -> None:
    assert divided(tmp_path, rows(*OWN)) == {"train": ["a", "d"], "validation": ["b"], "test": ["c"]}


def test_a_hash_takes_no_notice_of_the_owners(tmp_path: Path) -> None:
    many = rows(*((f"p{number}", OWN[number % 4][1]) for number in range(300)))
    bare = rows(*((f"p{number}", "") for number in range(300)))
    shares = {"division": "hash", "validation_percent": 20, "test_percent": 30}
    found = divided(tmp_path, many, **shares)
    assert found == divided(tmp_path, bare, **shares)
    assert sum(map(len, found.values())) == 300
    assert 60 < len(found["test"]) < 120
    assert 20 < len(found["validation"]) < 70


def test_owners_without_a_validation_split_lend_training_patients(tmp_path: Path) -> None:
    many = rows(*((f"p{number}", "train" if number else "test") for number in range(100)))
    found = divided(tmp_path, many, validation_percent=30)
    assert found["test"] == ["p0"]
    assert 15 < len(found["validation"]) < 45


def test_folds_are_of_all_but_the_test_patients(tmp_path: Path) -> None:
    many = rows(*((f"p{number}", OWN[number % 4][1]) for number in range(80)))
    folds = [divided(tmp_path, many, folds=4, fold=fold) for fold in range(4)]
    assert sorted(name for fold in folds for name in fold["validation"]) == sorted(
        row.patient for row in many if row.split != "test"
    )
    assert all(list(fold) == ["train", "validation"] for fold in folds)


def test_a_patient_of_two_splits_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the splits train and test share 1 patients \(a\); remove them from one"):
        divided(tmp_path, rows(*OWN, ("a", "test")))


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("patient,split", ["a,TRAIN", "b,val", "c,testing", "d,dev"]),
        ("path,fold_of_mine", ["x/a_0.png,training", "b_1.jpg,validation", "c_2.png,test", "d_3.png,valid"]),
        ("Subject ID;Set", ["a;train", "b;Valid", "c;Hold-out", "d;tune"]),
    ],
)
def test_a_table_says_the_split(tmp_path: Path, header: str, lines: list[str]) -> None:
    made = rows(*OWN)
    for row in made:
        sets.write(tmp_path / row.path, "")
    sets.write(tmp_path / "mine.csv", "\n".join([header, *lines]))
    expected = {"train": ["a"], "validation": ["b", "d"], "test": ["c"]}
    assert divided(tmp_path, made, split_table="mine") == expected
    assert divided(tmp_path, made, split_table=str(tmp_path / "mine.csv")) == expected


def test_an_image_without_a_split_is_left_out_aloud(tmp_path: Path) -> None:
    sets.write(tmp_path / "mine.csv", "patient,split\na,train\nb,val\nc,test\nd,\n")
    notes: dict = {}
    data = DataConfig(split_table="mine")
    parts = division.divide(rows(*OWN), data, Folder(tmp_path), notes)
    assert {name: len(part) for name, part in parts.items()} == {"train": 1, "validation": 1, "test": 1}
    assert notes["notices"] == ["1 images are left out, to which mine.csv gives no split"]
    assert notes["split_table"]["name"] == "mine.csv"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("patient,split\na,train\nb,val\nc,test\n", "mine.csv does not name the patient d; add a line"),
        ("patient,split\na,trian\n", r"line 2: split is 'trian'; it must be train, validation, test or empty"),
        ("patient,split\na,train\na,test\n", "line 3: a is in the split train already; remove one"),
        ("who,split\na,train\n", "needs a column of image paths"),
        ("patient,x,y\na,train,1\n", "needs a column named split"),
    ],
)
def test_split_tables_that_cannot_be_used(tmp_path: Path, text: str, reason: str) -> None:
    sets.write(tmp_path / "mine.csv", text)
    with pytest.raises(SourceError, match=reason):
        divided(tmp_path, rows(*OWN), split_table="mine.csv")


def test_a_split_table_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"data\.split_table='none' is no file"):
        divided(tmp_path, rows(*OWN), split_table="none")


def test_two_halves_of_one_patient_are_refused_in_a_table_of_paths(tmp_path: Path) -> None:
    made = rows(("a", ""), ("a", ""), ("b", ""))
    sets.write(tmp_path / "mine.csv", "path,split\na_0.png,train\na_1.png,test\nb_2.png,valid\n")
    with pytest.raises(SourceError, match=r"share 1 patients \(a\)"):
        divided(tmp_path, made, split_table="mine")


@pytest.mark.parametrize(
    ("views", "kept", "notice"),
    [
        (["AP", "PA", "FRONTAL", "LATERAL", "OTHER"], 3, ""),
        (["AP", "PA", "UNKNOWN"], 2, "1 images of an unknown view are left out; --views=all keeps them, and laterals"),
        (["UNKNOWN"] * 3, 3, "no view is stated of any of the 3 images: all are taken for frontal ones"),
        (["LATERAL", "UNKNOWN"], 0, "1 images of an unknown view are left out; --views=all keeps them, and laterals"),
    ],
)
def test_frontal_views_are_those_that_are_known_to_be(views: list[str], kept: int, notice: str) -> None:
    made = [Row(str(i), str(i), view=view) for i, view in enumerate(views)]
    notes: dict = {}
    assert len(division.of_views(made, DataConfig(), notes)) == kept
    assert notes.get("notices", []) == [notice] * bool(notice)
    assert sum(notes["views"].values()) == len(made)
    assert division.of_views(made, DataConfig(views="all"), {}) == made


def test_another_table_may_select_checkpoints_or_be_the_test(layout: Callable) -> None:
    made = layout()
    held = {row["Path"].split("/")[2] for row in made.rows["valid"]}
    found = patients(opened(made.root, validation_table="valid"))
    assert (list(found), found["validation"]) == (["train", "validation"], held)
    (made.root / "valid.csv").rename(made.root / "mine.csv")
    assert patients(opened(made.root, test_table="mine", validation_percent=30))["test"] == held
    with pytest.raises(SourceError, match=r"holds no yours\.csv"):
        opened(made.root, validation_table="yours").plan()
