"""DICOM files as `data_prep.stored.Stored`, in every transfer syntax that the installed codecs read.

What the file says is followed, in the order of PS3.3 C.11 and C.7.6.3: padding, modality LUT or rescale, VOI LUT else window, polarity
(MONOCHROME1, or PresentationLUTShape INVERSE), PatientOrientation, pixels that are not square. A fact that is missing or makes no sense
is left out; only what is needed for the pixels makes a file unusable.
"""

import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from data_prep import geometry
from data_prep.codestreams import check_codestream, syntax_of
from data_prep.dicom_grey import monochrome, numbers
from data_prep.source import SourceError
from data_prep.stored import (
    MAX_BYTES,
    ImageError,
    Stored,
    brief,
    check_extent,
    coded,
    depth,
)

INSTALL = "pip install -e '.[dicom]'"
SUFFIXES = (".dcm", ".dicom", ".dic")
UPRIGHT = {"LF": 1, "RF": 2, "RH": 3, "LH": 4, "FL": 5, "FR": 6, "HR": 7, "HL": 8}
"""The turn of a frontal by the first letters of PatientOrientation, along the rows and down the columns; upright is L, F."""
UPRIGHT |= {"AF": 1, "PF": 1, "AH": 4, "PH": 4, "FA": 6, "FP": 6, "HA": 8, "HP": 8}
"""The turn of a lateral, which only brings the head up: one on its side is turned, rows that run upwards are read downwards."""


def is_dicom(head: bytes, suffix: str) -> bool:
    """Whether a file is DICOM, by its first 132 bytes; without the mark at byte 128 by its first element, else by its suffix."""
    if head[128:132] == b"DICM" or suffix.lower() in SUFFIXES:
        return True
    group, element = struct.unpack_from("<HH", head) if len(head) >= 8 else (0, 0)
    if group not in (0x0002, 0x0008) or element > 0x0080:
        return False
    return head[4:6] in (b"UL", b"UI", b"CS", b"OB", b"LO", b"DA", b"SH") or struct.unpack_from("<I", head, 4)[0] < 1024


