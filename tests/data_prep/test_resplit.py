"""The same images under another split."""

import csv

import numpy as np
import pytest
from PIL import Image

from data_prep.resplit import main, resplit
from data_prep.source import SourceError
from data_prep.tables import FACTS, read_table
from dirvae.labels import FINDINGS

HEADER = [*FACTS, *FINDINGS]


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


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
    (tmp_path / "set" / "boxes.csv").write_text("Path,label\n")
    return tmp_path / "set"


def test_rows_go_where_the_column_says_with_their_images(raw, tmp_path):
    out = tmp_path / "out"
    assert resplit(raw, tmp_path / "by.csv", "part", "test", out) == {"train": 2, "valid": 2}
    found = {name: [row.patient for row in read_table(out / f"{name}.csv")] for name in ("train", "valid")}
    assert found == {"train": ["patient00002", "patient00004"], "valid": ["patient00001", "patient00003"]}
    for row in read_table(out / "valid.csv"):
        there = out / row.path.removeprefix("set/")
        assert there.read_bytes() == (raw / row.path.removeprefix("set/")).read_bytes()
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
