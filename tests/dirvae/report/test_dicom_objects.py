"""DICOM objects of an explanation: values and geometry as given, the image's patient and study, and no error of a validator."""

import io
import shutil
import subprocess
import warnings

import highdicom as hd
import numpy as np
import pydicom
import pytest
from support import dicom_files

from dirvae.report import dicom_objects
from dirvae.report.explanation_files import CAUTION, Facts

FACTS = Facts("Pleural Effusion", -1.0, 0.93, 0.05, "run", 40, 0.12)
CHANGE = np.random.default_rng(0).normal(0.0, 0.1, (30, 20)).astype(np.float32)
PICTURE = np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)
COPIED = {
    "PatientID": "P-17",
    "PatientName": "Yamada^Tarou=山田^太郎",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "PatientAge": "070Y",
    "StudyDate": "20200304",
    "StudyTime": "101112",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "StudyDescription": "Chest, frontal",
    "ReferringPhysicianName": "Doe^Jane",
}


def source(**elements):
    """The header of a radiograph of 30 rows and 20 columns, as it is read from a file."""
    pixels = np.zeros((30, 20), np.uint8)
    made = dicom_files.radiograph(pixels, **({"SpecificCharacterSet": ["", "ISO 2022 IR 87"]} | COPIED | elements))
    return reread(made)


def reread(dataset):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are none of their kind, which some tests give
        return pydicom.dcmread(io.BytesIO(dicom_objects.as_bytes(dataset)), stop_before_pixels=False)


def objects(given):
    """Both objects, through a file."""
    made = dicom_objects.parametric_map(given, CHANGE, FACTS), dicom_objects.secondary_capture(given, PICTURE, FACTS)
    return [reread(dataset) for dataset in made]


def test_values_of_the_map_come_back_as_they_were_given():
    dataset = dicom_objects.parametric_map(source(), CHANGE, FACTS)
    read = hd.pm.ParametricMap.from_dataset(reread(dataset))
    assert (read.Rows, read.Columns) == CHANGE.shape
    np.testing.assert_array_equal(reread(dataset).pixel_array, CHANGE)
    real = read.get_frames(apply_real_world_transform=True, dtype=np.float64)
    np.testing.assert_array_equal(real[0], CHANGE.astype(np.float64))


def test_the_mapping_names_unit_and_quantity_in_plain_words():
    shared = objects(source())[0].SharedFunctionalGroupsSequence[0]
    (mapping,) = shared.RealWorldValueMappingSequence
    assert mapping.LUTExplanation == "Change with Pleural Effusion; positive: brighter"
    assert mapping.MeasurementUnitsCodeSequence[0].CodeMeaning == "grey levels, 0 black to 1 white"
    quantity = mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeMeaning
    assert quantity == "Signed change of grey level with the finding"


def test_changes_beyond_one_stay_within_the_mapped_range():
    wide = reread(dicom_objects.parametric_map(source(), 30 * CHANGE, FACTS))
    real = hd.pm.ParametricMap.from_dataset(wide).get_frames(apply_real_world_transform=True)
    np.testing.assert_allclose(real[0], 30 * CHANGE, rtol=1e-6)


def test_the_capture_holds_the_picture():
    capture = objects(source())[1]
    np.testing.assert_array_equal(capture.pixel_array, PICTURE)
    assert (capture.BurnedInAnnotation, capture.PhotometricInterpretation) == ("YES", "RGB")


def test_both_refer_to_the_image_and_stay_in_its_study():
    given = source()
    made = objects(given)
    for dataset in made:
        (series,) = dataset.ReferencedSeriesSequence
        (image,) = dataset.SourceImageSequence
        assert dataset.StudyInstanceUID == given.StudyInstanceUID
        assert series.SeriesInstanceUID == given.SeriesInstanceUID
        assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == given.SOPInstanceUID
        assert image.ReferencedSOPInstanceUID == given.SOPInstanceUID
        assert image.ReferencedSOPClassUID == given.SOPClassUID
        assert dataset.ImageComments == CAUTION
        assert "reads from the image: 0.930 before, 0.050 after" in dataset.DerivationDescription
    for name in ("SeriesInstanceUID", "SOPInstanceUID"):
        assert len({getattr(dataset, name) for dataset in (given, *made)}) == 3


