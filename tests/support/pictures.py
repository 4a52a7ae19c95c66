"""Made-up pictures, and writers of the files that they come in."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
FULL_12 = {"WindowCenter": 2048, "WindowWidth": 4096}  # shows the levels 0..4095 as 0..255


def chest(height: int = 96, width: int = 96, low: int = 15, high: int = 200) -> np.ndarray:
    """uint8 [height, width]: two dark lungs in grey, a bright heart to the viewer's right, a marker in one corner: no symmetry."""
    y, x = (np.mgrid[0:height, 0:width] + 0.5) / np.asarray([height, width])[:, None, None]
    grey = np.full((height, width), 130.0)
    for middle in (0.3, 0.7):
        grey[((x - middle) / 0.16) ** 2 + ((y - 0.5) / 0.33) ** 2 < 1] = 50.0
    grey[((x - 0.58) / 0.14) ** 2 + ((y - 0.65) / 0.16) ** 2 < 1] = 185.0
    grey[(y < 0.1) & (x < 0.1)] = 255.0
    grey += 10.0 * np.sin(9.0 * x + 5.0 * y)
    grey = (grey - grey.min()) / np.ptp(grey)
    return np.rint(low + grey * (high - low)).astype(np.uint8)


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """A file written by Pillow, its format told by the suffix."""
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, **options)
    return path


def png(path: Path, levels: np.ndarray, chunks: tuple[tuple[bytes, bytes], ...] = ()) -> Path:
    """A 16-bit PNG of grey (colour type 0), grey with alpha (4) or RGB (2), with further chunks before the pixels."""
    height, width = levels.shape[:2]
    colour = {1: 0, 2: 4, 3: 2}[levels[0, 0].size]
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    pixels = zlib.compress(b"".join(b"\0" + line.astype(">u2").tobytes() for line in levels))
    whole = b"\x89PNG\r\n\x1a\n"
    for kind, data in (header, *chunks, (b"IDAT", pixels), (b"IEND", b"")):
        whole += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(whole)
    return path


def tiff(path: Path, rows: bytes, height: int, width: int, bits: int, photometric: int, order: str = "<") -> Path:
    """A grey TIFF of rows that are packed already (TIFF 6.0, section 3)."""
    kinds = {"H": 3, "I": 4}
    fields = [
        (256, "H", width),
        (257, "H", height),
        (258, "H", bits),
        (259, "H", 1),
        (262, "H", photometric),
        (273, "I", 8),
    ]
    fields += [(277, "H", 1), (278, "H", height), (279, "I", len(rows))]
    table = struct.pack(f"{order}H", len(fields))
    for tag, kind, value in fields:
        table += struct.pack(f"{order}HHI", tag, kinds[kind], 1) + struct.pack(f"{order}{kind}", value).ljust(4, b"\0")
    mark = {"<": b"II", ">": b"MM"}[order]
    path.write_bytes(mark + struct.pack(f"{order}HI", 42, 8 + len(rows)) + rows + table + bytes(4))
    return path


def dataset(levels: np.ndarray, syntax: str = EXPLICIT, bits: int = 12, **elements: object):
    """A pydicom data set of grey levels; elements that are None are left out."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4", "DX"
    made.Rows, made.Columns = levels.shape[:2]
    made.SamplesPerPixel, made.PixelRepresentation, made.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 8 * levels.dtype.itemsize, bits, bits - 1
    for name, value in elements.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    if levels.dtype.kind != "f":
        made.PixelData = levels.astype(levels.dtype.newbyteorder(">" if syntax == BIG_ENDIAN else "<")).tobytes()
        made["PixelData"].VR = "OB" if levels.dtype.itemsize == 1 else "OW"
    return made


def dicom(path: Path, levels: np.ndarray, syntax: str = EXPLICIT, bits: int = 12, **elements: object) -> Path:
    """A DICOM file of grey levels."""
    dataset(levels, syntax, bits, **elements).save_as(path, enforce_file_format=True)
    return path


def encapsulated(path: Path, stream: bytes, syntax: str, levels: np.ndarray, bits: int, **elements: object) -> Path:
    """A DICOM file whose pixels are a codec's stream."""
    from pydicom.encaps import encapsulate

    made = dataset(levels, syntax, bits, **elements)
    made.PixelData = encapsulate([stream])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    made.save_as(path, enforce_file_format=True)
    return path


def lookup(first: int, entries: np.ndarray, vr: str = "US", bits: int = 16, data_vr: str = "OW"):
    """An item of a VOI LUT sequence."""
    from pydicom import Dataset

    item = Dataset()
    item.add_new("LUTDescriptor", vr, [len(entries), first, bits])
    item.add_new(
        "LUTData", data_vr, np.asarray(entries, "<u2").tobytes() if data_vr == "OW" else list(map(int, entries))
    )
    return item
