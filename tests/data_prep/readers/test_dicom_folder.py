"""A folder of DICOM files: facts of the headers, labels of a table, and files that are no radiographs."""

from pathlib import Path

import numpy as np
import pytest
from support import sets

from data_prep.readers import dicom
from data_prep.source import SourceError

pydicom = pytest.importorskip("pydicom")


def write(path: Path, **facts) -> None:
    """A small explicit little endian DICOM file."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    plain = {"SOPInstanceUID": f"1.2.{path.stem}", "PatientID": "P1", "StudyInstanceUID": "1.9", "Modality": "DX"}
    plain |= {"Rows": 4, "Columns": 4, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    plain |= {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": np.arange(16, dtype=np.uint8).tobytes(),
    }
    for keyword, value in (plain | facts).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID or "1.2.0"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a/1.dcm", PatientSex="F", PatientAge="063Y", ViewPosition="PA")
    write(
        tmp_path / "a/2",
        PatientID=None,
        PatientOrientation=["P", "F"],
        PatientBirthDate="19500630",
        StudyDate="20200629",
    )
    write(tmp_path / "b/3.dcm", PatientID="P2", PatientOrientation=["L", "F"], StudyInstanceUID="1.8")
    write(tmp_path / "b/4.dcm", Modality="CT")
    sets.write(tmp_path / "b/notes.pdf", "no picture")
    return tmp_path


def test_facts_are_those_of_the_headers(folder: Path) -> None:
    assert sets.recognised(folder) == "dicom"
    rows = sets.mapped(dicom.READER, folder).rows
    assert set(rows) == {"a/1.dcm", "a/2", "b/3.dcm"}
    first, second, third = rows.values()
    assert (first.patient, first.study, first.sex, first.age, first.view) == ("P1", "1.9", "Female", 63, "PA")
    assert (second.patient, second.age, second.view) == ("1.9", 69, "LATERAL")
    assert (third.patient, third.view, third.labels) == ("P2", "FRONTAL", {})


def test_a_table_gives_labels_by_uid_path_or_name(folder: Path) -> None:
    text = "Image,edema,Hernia,Split,Remark\n1.2.1,1,0,train,x\na/2,,1,val,y\n3,-1,,test,z\n"
    sets.write(folder / "labels.csv", text)
    made = sets.mapped(dicom.READER, folder, train_table="labels", labels=("Hernia",))
    assert [row.labels for row in made.rows.values()] == [
        {"Edema": 1, "Hernia": 0},
        {"Edema": -2, "Hernia": 1},
        {"Edema": -1, "Hernia": -2},
    ]
    assert [row.split for row in made.rows.values()] == ["train", "validation", "test"]
    assert made.findings == ("Edema", "Hernia")


def test_tables_that_cannot_be_meant_are_named(folder: Path) -> None:
    sets.write(folder / "labels.csv", "UID,Edema\n1.2.1,1\n")
    with pytest.raises(SourceError, match="needs a column that names the images, one of SOPInstanceUID"):
        sets.mapped(dicom.READER, folder, train_table="labels")
    asked = sets.mapped(dicom.READER, folder, train_table="labels", image_column="UID")
    assert asked.rows["a/1.dcm"].labels == {"Edema": 1}
    sets.write(folder / "labels.csv", "Image,Edema\n1,1\n1,0\n")
    with pytest.raises(SourceError, match="line 3: 1 has a line already"):
        sets.mapped(dicom.READER, folder, train_table="labels")


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    sets.picture(tmp_path / "a.png")
    with pytest.raises(SourceError, match="holds no DICOM file of a projection X-ray"):
        sets.mapped(dicom.READER, tmp_path)


def test_an_image_without_a_uid_is_not_that_of_a_line_without_one(folder: Path) -> None:
    write(folder / "a/5.dcm", SOPInstanceUID="")
    sets.write(folder / "labels.csv", "SOPInstanceUID,Edema,Split\n,1,test\n1.2.1,0,Training\n")
    rows = sets.mapped(dicom.READER, folder, train_table="labels").rows
    assert rows["a/5.dcm"].labels == {}
    assert (rows["a/1.dcm"].labels, rows["a/1.dcm"].split) == ({"Edema": 0}, "train")
