"""The same images under another split."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from support import sets

from data_prep.resplit import main, resplit
from data_prep.source import SourceError
from dirvae.labels import FINDINGS

HEADER = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS]


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def raw(tmp_path):
    """Four patients of one image each, two in either table, and a table that holds out one of either."""
    sides = []
    for name, patients in (("train", (1, 2)), ("valid", (3, 4))):
        rows = [HEADER]
        for patient in patients:
            path = f"set/{name}/patient{patient:05d}/study1/view1_frontal.png"
            image = tmp_path / "set" / path.removeprefix("set/")
            image.parent.mkdir(parents=True)
            Image.fromarray(np.full((8, 8), patient, np.uint8)).save(image)
            rows.append([path, "Male", "50", "Frontal", "PA", *["0.0"] * len(FINDINGS)])
            sides.append([path, "test" if patient % 2 else "train"])
        write(tmp_path / "set" / f"{name}.csv", rows)
    write(tmp_path / "by.csv", [["Path", "part"], *sides])
    (tmp_path / "set" / "boxes.csv").write_text("Path,label,x_8,y_8,w_8,h_8\n")
    return tmp_path / "set"


def test_rows_go_where_the_column_says_with_their_images(raw, tmp_path):
    out = tmp_path / "out"
    assert resplit(raw, tmp_path / "by.csv", "part", "test", out) == {"train": 2, "valid": 2}
    found = {name: sorted(chosen) for name, chosen in sets.patients(sets.opened(out, validation_percent=70)).items()}
    assert sorted(found["train"] + found["validation"]) == ["patient00002", "patient00004"]
    assert found["test"] == ["patient00001", "patient00003"]
    for row in read(out / "valid.csv"):
        there = out / row["Path"].removeprefix("set/")
        assert there.read_bytes() == (raw / row["Path"].removeprefix("set/")).read_bytes()
    assert (out / "boxes.csv").exists()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("side", "test", "lacks the column side"), ("part", "held", "no image has part = 'held'; .* has test, train")],
)
def test_a_column_or_value_that_is_not_there_is_refused(raw, tmp_path, column, value, message):
    with pytest.raises(SourceError, match=message):
        resplit(raw, tmp_path / "by.csv", column, value, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_row_a_missing_image_and_a_used_folder_are_refused(raw, tmp_path, capsys):
    text = (tmp_path / "by.csv").read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(text[:-1]))
    with pytest.raises(SourceError, match="has no row for set/valid/patient00004"):
        resplit(raw, tmp_path / "short.csv", "part", "test", tmp_path / "out")
    with pytest.raises(SourceError, match="holds a data set already"):
        resplit(raw, tmp_path / "by.csv", "part", "test", raw)
    (raw / "train/patient00001/study1/view1_frontal.png").unlink()
    arguments = [f"--raw_dir={raw}", f"--by={tmp_path / 'by.csv'}", "--column=part", f"--out={tmp_path / 'out'}"]
    with pytest.raises(SystemExit, match=r"error: .*patient00001.*no such file"):
        main(arguments)
    assert not (tmp_path / "out").exists()


def test_a_patient_on_both_sides_is_refused(raw, tmp_path):
    rows = list(csv.reader((raw / "train.csv").open()))
    path = "set/train/patient00001/study2/view1_frontal.png"
    image = raw / path.removeprefix("set/")
    image.parent.mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(image)
    write(raw / "train.csv", [*rows, [path, *rows[1][1:]]])
    (tmp_path / "by.csv").write_text((tmp_path / "by.csv").read_text() + f"{path},train\n")
    with pytest.raises(SourceError, match=r"puts 1 patients on both sides, patient00001"):
        resplit(raw, tmp_path / "by.csv", "part", "test", tmp_path / "out")


def test_it_takes_what_the_reader_takes(raw, tmp_path):
    """The parent folder, an empty line, a blank after a path, a set without valid.csv, a link into an allowed root."""
    text = (raw / "train.csv").read_text()
    (raw / "train.csv").write_text(text.replace(".png,", ".png ,", 1) + "\n\n")
    assert resplit(raw.parent, tmp_path / "by.csv", "part", "test", tmp_path / "a") == {"train": 2, "valid": 2}
    (raw / "valid.csv").unlink()
    (raw / "train").rename(tmp_path / "shared")
    (raw / "train").symlink_to(tmp_path / "shared")
    with pytest.raises(SourceError, match=r"leaves raw_dir.*--allowed_roots="):
        resplit(raw, tmp_path / "by.csv", "part", "test", tmp_path / "b")
    flags = [f"--raw_dir={raw}", f"--by={tmp_path / 'by.csv'}", "--column=part", f"--out={tmp_path / 'b'}"]
    main([*flags, f"--allowed_roots={tmp_path / 'shared'}"])
    assert [row["Path"] for row in read(tmp_path / "b" / "valid.csv")] == [
        "set/train/patient00001/study1/view1_frontal.png"
    ]
    assert not (tmp_path / "b/train/patient00001").is_symlink()


def test_an_image_on_two_sides_is_refused(raw, tmp_path):
    by = tmp_path / "by.csv"
    by.write_text(by.read_text() + "set/train/patient00001/study1/view1_frontal.png,train\n")
    with pytest.raises(SourceError, match=r"by\.csv, line 6: .*patient00001.* has part = 'test' in an earlier line"):
        resplit(raw, by, "part", "test", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_set_is_named_with_the_command_that_divides_it(tmp_path):
    sets.write(
        tmp_path / "nih" / "Data_Entry_2017_v2020.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n",
    )
    with pytest.raises(
        SourceError, match=r"looks like NIH .* give --dataset=nih to data_prep\.build, with --split_table"
    ):
        resplit(tmp_path / "nih", tmp_path / "by.csv", "part", "test", tmp_path / "out")


def test_images_of_an_archive_are_copied_out_of_it(raw, tmp_path):
    shutil.make_archive(str(raw / "images"), "zip", raw, "train")
    shutil.rmtree(raw / "train")
    out = tmp_path / "out"
    assert resplit(raw, tmp_path / "by.csv", "part", "test", out) == {"train": 2, "valid": 2}
    examples, skipped = sets.everything(sets.opened(out, validation_percent=70))
    assert not skipped
    assert sum(map(len, examples.values())) == 4