def stored(file: BinaryIO, name: str) -> Stored:
    """The image of an open file whose name is told in messages.

    Raises:
      ImageError: for a file without pixels, with several frames, damaged, or whose codec is not installed.
      SourceError: where pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise SourceError(f"{name} is DICOM, which needs pydicom to read: {INSTALL}") from None
    try:
        _check_deflated(file)
        dataset = pydicom.dcmread(file, force=True)
        _check_pixels(dataset)
        return _stored(dataset)
    except ImageError:
        raise
    except Exception as error:  # pydicom and its decoders raise many kinds; each means that there is no usable picture
        raise ImageError(f"not a readable DICOM image ({brief(error, name)})") from None


def _check_deflated(file: BinaryIO) -> None:
    """Raises ImageError for a deflated data set (PS3.5 A.5) of more than `MAX_BYTES`; pydicom inflates without limit."""
    file.seek(0)
    head = file.read(1024)
    if head[128:132] == b"DICM" and b"1.2.840.10008.1.2.1.99" in head:
        file.seek(144 + struct.unpack_from("<I", head, 140)[0])  # behind the meta information
        if len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), MAX_BYTES + 1)) > MAX_BYTES:
            raise ImageError(f"a deflated data set of more than {MAX_BYTES:,} bytes")
    file.seek(0)


def _check_pixels(dataset: Any) -> None:
    """Fills in what old files leave out, and refuses a file whose pixels cannot be one picture or cannot be decoded here."""
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        kind = getattr(dataset.get("SOPClassUID"), "name", "") or dataset.get("Modality", "")
        raise ImageError(
            f"a DICOM file without pixels ({kind})" if kind else "not a readable DICOM image (no pixels in it)"
        )
    _flatten(dataset)
    if not (dataset.get("Rows") and dataset.get("Columns")):
        raise ImageError("not a readable DICOM image (Rows and Columns are not stated)")
    frames = numbers(dataset, "NumberOfFrames")
    if not frames and "NumberOfFrames" in dataset:
        del dataset.NumberOfFrames  # which is no number
    check_extent(int(dataset.Columns), int(dataset.Rows), int((frames or [1])[0]))
    samples = dataset.get("SamplesPerPixel") or 1
    allocated = dataset.get("BitsAllocated") or 16
    defaults = {
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "MONOCHROME2" if samples == 1 else "RGB",
        "BitsAllocated": allocated,
        "BitsStored": allocated,
        "HighBit": (dataset.get("BitsStored") or allocated) - 1,
        "PixelRepresentation": 0,
    } | ({"PlanarConfiguration": 0} if samples > 1 else {})
    for keyword, value in defaults.items():
        if dataset.get(keyword) is None:
            setattr(dataset, keyword, value)
    _check_codec(dataset)


def _flatten(dataset: Any) -> None:
    """Gives an enhanced file of one frame the elements of its functional groups (PS3.3 C.7.6.16), where it has none of its own."""
    for keyword in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for groups in list(dataset.get(keyword) or [])[:1]:
            for group in (items[0] for items in (element.value for element in groups if element.VR == "SQ") if items):
                for element in group:
                    dataset.setdefault(element.tag, element)


def _check_codec(dataset: Any) -> None:
    from pydicom.pixels import get_decoder

    if not dataset.file_meta.get("TransferSyntaxUID"):
        dataset.file_meta.TransferSyntaxUID = syntax_of(dataset)
    uid = dataset.file_meta.TransferSyntaxUID
    if not uid.is_transfer_syntax or uid.is_private:
        raise ImageError(f"the transfer syntax {uid.name} is not one of an image")
    try:
        decoder = get_decoder(uid)
    except NotImplementedError:
        raise ImageError(f"the transfer syntax {uid.name} has no codec that pydicom knows") from None
    if not decoder.is_available:
        needs = "; or ".join(" and ".join(entry.split(" - requires ")[1:]) for entry in decoder.missing_dependencies)
        raise ImageError(f"{uid.name} needs a codec that is not installed ({needs}): {INSTALL}")
    if uid.is_encapsulated:
        check_codestream(dataset)


def _stored(dataset: Any) -> Stored:
    kind = str(dataset.PhotometricInterpretation)
    if kind == "PALETTE COLOR" or dataset.SamplesPerPixel > 1:
        found = _colour(dataset, kind)
    elif kind in ("MONOCHROME1", "MONOCHROME2"):
        found = monochrome(dataset)
    else:
        raise ImageError(f"photometric interpretation {kind} is neither grey, RGB nor a palette")
    if found.codes.ndim != 2:
        raise ImageError(f"the file holds {len(found.codes)} frames; one is needed")
    return found._replace(turn=_turn(dataset), aspect=_aspect(dataset))


def _colour(dataset: Any, kind: str) -> Stored:
    """Luma (ITU-R 601), of 8 bit as Pillow rounds it, else rounded to whole levels."""
    from pydicom.pixels import apply_color_lut

    pixels, bits = dataset.pixel_array, int(dataset.BitsStored)
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)[..., :3]
        bits = 8 * pixels.dtype.itemsize
    if pixels.dtype == np.uint8:
        codes, levels = coded(np.asarray(Image.fromarray(pixels).convert("L")))
    else:
        codes, levels = coded(np.rint(pixels @ np.asarray([0.299, 0.587, 0.114])).astype(np.uint32))
    span = depth(float(levels[codes.min()]), float(levels[codes.max()]), bits)
    return Stored(codes, levels, np.zeros(len(levels), bool), span, "DICOM", kind, bits)


def _turn(dataset: Any) -> int:
    """The key of `geometry.TURNS` by PatientOrientation; 1 where it is missing or tells of no projection of an upright body."""
    directions = dataset.get("PatientOrientation") or ()
    letters = "".join(str(direction).strip()[:1].upper() for direction in np.atleast_1d(directions))
    return UPRIGHT.get(letters, 1)


def _aspect(dataset: Any) -> float:
    """Height / width of a pixel, by PixelAspectRatio (C.7.6.3.1.7), else by the distances of rows and of columns."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        if len(sides := numbers(dataset, keyword)) == 2:
            return geometry.usable_aspect(*sides)
    return 1.0
