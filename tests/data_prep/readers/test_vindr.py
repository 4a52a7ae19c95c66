"""VinDr-CXR: three readers an image, their majority, their boxes; PhysioNet's tables and Kaggle's."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import sets

from data_prep.reader import Box
from data_prep.readers import vindr
from data_prep.source import SourceError

READERS = ("R8", "R9", "R10")


@pytest.fixture
def physionet(tmp_path: Path) -> Path:
    """An image that two of three call effused and one fractured, one that all call sound, and one of the test split."""
    header = "image_id,rad_id,Nodule/Mass,Pleural effusion,Rib fracture,Other diseases,No finding"
    votes = ["0,1,0,0,0", "0,1,1,0,0", "0,0,0,0,1"]
    lines = [f"aaa,{reader},{vote}" for reader, vote in zip(READERS, votes, strict=True)]
    lines += [f"bbb,{reader},0,0,0,0,1" for reader in READERS]
    sets.write(tmp_path / "annotations/image_labels_train.csv", "\n".join([header, *lines]))
    sets.write(
        tmp_path / "annotations/image_labels_test.csv",
        "image_id,Nodule/Mass,Pleural effusion,Rib fracture,Other disease,No finding\nccc,1,0,0,1,0\n",
    )
    sets.write(
        tmp_path / "annotations/annotations_train.csv",
        "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
        "aaa,R8,Pleural effusion,100.5,200,300,400\naaa,R9,Pleural effusion,110,210,310,410\nbbb,R8,No finding,,,,\n",
    )
    sets.write(
        tmp_path / "annotations/annotations_test.csv",
        "image_id,class_name,x_min,y_min,x_max,y_max\nccc,Nodule/Mass,1,2,3,4\n",
    )
    return tmp_path


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    lines = ["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"]
    lines += ["aaa,Aortic enlargement,0,R9,691,1375,1653,1831", "aaa,Aortic enlargement,0,R9,700,1400,1600,1800"]
    lines += [
        "aaa,No finding,14,R8,,,,",
        "aaa,No finding,14,R10,,,,",
        "bbb,Cardiomegaly,3,R8,1,2,3,4",
        "bbb,Cardiomegaly,3,R9,1,2,3,4",
    ]
    sets.write(tmp_path / "train.csv", "\n".join([*lines, "bbb,No finding,14,R10,,,,"]))
    return tmp_path


def test_the_majority_of_readers_decides(physionet: Path) -> None:
    rows = sets.mapped(vindr.READER, physionet).rows
    labels = rows["train/aaa.dicom"].labels
    assert labels["Pleural Effusion"] == 1
    assert (labels["Rib Fracture"], labels["No Finding"]) == (-1, -1)
    assert (labels["Lung Lesion"], labels["Other diseases"]) == (0, 0)
    assert sets.positives(rows["train/bbb.dicom"]) == {"No Finding"}
    assert sets.positives(rows["test/ccc.dicom"]) == {"Lung Lesion", "Other diseases"}
    assert [row.split for row in rows.values()] == ["train", "train", "test"]


@pytest.mark.parametrize(("votes", "state"), [(0, 0), (1, -1), (2, 1), (3, 1)])
def test_states_of_three_readers(votes: int, state: int) -> None:
    assert vindr.state_of(votes, 3) == state


def test_boxes_of_all_readers_are_kept_in_the_image_s_own_pixels(physionet: Path) -> None:
    rows = sets.mapped(vindr.READER, physionet).rows
    assert rows["train/aaa.dicom"].boxes == (
        Box("Pleural Effusion", 200.0, 100.5, 400.0, 300.0),
        Box("Pleural Effusion", 210.0, 110.0, 410.0, 310.0),
    )
    assert rows["train/bbb.dicom"].boxes == ()
    assert rows["test/ccc.dicom"].boxes == (Box("Lung Lesion", 2.0, 1.0, 4.0, 3.0),)


def test_kaggle_s_table_counts_a_reader_once(kaggle: Path) -> None:
    made = sets.mapped(vindr.READER, kaggle)
    labels = made.rows["train/aaa.dicom"].labels
    assert (labels["Aortic enlargement"], labels["No Finding"], labels["Cardiomegaly"]) == (-1, 1, 0)
    assert sets.positives(made.rows["train/bbb.dicom"]) == {"Cardiomegaly"}
    assert len(made.findings) == 15
    assert not made.odd


def test_a_resized_copy_s_boxes_have_the_frame_of_the_original(kaggle: Path) -> None:
    sets.write(kaggle / "train_meta.csv", "image_id,dim0,dim1\naaa,2880,2304\n")
    assert {box.frame for box in sets.mapped(vindr.READER, kaggle).rows["train/aaa.dicom"].boxes} == {(2880.0, 2304.0)}


def test_a_folder_of_another_set_is_refused(tmp_path: Path) -> None:
    sets.write(tmp_path / "train.csv", "Path,Sex\na,F\n")
    with pytest.raises(SourceError, match="lacks the columns image_id, class_name"):
        sets.mapped(vindr.READER, tmp_path)
    (tmp_path / "train.csv").unlink()
    with pytest.raises(SourceError, match=r"neither image_labels_train.csv nor train.csv; give the folder"):
        sets.mapped(vindr.READER, tmp_path)


def test_a_box_of_a_film_that_is_not_square_holds_its_marker_in_the_data_set(tmp_path: Path) -> None:
    lines = []
    for number in range(12):
        pixels = np.full((300, 400), 60, np.uint8)
        pixels[80:140, 120:200] = 250
        (tmp_path / "train").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"train/{number:02d}.png")
        lines.append(f"{number:02d},Cardiomegaly,3,R8,120,80,200,140")
    lines.append("00,Cardiomegaly,3,R9,500,80,600,140")
    header = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
    sets.write(tmp_path / "train.csv", "\n".join([header, *lines]))
    made = sets.source(tmp_path, "vindr", image_size=40, validation_percent=30)
    chunks = [made.task(split, 0)() for split in made.counts()]
    examples = [example for chunk in chunks for example in chunk.examples]
    assert len(examples) == 12
    for example in examples:
        (finding, *edges), *_ = example.boxes
        top, left, bottom, right = np.rint(np.asarray(edges) * 40).astype(int)
        assert (example.image[top:bottom, left:right] == 250).all()
        assert made.findings[int(finding)] == "Cardiomegaly"
    assert [warning for chunk in chunks for warning in chunk.warnings] == [("train/00.dicom", "marks")]


def test_the_folder_is_recognised(physionet: Path) -> None:
    assert sets.recognised(physionet) == "vindr"


def test_kaggle_s_folder_is_recognised(kaggle: Path) -> None:
    assert sets.recognised(kaggle) == "vindr"


def test_that_patients_are_not_known_is_said(physionet: Path) -> None:
    (notice,) = sets.mapped(vindr.READER, physionet).notices
    assert notice.startswith("patients are not known")


@pytest.mark.parametrize("cell", ["", "?"])
def test_a_vote_that_cannot_be_read_is_no_vote_against(physionet: Path, cell: str) -> None:
    table = physionet / "annotations/image_labels_test.csv"
    table.write_text(table.read_text().replace("ccc,1,0,", f"ccc,1,{cell},"))
    labels = sets.mapped(vindr.READER, physionet).rows["test/ccc.dicom"].labels
    assert (labels["Lung Lesion"], labels["Pleural Effusion"], labels["Rib Fracture"]) == (1, -3, 0)


@pytest.mark.parametrize("size", ["", "0", "tall"])
def test_a_size_that_is_none_is_named_by_its_line(kaggle: Path, size: str) -> None:
    sets.write(kaggle / "train_meta.csv", f"image_id,dim0,dim1\naaa,{size},2304\n")
    with pytest.raises(SourceError, match=r"train_meta.csv, line 2: dim0 and dim1 must be numbers of pixels"):
        sets.mapped(vindr.READER, kaggle)
