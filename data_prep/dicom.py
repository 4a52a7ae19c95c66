"""DICOM files as `data_prep.stored.Stored`, in every transfer syntax that the installed codecs read.

What the file says is followed, in the order of PS3.3 C.11 and C.7.6.3: padding, modality LUT or rescale, VOI LUT else window, polarity
(MONOCHROME1, or PresentationLUTShape INVERSE), PatientOrientation, pixels that are not square. A fact that is missing or makes no sense
is left out; only what is needed for the pixels makes a file unusable.
"""

import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from data_prep import geometry
from data_prep.codestreams import check_codestream, syntax_of
from data_prep.source import SourceError
from data_prep.stored import (
    MAX_BYTES,
    Display,
    ImageError,
    Range,
    Stored,
    brief,
    check_extent,
    coded,
    depth,
    scaled_from_eight,
)

INSTALL = "pip install -e '.[dicom]'"
SUFFIXES = (".dcm", ".dicom", ".dic")
UPRIGHT = {"LF": 1, "RF": 2, "RH": 3, "LH": 4, "FL": 5, "FR": 6, "HR": 7, "HL": 8}
"""The turn of a frontal by the first letters of PatientOrientation, along the rows and down the columns; upright is L, F."""
UPRIGHT |= {"AF": 1, "PF": 1, "AH": 4, "PH": 4, "FA": 6, "FP": 6, "HA": 8, "HP": 8}
"""The turn of a lateral, which only brings the head up: one on its side is turned, rows that run upwards are read downwards."""
MODALITY_RANGE = ("RescaleSlope", "RescaleIntercept")


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
    check_extent(int(dataset.Columns), int(dataset.Rows), int(dataset.get("NumberOfFrames") or 1))
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
        found = _monochrome(dataset)
    else:
        raise ImageError(f"photometric interpretation {kind} is neither grey, RGB nor a palette")
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
        codes, levels = coded(np.rint(pixels @ np.asarray([0.299, 0.587, 0.114])).astype(np.uint16))
    span = depth(float(levels[codes.min()]), float(levels[codes.max()]), bits)
    return Stored(codes, levels, np.zeros(len(levels), bool), span, "DICOM", kind, bits)


def _monochrome(dataset: Any) -> Stored:
    from pydicom.pixels import apply_modality_lut

    bits, signed = int(dataset.BitsStored), dataset.PixelRepresentation == 1
    codes, values = coded(dataset.pixel_array)
    codes, values, blank = _padded(dataset, codes, values)
    whole = bool(np.all(values[~blank] % 1 == 0)) and "PixelData" in dataset
    levels = values
    if "ModalityLUTSequence" in dataset and len(dataset.ModalityLUTSequence):
        levels = apply_modality_lut(np.where(blank, 0, values).astype(np.int64), dataset).astype(float)
        bits, signed = int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]), False
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    found = Stored(codes, levels, blank, None, "DICOM", str(dataset.PhotometricInterpretation), bits, inverted=inverted)
    found = found._replace(no_range="floating-point pixels")
    occurring = _occurring(found)
    if whole and len(occurring):
        low, high = float(occurring.min()), float(occurring.max())
        found = found._replace(
            range=depth(low, high, bits, signed, exact=lambda: scaled_from_eight(levels[found.present()]))
        )
    found = _rescaled(found, dataset) if levels is values else found
    return found._replace(display=_display(dataset, found))


def _occurring(found: Stored) -> np.ndarray:
    """Levels that are picture, the smallest and the largest among them."""
    if found.blank.any() or np.any(np.diff(found.levels) < 0):  # codes of levels with a sign are not in their order
        return found.levels[found.present()]
    return found.levels[[found.codes.min(), found.codes.max()]]


def _rescaled(found: Stored, dataset: Any) -> Stored:
    """Levels and range after RescaleSlope and RescaleIntercept; a slope of 0, or none that is a number, changes nothing."""
    slope, intercept = (_numbers(dataset, name) for name in MODALITY_RANGE)
    slope, intercept = (slope or [1.0])[0] or 1.0, (intercept or [0.0])[0]
    span = found.range
    if span:
        black, white = sorted((slope * span.black + intercept, slope * span.white + intercept))
        span = Range(black, white, span.bits, span.guess)
    return found._replace(levels=slope * found.levels + intercept, range=span)


def _numbers(dataset: Any, keyword: str) -> list[float]:
    """The finite numbers of an element; none where it is missing, empty, or cannot be read as numbers."""
    try:
        value = dataset.get(keyword)
        numbers = [] if value is None or value == "" else [float(number) for number in np.atleast_1d(value)]
    except (TypeError, ValueError):
        return []
    return numbers if np.isfinite(numbers).all() else []


