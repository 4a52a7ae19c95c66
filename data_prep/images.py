"""One raw image file to one grey square of the data set's size.

The rules, none of which looks at other images:
  colour        becomes luma (ITU-R 601); what is transparent shows black
  16 bit        levels are divided by 257, so 65535 becomes 255, whatever the brightest pixel is
  DICOM         modality LUT, then VOI LUT or window, whose output range becomes 0..255 (without one, the image's own range
                does); MONOCHROME1 is inverted
  shape         black is added on both sides of the shorter axis, so that nothing is cut off or distorted
  size          a pixel is the exact average of the area it covers; smaller images grow by bilinear interpolation
"""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_prep.source import SourceError

MAX_PIXELS = 50_000_000  # more than twice the largest radiograph; beyond it a file is a decompression bomb
FORMATS = ("PNG", "JPEG", "JPEG2000", "TIFF", "BMP", "PPM")  # Pillow's other decoders see no untrusted file
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)


class ImageError(ValueError):
    """A file that is not a usable image; the message says why, in a few words."""


def read(path: Path, size: int) -> np.ndarray:
    """uint8 [size, size, 1].

    Raises:
      ImageError: for a missing, empty, truncated, oversized, multi-frame or non-image file.
      SourceError: for DICOM where pydicom is not installed.
    """
    if not path.is_file():
        raise ImageError("no such file")
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise ImageError(f"cannot be opened ({error.strerror})") from None
    if not head:
        raise ImageError("the file is empty")
    dicom = head[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")
    return square(_read_dicom(path) if dicom else _read_picture(path), size)[..., None]


def _read_picture(path: Path) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                _check_extent(picture.width, picture.height, getattr(picture, "n_frames", 1))
                picture.load()
                return _grey(picture)
    except ImageError:
        raise
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise ImageError(f"not a readable image ({_brief(error, path)})") from None


def _check_extent(width: int, height: int, frames: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")
    if frames > 1:
        raise ImageError(f"the file holds {frames} frames; one is needed")


def _brief(error: Exception, path: Path) -> str:
    """The first line of a decoder's message, without the folder, so that lists of reasons group and travel."""
    lines = str(error).replace(str(path), path.name).splitlines()
    return lines[0][:100] if lines else type(error).__name__


def _grey(picture: Image.Image) -> np.ndarray:
    """[H, W], grey levels of [0, 255], uint8 or float32."""
    if picture.mode == "F":
        raise ImageError("floating-point pixels have no stated range; convert them to 8 or 16 bit")
    if picture.mode.startswith("I"):
        levels = np.asarray(picture).astype(np.float32)
        if levels.min() < 0 or levels.max() > 65535:
            raise ImageError("integer pixels outside 0..65535 have no stated range; convert them to 16 bit")
        return levels / np.float32(257.0)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layered.size, (0, 0, 0, 255)), layered).convert("RGB")
    return np.asarray(picture.convert("L"))


def _read_dicom(path: Path) -> np.ndarray:
    try:
        import pydicom
    except ImportError:
        raise SourceError(f"{path} is DICOM, which needs pydicom to read: pip install 'dirvae[dicom]'") from None
    try:
        dataset = pydicom.dcmread(path)
        _check_extent(int(dataset.Columns), int(dataset.Rows), int(dataset.get("NumberOfFrames") or 1))
        return _dicom_grey(dataset)
    except ImageError:
        raise
    except Exception as error:  # pydicom and its decoders raise many kinds; each means that there is no usable picture
        raise ImageError(f"not a readable DICOM image ({_brief(error, path)})") from None


def _dicom_grey(dataset: Any) -> np.ndarray:
    """[H, W], grey levels of [0, 255], of a pydicom dataset with one frame."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    kind = dataset.PhotometricInterpretation
    if kind == "RGB" or kind.startswith("YBR"):
        return np.asarray(Image.fromarray(dataset.pixel_array).convert("L"))
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(f"photometric interpretation {kind} is neither grey nor RGB")
    levels = apply_modality_lut(dataset.pixel_array, dataset)
    low, high = float(levels.min()), float(levels.max())
    if dataset.get("VOILUTSequence") or dataset.get("WindowWidth") is not None:
        beyond = np.asarray([[-(2**20), 2**20]], np.int32)  # any X-ray's levels lie between; maps to the output's ends
        with np.errstate(over="ignore"):  # of the sigmoid's exponential, which then is 1 / infinity, as it should be
            ends = apply_voi_lut(beyond, dataset)
            levels = apply_voi_lut(np.rint(levels).astype(np.int32), dataset)
        low, high = float(ends.min()), float(ends.max())
    share = np.clip((levels.astype(np.float32) - low) / max(high - low, 1e-6), 0.0, 1.0)
    return np.float32(255.0) * (1.0 - share if kind == "MONOCHROME1" else share)


def square(grey: np.ndarray, size: int) -> np.ndarray:
    """Grey levels of [0, 255], [H, W] of any shape -> uint8 [size, size], by the rules for shape and size."""
    side = max(grey.shape)
    if side >= size:
        levels = _average(_average(grey, side, size).T, side, size).T
    else:
        top, left = ((side - extent) // 2 for extent in grey.shape)
        padded = np.zeros((side, side), np.float32)
        padded[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
        levels = np.asarray(Image.fromarray(padded).resize((size, size), Image.Resampling.BILINEAR))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _average(grey: np.ndarray, side: int, size: int) -> np.ndarray:
    """[n, m] -> [size, m]: means over `size` equal cells of the first axis, which lies centred in `side` pixels of 0.

    With F(t) the integral of the axis from 0 to t, piecewise linear, a cell from s to t has the mean (F(t) - F(s))/(t - s).
    """
    n = grey.shape[0]
    edges = np.clip(np.linspace(0.0, side, size + 1) - (side - n) // 2, 0, n)
    whole = np.minimum(edges.astype(np.int64), n - 1)
    integral = np.zeros((n + 1, grey.shape[1]))
    np.cumsum(grey, axis=0, dtype=np.float64, out=integral[1:])
    at_edges = integral[whole] + (edges - whole)[:, None] * grey[whole]
    return np.diff(at_edges, axis=0) * (size / side)
