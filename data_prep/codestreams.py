"""Looks into compressed pixels of DICOM before a codec sees them: is the stream whole, and as large as the file says?

Codecs differ in what they do with a stream that ends early: some raise, some hand out grey. And a stream may claim a size for
which a codec would take all memory.
"""

import struct
from typing import Any

from data_prep.stored import ImageError

END = b"\xff\xd9"  # of JPEG, JPEG-LS (EOI) and JPEG 2000 (EOC) alike
BY_FRAME = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC3: "1.2.840.10008.1.2.4.57",
    0xF7: "1.2.840.10008.1.2.4.80",
}
"""Transfer syntaxes by the marker that begins a frame (SOF) in JPEG and JPEG-LS."""
JPEG_2000, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"


def check_codestream(dataset: Any) -> None:
    """Raises ImageError for a JPEG of any kind that ends early, or is not of the file's Rows x Columns."""
    stream = _first_frame(dataset)
    extent = _extent(stream)
    if extent is None:
        return
    if not stream.rstrip(b"\0\xff").endswith(END[1:]):  # a byte of either kind may fill up an odd length
        raise ImageError("not a readable DICOM image (its compressed pixels end early)")
    if 0 not in extent and extent != (dataset.Rows, dataset.Columns):
        found, told = (" x ".join(map(str, sides)) for sides in (extent, (dataset.Rows, dataset.Columns)))
        raise ImageError(f"not a readable DICOM image (its compressed pixels are {found} where the file states {told})")


def syntax_of(dataset: Any) -> Any:
    """The transfer syntax of a data set that does not name it: by how it is written and how its pixels begin."""
    from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    implicit, little = dataset.original_encoding
    if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
        stream = _first_frame(dataset)
        if stream.startswith(b"\xff\x4f\xff\x51"):
            return UID(JPEG_2000)
        return UID(BY_FRAME.get(_frame_marker(stream)[0], RLE))
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _first_frame(dataset: Any) -> bytes:
    from pydicom.encaps import get_frame

    return bytes(get_frame(dataset.PixelData, 0, number_of_frames=1))


def _extent(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG of any kind, (0, 0) where its head does not tell them, None of another stream."""
    if stream.startswith(b"\xff\x4f\xff\x51") and len(stream) >= 24:  # JPEG 2000: SIZ follows at once
        right, bottom, left, top = struct.unpack_from(">IIII", stream, 8)
        return bottom - top, right - left
    if not stream.startswith(b"\xff\xd8"):
        return None
    marker, at = _frame_marker(stream)
    return struct.unpack_from(">HH", stream, at + 5) if marker and at + 9 <= len(stream) else (0, 0)


def _frame_marker(stream: bytes) -> tuple[int, int]:
    """The marker that begins a frame (SOF) and its place, (0, 0) where there is none."""
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            return marker, at
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", stream, at + 2)[0]
    return 0, 0
