"""Two DICOM objects of one explained image: a Parametric Map of the signed change, and a secondary capture for the eye.

Both belong to the patient and the study of the image that was explained. They reference that image, and each is a series of its own. The
image comes as a pydicom dataset, of which no pixel is read. The standard is PS3.3 of DICOM: A.75 for the map, A.8 for the capture.

The map has the rows and columns of the stored image. The standard asks for a place in space, which a radiograph does not have. So the map
lies in a frame of reference of its own, in a plane that starts at the first pixel and follows the Patient Orientation. Its positions are
nominal and relate to no other image. Where the image states no orientation, the usual one of a frontal view is assumed.
"""

import io

import highdicom as hd
import numpy as np
from jaxtyping import Float, UInt8
from pydicom import DataElement, Dataset, config, dcmwrite
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import validate_value

import dirvae
from dirvae.report.explanation_files import CAUTION, VERBS, Facts

MAKER = "dirvae"
REFERENCES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
FACTS = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
"""Attributes that DICOM asks for, if need be without a value."""
FRAMES = ("NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
SEXES = ("M", "F", "O")
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
"""What once was lost stays lost, hence it is said of what was made of it."""
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
TOWARDS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
"""The patient's directions along the axes of DICOM: left, posterior, head."""
FRONTAL = ("L", "F")
TEXT = 64  # characters of a value of type LO
GREY = Code("{grey_level}", "UCUM", "grey levels, 0 black to 1 white")
CHANGE = Code("SIGNED_CHANGE", "99DIRVAE", "Signed change of grey level with the finding")
CHEST = Code("51185008", "SCT", "Chest")


class SourceFault(ValueError):
    """An image to which no DICOM object can refer; the message says what it lacks."""


def parametric_map(source: Dataset, change: Float[np.ndarray, "rows columns"], facts: Facts) -> hd.pm.ParametricMap:
    """The signed change as float32, positive where the finding adds brightness, in grey levels from 0 (black) to 1 (white).

    Stored values are the change itself: the mapping to real-world values has slope 1 and intercept 0.

    Raises:
      SourceFault: where the source lacks a UID, or has other rows and columns than the map.
    """
    if change.shape != (source.get("Rows"), source.get("Columns")):
        raise SourceFault(f"a map of {change.shape} does not fit {source.get('Rows')} x {source.get('Columns')} pixels")
    header = placed(source)
    extent = max(1.0, float(np.abs(change).max()))
    explanation = f"Change with {_text(facts.finding)}; positive: brighter"[:TEXT]
    mapping = hd.pm.RealWorldValueMapping(
        "grey change", explanation, GREY, (-extent, extent), 1, 0, quantity_definition=CHANGE
    )
    window = hd.VOILUTTransformation(0.0, 2 * facts.scale, voi_lut_function="LINEAR_EXACT")
    made = hd.pm.ParametricMap(
        [header],
        np.asarray(change, np.float32),
        **_own(facts, f"{_text(facts.finding)}: signed change of grey level"),
        manufacturer_model_name=MAKER,
        device_serial_number=_text(facts.run)[:TEXT],
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[window],
        pixel_measures=hd.PixelMeasuresSequence(header.PixelSpacing, None),
        content_label="SIGNED_CHANGE",
        content_description=f"Signed change with {_text(facts.finding)}"[:TEXT],
        image_flavor="STATIC",
        derived_pixel_contrast="SUBTRACTION",
    )
    shared = made.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = [_anatomy()]
    if spacing(source) is None:
        del shared.PixelMeasuresSequence[0].PixelSpacing  # highdicom asks for one; the standard does not
    return _described(made, facts)


def secondary_capture(source: Dataset, picture: UInt8[np.ndarray, "height width 3"], facts: Facts) -> hd.sc.SCImage:
    """A colour picture with burnt-in text, such as `dirvae.report.capture` draws, as a secondary capture.

    Its orientation is left open, since the picture holds more than one image.

    Raises:
      SourceFault: where the source lacks a UID.
    """
    header = placed(source)
    made = hd.sc.SCImage.from_ref_dataset(
        header,
        picture,
        "RGB",
        8,
        "PATIENT",
        **_own(facts, f"{_text(facts.finding)}: image and signed change"),
        patient_orientation=FRONTAL,
    )
    made.PatientOrientation = ""
    made.ConversionType = "WSD"  # made on a workstation
    made.BurnedInAnnotation = "YES"
    for name in LOSSY:
        if name in header:
            made[name] = header[name]
    made.copy_patient_and_study_information(header)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = header.SeriesInstanceUID, [reference]
    made.SourceImageSequence, made.ReferencedSeriesSequence = [reference], [series]
    return _described(made, facts)


def as_bytes(dataset: Dataset) -> bytes:
    """A DICOM file with preamble and file meta information."""
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def placed(source: Dataset) -> Dataset:
    """A copy of the header in which what the standard asks for is there, and which lies in a plane of its own.

    A fact that is missing or cannot be a value of its kind, such as a sex of "Male", is left empty: it is unknown. Text is in UTF-8.

    Raises:
      SourceFault: where a UID is missing.
    """
    for name in REFERENCES:
        if not source.get(name):
            raise SourceFault(f"it has no {name}, by which other DICOM objects refer to it")
    header = Dataset()
    header.update({element.tag: element for element in source if element.tag.group < 0x7FE0 and _is_sound(element)})
    header.SpecificCharacterSet = "ISO_IR 192"
    for name in FACTS:
        setattr(header, name, str(header.get(name) or ""))
    if header.PatientSex not in SEXES:
        header.PatientSex = ""
    for name in FRAMES:
        header.pop(name, None)
    header.FrameOfReferenceUID, header.PositionReferenceIndicator = hd.UID(), ""
    header.ImagePositionPatient, header.ImageOrientationPatient = [0.0, 0.0, 0.0], directions(source)
    header.PixelSpacing, header.SliceThickness = spacing(source) or [1.0, 1.0], None
    return header


def directions(source: Dataset) -> list[float]:
    """The patient's directions along a row and along a column, six cosines; those of a frontal view where they are not stated."""
    stated = [str(letters)[:1] for letters in source.get("PatientOrientation") or ()]
    known = len(stated) == 2 and all(letter in TOWARDS for letter in stated)
    row, column = (TOWARDS[letter] for letter in (stated if known else FRONTAL))
    if np.dot(row, column):
        row, column = (TOWARDS[letter] for letter in FRONTAL)
    return [float(x) for x in (*row, *column)]


def spacing(source: Dataset) -> list[float] | None:
    """Millimetres between rows and between columns, or None where the image states none."""
    for name in SPACINGS:
        try:
            pair = [float(value) for value in source.get(name) or ()]
        except (TypeError, ValueError):
            continue
        if len(pair) == 2 and min(pair) > 0 and np.isfinite(pair).all():
            return pair
    return None


def _own(facts: Facts, title: str) -> dict[str, object]:
    """What both objects say of themselves, by the names of highdicom's arguments."""
    return {
        "series_instance_uid": hd.UID(),
        "series_number": 1,
        "sop_instance_uid": hd.UID(),
        "instance_number": 1,
        "manufacturer": MAKER,
        "software_versions": dirvae.__version__,
        "series_description": title[:TEXT],
        "specific_character_set": "ISO_IR 192",
        "transfer_syntax_uid": ExplicitVRLittleEndian,
    }


def _described(made: Dataset, facts: Facts) -> Dataset:
    """The object with the text that says how it came about."""
    made.DerivationDescription = (
        f"{_text(facts.finding)} {VERBS[facts.sign]} along a path through the latent space of run {_text(facts.run)}, step {facts.step}. "
        f"Probability that the classifier reads from the image: {facts.before:.3f} before, {facts.after:.3f} after. "
        "The map is what the finding adds to the image, positive where it adds brightness, in grey levels from 0 "
        "(black) to 1 (white). Each stored pixel has the mean of the map over its area. Positions in space are nominal."
    )
    made.ImageComments = CAUTION
    if "BodyPartExamined" not in made:
        made.BodyPartExamined = "CHEST"
    return made


def _anatomy() -> Dataset:
    anatomy = Dataset()
    anatomy.FrameLaterality = "U"  # not a paired part of the body
    anatomy.AnatomicRegionSequence = [hd.sr.CodedConcept.from_code(CHEST)]
    return anatomy


def _text(value: str) -> str:
    """Without the backslash, which separates values in DICOM."""
    return value.replace("\\", "/")


def _is_sound(element: DataElement) -> bool:
    """Whether the value is one of the kind that the dictionary of DICOM has for the attribute; private ones pass."""
    values = element.value if element.VM > 1 else [element.value]
    try:
        for value in values:
            if isinstance(value, str):
                validate_value(element.VR, value, config.RAISE)
    except ValueError:
        return False
    return element.tag.is_private or not dictionary_has_tag(element.tag) or element.VR in dictionary_VR(element.tag)
