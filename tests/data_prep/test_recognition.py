"""Which reader fits a folder, and what an error of the wrong one says."""

from pathlib import Path

import pytest
from support import sets

from data_prep import recognition
from data_prep.files import Folder
from data_prep.source import SourceError

NIH = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n1.png,Mass,0,1,50,M,PA\n"
CHEXPERT = "Path,Sex,Edema\nset/train/patient1/study1/a.png,F,1\n"


def names(folder: Path) -> list[str]:
    return [reader.name for reader in recognition.fitting(Folder(folder))]


def test_the_reader_whose_columns_are_there_comes_first(tmp_path: Path) -> None:
    assert names(tmp_path) == []
    sets.write(tmp_path / "nih/Data_Entry_2017.csv", NIH)
    sets.write(tmp_path / "chexpert/train.csv", CHEXPERT)
    sets.write(tmp_path / "mine/all.csv", "file\na.png\n")
    assert names(tmp_path / "nih")[0] == "nih"
    assert names(tmp_path / "chexpert")[0] == "chexpert"
    assert names(tmp_path / "mine") == ["csv"]


@pytest.mark.parametrize(
    ("name", "table", "dataset", "reason"),
    [
        (
            "Data_Entry_2017.csv",
            NIH,
            "chexpert",
            "holds no train.csv; this folder looks like NIH ChestX-ray14: give --dataset=nih",
        ),
        ("train.csv", CHEXPERT, "nih", "this folder looks like CheXpert: give --dataset=chexpert"),
        ("mine.csv", "file\na.png\n", "chexpert", "or --dataset=csv for a table of another form"),
        ("mine.txt", "file\na.png\n", "chexpert", "holds no train.csv; give the folder that holds train.csv$"),
        ("a/b/c/train.csv", CHEXPERT, "chexpert", "it lies deeper: give --raw_dir=.*/set/a/b/c$"),
        ("train.csv", "file,Edema\na.png,1\n", "chexpert", "lacks the column Path; it has file, Edema"),
        ("train.csv", NIH, "chexpert", "lacks the column Path"),
    ],
)
def test_a_reader_of_another_set_names_the_one_that_fits(
    tmp_path: Path, name: str, table: str, dataset: str, reason: str
) -> None:
    sets.write(tmp_path / "set" / name, table)
    with pytest.raises(SourceError, match=reason):
        sets.source(tmp_path / "set", dataset).plan()
