"""CheXpert Plus in the layout that public code reads: a table, labels as JSON lines, PNG files."""

import json
from pathlib import Path

import pytest
from support import sets

from data_prep.readers import chexpert_plus
from data_prep.source import SourceError

HEADER = (
    "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,report,age,sex,split"
)
PATHS = [f"train/patient{number:05d}/study1/view1_frontal.jpg" for number in (1, 2)]
PATHS += ["train/patient00002/study1/view2_lateral.jpg", "valid/patient64541/study1/view1_frontal.jpg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = []
    for number, path in enumerate(PATHS):
        side, projection = ("Lateral", "") if "lateral" in path else ("Frontal", "AP")
        text = '"FINDINGS:\nclear, ""no"" change"'
        split = path.split("/")[0]
        lines.append(f"{path},{path[:-3]}dcm,{side},{projection},patient{number},1,{text},60.0,Male,{split}")
        sets.picture(tmp_path / "PNG/PNG" / path.replace(".jpg", ".png"), seed=number)
    sets.write(tmp_path / "df_chexpert_plus_240401.csv", "\n".join([HEADER, *lines]))
    for part, state in (("report", 1.0), ("impression", 0.0)):
        labels = [{"path_to_image": path, "Edema": state, "No Finding": None} for path in PATHS]
        sets.write(tmp_path / f"chexbert_labels/{part}_fixed.json", "\n".join(map(json.dumps, labels)))
    return tmp_path


def test_rows_have_their_reports_labels(folder: Path) -> None:
    made = sets.mapped(chexpert_plus.READER, folder)
    assert list(made.rows) == PATHS
    first = made.rows[PATHS[0]]
    assert first[1:6] == ("patient00001", "patient00001/study1", "AP", "Male", 60)
    assert [row.view for row in made.rows.values()] == ["AP", "AP", "LATERAL", "AP"]
    assert [row.split for row in made.rows.values()] == ["train", "train", "train", "test"]
    assert dict(first.labels) == {"No Finding": -2, "Edema": 1}
    other = sets.mapped(chexpert_plus.READER, folder, train_table="impression_fixed")
    assert {row.labels["Edema"] for row in other.rows.values()} == {0}
    assert set(sets.files(chexpert_plus.READER, folder).values()) == {f"PNG/PNG/{path[:-3]}png" for path in PATHS}


def test_its_validation_part_can_select_checkpoints(folder: Path) -> None:
    source = sets.source(folder, "chexpert_plus", validation_table="valid")
    assert source.counts() == {"train": 2, "validation": 1}


def test_without_labels_the_images_are_unlabelled_unless_labels_are_named(folder: Path) -> None:
    (folder / "chexbert_labels/report_fixed.json").unlink()
    assert not any(row.labels for row in sets.mapped(chexpert_plus.READER, folder).rows.values())
    with pytest.raises(SourceError, match=r"holds no findings_fixed\.json"):
        sets.mapped(chexpert_plus.READER, folder, train_table="findings_fixed")
