"""NIH ChestX-ray14: its tables as published, its layouts, and the counts that its owners print."""

from collections import Counter
from pathlib import Path

import pytest
from support import real_xrays, sets

from data_prep.reader import Box
from data_prep.readers import nih
from data_prep.source import SourceError
from dirvae.labels import UNLABELLED

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
COUNTS = {
    "No Finding": 60361,
    "Infiltration": 19894,
    "Pleural Effusion": 13317,
    "Atelectasis": 11559,
    "Nodule": 6331,
    "Mass": 5782,
    "Pneumothorax": 5302,
    "Consolidation": 4667,
    "Pleural Thickening": 3385,
    "Cardiomegaly": 2776,
    "Emphysema": 2516,
    "Edema": 2303,
    "Fibrosis": 1686,
    "Pneumonia": 1431,
    "Hernia": 227,
}
"""Images of each finding in Data_Entry_2017_v2020.csv, as independent counts of it print them."""
TABLES = real_xrays.FOLDER.parent / "nih_tables"
whole = pytest.mark.skipif(not TABLES.is_dir(), reason=real_xrays.ABSENT)


def entry(patient: int, number: int, labels: str = "No Finding", age: str = "57") -> str:
    return f"{patient:08d}_{number:03d}.png,{labels},{number},{patient},{age},M,PA,2682,2749,0.143,0.143"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six patients with two images each, with lists, boxes and three of the folders that images come in."""
    lines = [entry(patient, number) for patient in range(1, 7) for number in range(2)]
    lines[0] = entry(1, 0, "Cardiomegaly|Effusion|Pleural_Thickening", "060Y")
    lines[1] = entry(1, 1, "Hernia")
    names = [line.split(",")[0] for line in lines]
    sets.write(tmp_path / "Data_Entry_2017_v2020.csv", "\n".join([HEADER, *lines]))
    sets.write(tmp_path / "train_val_list.txt", "\n".join(names[:8]) + "\n")
    sets.write(tmp_path / "test_list.txt", "\n".join(names[8:]))
    boxes = f"{names[0]},Infiltrate,225.5,547,86.75,79.25,,,\n{names[8]},Mass,686.1,131.5,185.5,313.5"
    sets.write(tmp_path / "BBox_List_2017.csv", f"Image Index,Finding Label,Bbox [x,y,w,h],,,\n{boxes}\n")
    for number, name in enumerate(names):
        place = ("images_001/images", "images", "images_012/images")[number % 3]
        sets.picture(tmp_path / place / name, seed=number)
    return tmp_path


def test_a_line_becomes_a_row(folder: Path) -> None:
    row = sets.mapped(nih.READER, folder).rows["00000001_000.png"]
    assert (row.patient, row.study, row.view, row.sex, row.age) == ("00000001", "00000001/0", "PA", "Male", 60)
    assert sets.positives(row) == {"Cardiomegaly", "Pleural Effusion", "Pleural Thickening"}
    assert set(row.labels.values()) == {0, 1}
    assert tuple(row.labels) == nih.FINDINGS


def test_boxes_keep_the_owners_numbers_with_or_without_the_header_s_last_commas(folder: Path) -> None:
    rows = sets.mapped(nih.READER, folder).rows
    assert rows["00000001_000.png"].boxes == (Box("Infiltration", 547.0, 225.5, 626.25, 312.25, 1024.0),)
    assert rows["00000005_000.png"].boxes == (Box("Mass", 131.5, 686.1, 445.0, 871.6, 1024.0),)


def test_the_lists_are_the_split_and_every_image_is_found(folder: Path) -> None:
    made = sets.source(folder, "nih", validation_percent=50)
    counts = made.counts()
    assert counts["test"] == 4
    assert counts["train"] + counts["validation"] == 8
    found = sets.files(nih.READER, folder)
    assert all(file.endswith(f"images/{name}") for name, file in found.items())
    assert made.findings[-1] == "Hernia"


def test_one_list_is_enough_and_an_image_of_neither_is_told(folder: Path) -> None:
    assert not sets.mapped(nih.READER, folder).notices
    (folder / "train_val_list.txt").unlink()
    assert Counter(row.split for row in sets.mapped(nih.READER, folder).rows.values()) == {"train": 8, "test": 4}
    sets.write(folder / "train_val_list.txt", "00000001_000.png\n")
    assert sum(sets.mapped(nih.READER, folder).odd["split"].values()) == 7
    for name in ("train_val_list.txt", "test_list.txt"):
        (folder / name).unlink()
    (notice,) = sets.mapped(nih.READER, folder).notices
    assert "the official split is not known" in notice


def test_the_official_test_images_alone_are_a_split(folder: Path) -> None:
    from data_prep import sources
    from dirvae.config import DataConfig

    split = sources.named("nih").open_split(folder, "test", DataConfig(dataset="nih"))
    assert split.counts() == {"test": 4}


def test_adjudicated_labels_are_the_test_split_where_they_are_asked_for(folder: Path) -> None:
    header = HEADER + ",Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id"
    text = f"{header}\n{entry(5, 0)},NO,YES,YES,,test\n"
    sets.write(folder / "google2019_nih-chest-xray-labels.csv", text)
    plain = sets.mapped(nih.READER, folder)
    assert "Fracture" not in plain.findings
    asked = sets.mapped(nih.READER, folder, test_table="google2019_nih-chest-xray-labels")
    assert [path for path, row in asked.rows.items() if row.split == "test"] == ["00000005_000.png"]
    labels = asked.rows["00000005_000.png"].labels
    assert (labels["Pneumothorax"], labels["Fracture"], labels["Lung Lesion"]) == (1, 0, UNLABELLED)
    assert "Lung Opacity" not in asked.rows["00000001_000.png"].labels
    assert "00000005_001.png" not in asked.rows  # of a patient who is scored


def test_an_unknown_finding_is_counted_and_a_wrong_table_is_named(folder: Path) -> None:
    table = folder / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Hernia", "Hernai"))
    assert sets.mapped(nih.READER, folder).odd == {"finding": {"Hernai": 1}}
    table.write_text("Path,Sex,Age\na,b,c\n")
    with pytest.raises(SourceError, match="lacks the columns Image Index, Finding Labels, Patient ID"):
        sets.mapped(nih.READER, folder)


def test_a_box_that_is_no_number_is_named_by_its_line(folder: Path) -> None:
    boxes = folder / "BBox_List_2017.csv"
    boxes.write_text(boxes.read_text().replace("547", "a"))
    with pytest.raises(SourceError, match=r"BBox_List_2017.csv, line 2: x, y, w and h must be numbers"):
        sets.mapped(nih.READER, folder)


@whole
def test_the_true_tables_give_the_published_counts() -> None:
    made = sets.mapped(nih.READER, TABLES)
    assert len(made.rows) == 112_120
    assert len({row.patient for row in made.rows.values()}) == 30_805
    assert Counter(name for row in made.rows.values() for name in sets.positives(row)) == COUNTS
    assert sum(len(row.boxes) for row in made.rows.values()) == 984
    assert sum(bool(row.boxes) for row in made.rows.values()) == 880
    assert not made.odd


@whole
def test_every_box_of_the_true_tables_lies_in_its_frame_and_has_an_area() -> None:
    for row in sets.mapped(nih.READER, TABLES).rows.values():
        for box in row.boxes:
            assert 0 <= box.top < box.bottom <= 1024
            assert 0 <= box.left < box.right <= 1024


@whole
def test_a_test_list_of_the_published_size_is_respected(tmp_path: Path) -> None:
    for table in ("Data_Entry_2017_v2020.csv.gz", "BBox_List_2017.csv.gz"):
        (tmp_path / table).write_bytes((TABLES / table).read_bytes())
    names = sorted(sets.mapped(nih.READER, TABLES).rows, reverse=True)
    sets.write(tmp_path / "test_list.txt", "\n".join(names[:25_596]))
    sets.write(tmp_path / "train_val_list.txt", "\n".join(names[25_596:]))
    made = sets.mapped(nih.READER, tmp_path)
    assert Counter(row.split for row in made.rows.values()) == {"train": 86_524, "test": 25_596}
    assert {path for path, row in made.rows.items() if row.split == "test"} == set(names[:25_596])


def test_the_folder_is_recognised(folder: Path) -> None:
    assert sets.recognised(folder) == "nih"


@pytest.mark.parametrize("dataset", ["vindr", "chestmnist", "dicom", "mimic"])
def test_another_reader_names_this_one(folder: Path, dataset: str) -> None:
    with pytest.raises(SourceError, match="this folder looks like NIH ChestX-ray14: give --dataset=nih"):
        sets.source(folder, dataset).counts()
