"""PadChest: lists in cells, terms and findings, ages, projections and images that nobody judged."""

import gzip
from pathlib import Path

import pytest
from support import sets

from data_prep.readers import padchest

HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,MethodLabel,Labels"
)
LINES = {
    "normal": ("PA", "['normal']"),
    "two": ("L", "['laminar atelectasis', ' hydropneumothorax ']"),
    "other": ("AP_horizontal", "['subcutaneous emphysema', 'air trapping']"),
    "excluded": ("AP", "['exclude', 'pneumonia']"),
    "unchanged": ("COSTAL", "['unchanged']"),
    "empty": ("PA", ""),
    "odd": ("EXCLUDE", "pneumonia]"),
    "quoted": ("PA", "'pneumonia'"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [HEADER]
    for number, (name, (projection, labels)) in enumerate(LINES.items()):
        lines.append(
            f'{number},{name}.png,{number},20140915,s{number},p{number},1930.0,F,{projection},Physician,"{labels}"'
        )
        sets.picture(tmp_path / str(number) / f"{name}.png", seed=number)
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz").write_bytes(packed)
    return tmp_path


def test_lists_are_read_as_findings(folder: Path) -> None:
    made = sets.mapped(padchest.READER, folder)
    rows = {Path(path).stem: row for path, row in made.rows.items()}
    assert sets.positives(rows["normal"]) == {"No Finding"}
    assert sets.positives(rows["two"]) == {"Atelectasis", "Pleural Effusion", "Pneumothorax"}
    assert sets.positives(rows["other"]) == set()
    assert rows["other"].labels["Emphysema"] == 0
    assert [rows[name].labels for name in ("excluded", "unchanged", "empty", "odd", "quoted")] == [{}] * 5
    assert made.odd == {"finding": {"pneumonia]": 1, "'pneumonia'": 1}}


def test_facts(folder: Path) -> None:
    rows = sets.mapped(padchest.READER, folder).rows
    assert (rows["0/normal.png"].age, rows["0/normal.png"].sex) == (84, "Female")
    assert rows["0/normal.png"].study == "p0/s0"
    assert [row.view for row in rows.values()] == ["PA", "LATERAL", "AP", "AP", "OTHER", "PA", "OTHER", "PA"]


def test_a_term_of_the_owners_can_be_asked_for(folder: Path) -> None:
    made = sets.mapped(padchest.READER, folder, labels=("air_trapping", "Pneumothorax"))
    assert made.findings == (*padchest.TERMS, "air trapping")
    assert made.rows["2/other.png"].labels["air trapping"] == 1
    assert made.rows["1/two.png"].labels["Pneumothorax"] == 1


def test_images_are_found_in_their_folders_and_flat(folder: Path) -> None:
    assert all(path == file for path, file in sets.files(padchest.READER, folder).items())
    for number, name in enumerate(LINES):
        (folder / str(number) / f"{name}.png").rename(folder / f"{name}.png")
    assert set(sets.files(padchest.READER, folder).values()) == {f"{name}.png" for name in LINES}


def test_the_folder_is_recognised(folder: Path) -> None:
    assert sets.recognised(folder) == "padchest"
