"""MIMIC-CXR-JPG: three compressed tables become rows with the official split."""

import gzip
from pathlib import Path

import pytest
from support import sets

from data_prep.readers import mimic
from data_prep.source import SourceError
from dirvae.labels import FINDINGS

ORDER = sorted(FINDINGS)  # the owners sort the columns
VIEWS = ("PA", "LATERAL", "AP", "", "AP AXIAL", "LL")


def compressed(path: Path, *lines: str) -> None:
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six patients of one study and one image; the last has no labels."""
    metadata, split, labels = [], [], []
    for number, view in enumerate(VIEWS):
        subject, study, image = 10000032 + number, 50414267 + number, f"02aa804e-bde0afdd-{number:08d}"
        metadata.append(f"{image},{subject},{study},CHEST (PA AND LAT),{view},3056,2544,21800506,213014.531")
        split.append(f"{image},{study},{subject},{('train', 'train', 'train', 'validate', 'test', 'test')[number]}")
        if number < 5:
            cells = {"Edema": "1.0", "Pneumonia": "-1.0", "Fracture": "0.0"}
            labels.append(",".join([str(subject), str(study), *(cells.get(name, "") for name in ORDER)]))
        sets.picture(tmp_path / f"files/p10/p{subject}/s{study}/{image}.jpg", seed=number)
    head = (
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime"
    )
    compressed(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", head, *metadata)
    compressed(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split", *split)
    compressed(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz", ",".join(("subject_id", "study_id", *ORDER)), *labels)
    return tmp_path


def test_three_tables_are_joined(folder: Path) -> None:
    made = sets.mapped(mimic.READER, folder)
    row = made.rows["files/p10/p10000032/s50414267/02aa804e-bde0afdd-00000000.jpg"]
    assert (row.patient, row.study, row.view, row.split) == ("p10000032", "p10000032/s50414267", "PA", "train")
    assert {name: state for name, state in row.labels.items() if state != -2} == {
        "Edema": 1,
        "Pneumonia": -1,
        "Fracture": 0,
    }
    assert [row.view for row in made.rows.values()] == ["PA", "LATERAL", "AP", "UNKNOWN", "OTHER", "LATERAL"]
    assert [row.split for row in made.rows.values()] == ["train"] * 3 + ["validation"] + ["test"] * 2
    assert list(made.rows.values())[-1].labels == {}
    assert not made.odd


def test_images_are_found_and_views_are_told_apart(folder: Path) -> None:
    made = sets.source(folder, "mimic", views="all")
    assert made.counts() == {"train": 3, "validation": 1, "test": 2}
    assert all(path == file for path, file in sets.files(mimic.READER, folder).items())


def test_another_labeller_s_table_and_a_radiologists_test_split(folder: Path) -> None:
    compressed(folder / "mimic-cxr-2.0.0-negbio.csv.gz", "subject_id,study_id,Edema", "10000032,50414267,0.0")
    negbio = sets.mapped(mimic.READER, folder, train_table="mimic-cxr-2.0.0-negbio")
    assert next(iter(negbio.rows.values())).labels == {"Edema": 0}
    sets.write(folder / "mimic-cxr-2.1.0-test-set-labeled.csv", "study_id,Airspace Opacity\n50414271,1\n")
    scored = sets.mapped(mimic.READER, folder, test_table="mimic-cxr-2.1.0-test-set-labeled")
    assert [row.labels for row in scored.rows.values() if row.split == "test"] == [{"Lung Opacity": 1}]


def test_sex_is_read_from_the_patients_of_mimic_iv(folder: Path) -> None:
    compressed(folder / "patients.csv.gz", "subject_id,gender,anchor_age", "10000033,F,52")
    assert [row.sex for row in sets.mapped(mimic.READER, folder).rows.values()][:2] == ["Unknown", "Female"]


def test_a_table_that_is_missing_is_named(folder: Path) -> None:
    (folder / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    with pytest.raises(SourceError, match=r"chexpert\.csv; give the folder that holds mimic-cxr-2\.0\.0-metadata"):
        sets.mapped(mimic.READER, folder)


def test_the_folder_is_recognised(folder: Path) -> None:
    assert sets.recognised(folder) == "mimic"