def test_patient_and_study_are_copied_in_any_script():
    for dataset in objects(source()):
        assert {name: str(dataset.get(name)) for name in COPIED} == COPIED


def test_a_lossy_image_is_told_of_what_was_made_from_it():
    for lossy in ("01", None):
        for dataset in objects(source(LossyImageCompression=lossy, LossyImageCompressionRatio="8.5")):
            assert dataset.get("LossyImageCompression", "00") == (lossy or "00")


def test_facts_that_are_missing_or_no_value_of_their_kind_are_unknown():
    odd = {"PatientSex": "Male", "PatientBirthDate": "1950", "StudyTime": "half past", "PatientAge": "70"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = source(**odd, StudyID=None, PatientName=None)
        made = objects(given)
    for dataset in made:
        assert [str(dataset[name].value or "") for name in ("PatientSex", "PatientBirthDate", "StudyTime")] == [""] * 3
        assert [str(dataset[name].value or "") for name in ("StudyID", "PatientName")] == [""] * 2
        assert "PatientAge" not in dataset
        assert dataset.PatientID == COPIED["PatientID"]


@pytest.mark.parametrize("name", dicom_objects.REFERENCES)
def test_an_image_without_a_uid_is_refused_by_its_name(name):
    given = source()
    del given[name]
    with pytest.raises(dicom_objects.SourceFault, match=f"it has no {name}"):
        dicom_objects.placed(given)


def test_a_map_of_another_shape_is_refused():
    with pytest.raises(dicom_objects.SourceFault, match="does not fit 30 x 20 pixels"):
        dicom_objects.parametric_map(source(), CHANGE.T, FACTS)


@pytest.mark.parametrize(
    ("stated", "cosines"),
    [
        (["L", "F"], [1, 0, 0, 0, 0, -1]),
        (["R", "F"], [-1, 0, 0, 0, 0, -1]),
        (["F", "R"], [0, 0, -1, -1, 0, 0]),
        (["PL", "FA"], [0, 1, 0, 0, 0, -1]),
        (["L", "R"], [1, 0, 0, 0, 0, -1]),  # no plane: as where nothing is stated
        (None, [1, 0, 0, 0, 0, -1]),
    ],
)
def test_the_plane_follows_the_patient_orientation(stated, cosines):
    groups = objects(source(PatientOrientation=stated))[0].SharedFunctionalGroupsSequence[0]
    assert [float(x) for x in groups.PlaneOrientationSequence[0].ImageOrientationPatient] == cosines


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"PixelSpacing": [0.2, 0.3]}, [0.2, 0.3]),
        ({"PixelSpacing": [0.0, 0.0], "ImagerPixelSpacing": [0.1, 0.1]}, [0.1, 0.1]),
        ({"PixelSpacing": None, "ImagerPixelSpacing": None}, None),
    ],
)
def test_distances_are_those_that_the_image_states_or_none(elements, expected):
    measures = objects(source(**elements))[0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    stated = measures.get("PixelSpacing")
    assert (None if stated is None else [float(x) for x in stated]) == expected


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"PatientOrientation": None, "ImagerPixelSpacing": None, "BodyPartExamined": None},
        {
            "LossyImageCompression": "01",
            "LossyImageCompressionRatio": "8.5",
            "LossyImageCompressionMethod": "ISO_10918_1",
        },
        {"PatientName": None, "PatientSex": "Male", "StudyTime": None, "PatientAge": "70", "NumberOfFrames": 1},
    ],
)
def test_a_validator_finds_no_error(elements, tmp_path):
    """Checks by pydicom's strict reading, and by dciodvfy of David Clunie's dicom3tools where it is installed."""
    validator = shutil.which("dciodvfy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = objects(source(**elements))
    for name, dataset in zip(("map", "capture"), made, strict=True):
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(dicom_objects.as_bytes(dataset))
        assert not invalid_elements(path)
        if validator:
            printed = subprocess.run([validator, path], capture_output=True, text=True, check=False).stderr
            assert not [line for line in printed.splitlines() if line.startswith("Error")]


def invalid_elements(path):
    """What pydicom warns of when every value is looked at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(pydicom.dcmread(path).iterall())
    return [str(warning.message) for warning in caught]
