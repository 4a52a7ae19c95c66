"""RSNA Pneumonia: a line a box, classes beside them, and the patients of the images that it took from NIH."""

import json
from pathlib import Path

import pytest
from support import sets

from data_prep.reader import Box
from data_prep.readers import rsna
from data_prep.source import SourceError

LABELS = "patientId,x,y,width,height,Target\naaa,,,,,0\nbbb,264.0,152.0,213.0,379.0,1\nbbb,562.0,152.0,256.0,453.0,1\nccc,,,,,0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sets.write(tmp_path / "stage_2_train_labels.csv", LABELS)
    classes = "aaa,Normal\nbbb,Lung Opacity\nbbb,Lung Opacity\nccc,No Lung Opacity / Not Normal\n"
    sets.write(tmp_path / "stage_2_detailed_class_info.csv", f"patientId,class\n{classes}")
    return tmp_path


def test_lines_of_an_image_become_one_row(folder: Path) -> None:
    made = sets.mapped(rsna.READER, folder)
    rows = {Path(path).stem: row for path, row in made.rows.items()}
    assert [tuple(rows[image].labels.values()) for image in ("aaa", "bbb", "ccc")] == [(0, 0, 1), (1, 1, 0), (0, 0, 0)]
    assert made.findings == ("No Finding", "Lung Opacity", "Pneumonia")
    boxes = [box for box in rows["bbb"].boxes if box.finding == "Pneumonia"]
    assert boxes == [Box("Pneumonia", 152.0, 264.0, 531.0, 477.0), Box("Pneumonia", 152.0, 562.0, 605.0, 818.0)]
    assert {row.view for row in rows.values()} == {"FRONTAL"}


def test_without_the_classes_nobody_is_called_sound(folder: Path) -> None:
    (folder / "stage_2_detailed_class_info.csv").unlink()
    made = sets.mapped(rsna.READER, folder)
    assert made.findings == ("Lung Opacity", "Pneumonia")
    assert all("No Finding" not in row.labels for row in made.rows.values())


def test_the_mapping_to_nih_gives_the_true_patients(folder: Path) -> None:
    assert [row.patient for row in sets.mapped(rsna.READER, folder).rows.values()] == ["aaa", "bbb", "ccc"]
    entries = [{"subset_img_id": name, "img_id": f"00000007_00{i}.png"} for i, name in enumerate(("aaa", "bbb"))]
    mapping = sets.write(folder / "pneumonia-challenge-dataset-mappings_2018.json", json.dumps(entries))
    assert not sets.mapped(rsna.READER, folder).notices
    rows = list(sets.mapped(rsna.READER, folder).rows.values())
    assert [row.patient for row in rows] == ["00000007", "00000007", "ccc"]
    assert rows[1].study == "00000007/001"
    mapping.write_text("[1, 2]")
    with pytest.raises(SourceError, match="is no list of entries with subset_img_id"):
        sets.mapped(rsna.READER, folder)
    mapping.write_text("{")
    with pytest.raises(SourceError, match="is not a readable JSON file"):
        sets.mapped(rsna.READER, folder)


def test_a_positive_without_a_box_is_named_by_its_line(folder: Path) -> None:
    sets.write(folder / "stage_2_train_labels.csv", LABELS + "ddd,,,,,1\n")
    with pytest.raises(SourceError, match="line 6: x, y, width, height must be numbers"):
        sets.mapped(rsna.READER, folder)


def test_the_folder_is_recognised(folder: Path) -> None:
    assert sets.recognised(folder) == "rsna"


def test_a_target_that_is_empty_is_no_label(folder: Path) -> None:
    sets.write(folder / "stage_2_train_labels.csv", LABELS.replace("ccc,,,,,0", "ccc,,,,,"))
    labels = sets.mapped(rsna.READER, folder).rows["stage_2_train_images/ccc.dcm"].labels
    assert (labels["Pneumonia"], labels["Lung Opacity"], labels["No Finding"]) == (-3, -3, 0)