def _padded(dataset: Any, codes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, stored values, and which of them are padding: PixelPaddingValue, up to PixelPaddingRangeLimit (PS3.3 C.7.5.1.1.2).

    A value that needs more than BitsStored is looked for in the pixels before their unused bits are dropped.
    """
    blank = ~np.isfinite(values)
    first = (_numbers(dataset, "PixelPaddingValue") or [None])[0]
    if first is None:
        return codes, values, blank
    bits, allocated, signed = int(dataset.BitsStored), int(dataset.BitsAllocated), dataset.PixelRepresentation == 1
    limits = [first, (_numbers(dataset, "PixelPaddingRangeLimit") or [first])[0]]
    if "PixelData" in dataset:  # an unsigned VR on signed pixels and the reverse: the same bits
        limits = [_as_stored(limit, allocated, signed) for limit in limits]
    low, high = sorted(limits)
    inside = -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1) if signed else high < 2**bits
    if not inside and bits < allocated and codes.dtype.kind == "u":
        dataset.pixel_array_options(correct_unused_bits=False)
        raw = dataset.pixel_array
        codes = np.where((raw >= low) & (raw <= high), np.uint32(len(values)), codes.astype(np.uint32))
        return codes, np.append(values, 0.0), np.append(blank, True)
    return codes, values, blank | ((values >= low) & (values <= high))


def _as_stored(value: float, bits: int, signed: bool) -> float:
    if signed and value >= 2 ** (bits - 1):
        return value - 2**bits
    return value + 2**bits if not signed and value < 0 else value


def _display(dataset: Any, found: Stored) -> Display | None:
    """The VOI LUT, else the first window; None without either (PS3.3 C.11.2).

    Written out here, since pydicom's version wraps levels around beyond 16 bit, or 8 bit for a LUT of 8-bit entries, and
    inverts a window that follows a negative rescale slope.
    """
    item = (dataset.get("VOILUTSequence") or [None])[0]
    if item is not None and "LUTDescriptor" in item and "LUTData" in item:
        return Display(partial(_look_up, **_table(item, dataset, found)), "VOI LUT", "its VOI LUT")
    center, width = _numbers(dataset, "WindowCenter"), _numbers(dataset, "WindowWidth")
    if not center or not width:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    words = f"its window (center {center[0]:g}, width {width[0]:g})"
    return Display(_window(center[0], width[0], function), "window", words)


def _table(item: Any, dataset: Any, found: Stored) -> dict[str, Any]:
    """The entries of a LUT as shares of their range, and the level of the first entry."""
    entries, first = int(item.LUTDescriptor[0]) or 2**16, int(item.LUTDescriptor[1])
    if dataset.PixelRepresentation == 1 and first > 2**15 - 1 and found.levels[found.present()].max() < first:
        first -= 2**16  # a signed number under an unsigned VR, as some vendors write it
    table = item.LUTData
    if isinstance(table, bytes):  # entries of 8 bit may lie two in a word
        order = "<" if dataset.original_encoding[1] else ">"
        table = np.frombuffer(table, f"{order}u2" if len(table) >= 2 * entries else np.uint8)
    table = np.atleast_1d(table).astype(np.float64)[:entries]
    return {"table": (table - table.min()) / max(float(np.ptp(table)), 1.0), "first": first}


def _look_up(levels: np.ndarray, table: np.ndarray, first: int) -> np.ndarray:
    """Shares of white by a LUT; levels outside its domain get the first or the last entry."""
    return table[np.clip(np.rint(np.nan_to_num(levels)) - first, 0, len(table) - 1).astype(np.int64)]


def _window(center: float, width: float, function: str) -> Callable[[np.ndarray], np.ndarray]:
    """The three functions of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if width < 1.0 if function == "LINEAR" else width <= 0.0:
        raise ImageError(f"a window of width {width:g}")
    if function == "SIGMOID":
        return lambda levels: 0.5 + 0.5 * np.tanh(2.0 * (levels - center) / width)  # 1 / (1 + exp(-4 (x - c) / w))
    if function == "LINEAR":
        center, width = center - 0.5, max(width - 1.0, 1e-6)
    elif function != "LINEAR_EXACT":
        raise ImageError(f"the VOI LUT function {function} is not one of LINEAR, LINEAR_EXACT, SIGMOID")
    return lambda levels: np.clip((levels - center) / width + 0.5, 0.0, 1.0)


def _turn(dataset: Any) -> int:
    """The key of `geometry.TURNS` by PatientOrientation; 1 where it is missing or tells of no projection of an upright body."""
    directions = dataset.get("PatientOrientation") or ()
    letters = "".join(str(direction).strip()[:1].upper() for direction in np.atleast_1d(directions))
    return UPRIGHT.get(letters, 1)


def _aspect(dataset: Any) -> float:
    """Height / width of a pixel, by PixelAspectRatio (C.7.6.3.1.7), else by the distances of rows and of columns."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        if len(sides := _numbers(dataset, keyword)) == 2:
            return geometry.usable_aspect(*sides)
    return 1.0
