"""Radiographs as DICOM datasets, made of an array and a few facts."""

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"


def radiograph(pixels: np.ndarray, **elements: object) -> pydicom.Dataset:
    """Grey levels uint8 [rows, columns] whose window shows them as they are; an element of value None is absent."""
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = DIGITAL_XRAY, "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    dataset.Modality, dataset.BodyPartExamined = "DX", "CHEST"
    dataset.PatientOrientation, dataset.ImagerPixelSpacing = ["L", "F"], [0.15, 0.15]
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = "127.5", "255", "LINEAR_EXACT"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    for name, value in elements.items():
        if value is None:
            dataset.pop(name, None)
        else:
            setattr(dataset, name, value)
    return dataset
