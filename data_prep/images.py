"""One raw image file to one grey square of the data set's size.

The rules, none of which looks at other images:
  colour        becomes luma (ITU-R 601); what is transparent shows black
  16 bit        levels are divided by 257, so 65535 becomes 255, whatever the brightest pixel is
  DICOM         modality LUT, then VOI LUT or window, whose output range becomes 0..255 (without one, the image's own range
                does); MONOCHROME1 is inverted
  shape         black is added on both sides of the shorter axis, so that nothing is cut off or distorted
  size          a pixel is the exact average of the area it covers; smaller images grow by bilinear interpolation
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_prep.source import SourceError

MAX_PIXELS = 50_000_000  # more than twice the largest radiograph; beyond it a file is a decompression bomb
FORMATS = ("PNG", "JPEG", "JPEG2000", "TIFF", "BMP", "PPM")  # Pillow's other decoders see no untrusted file
TOO_LARGE = f"more than {MAX_PIXELS:,} pixels"


class ImageError(ValueError):
    """A file that is not a usable image; the message says why, in a few words."""


def read(path: Path, size: int) -> np.ndarray:
    """uint8 [size, size, 1].

    Raises:
      ImageError: for a missing, empty, truncated, oversized, multi-frame or non-image file.
      SourceError: for DICOM where pydicom is not installed.
    """
    try:
        if not path.is_file():
            raise ImageError("no such file")
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise ImageError(f"cannot be opened ({error.strerror})") from None
    if not head:
        raise ImageError("the file is empty")
    dicom = head[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong with a file is said once, in the list of those left out
        return square(_read_dicom(path) if dicom else _read_picture(path), size)[..., None]


def _read_picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            _check_extent(picture.width, picture.height, getattr(picture, "n_frames", 1))
            picture.load()
            return _grey(picture)
    except ImageError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, which is higher but is looked at first
        raise ImageError(TOO_LARGE) from None
    except Exception as error:  # Pillow's decoders raise many kinds; each means that there is no usable picture
        raise ImageError(f"not a readable image ({_brief(error, path)})") from None


def _check_extent(width: int, height: int, frames: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(TOO_LARGE)
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
    from pydicom.pixels import apply_modality_lut

    kind = dataset.PhotometricInterpretation
    if kind == "RGB" or kind.startswith("YBR"):
        return np.asarray(Image.fromarray(dataset.pixel_array).convert("L"))
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(f"photometric interpretation {kind} is neither grey nor RGB")
    share = _displayed(apply_modality_lut(dataset.pixel_array, dataset).astype(np.float32), dataset)
    return np.float32(255.0) * (1.0 - share if kind == "MONOCHROME1" else share)


def _displayed(levels: np.ndarray, dataset: Any) -> np.ndarray:
    """Levels as shares of white: through the VOI LUT, else the window, else their own range (DICOM PS3.3 C.11.2).

    Written out here, since pydicom's version wraps levels around beyond 16 bit, or 8 bit for a LUT of 8-bit entries, and
    inverts a window that follows a negative rescale slope.
    """
    if dataset.get("VOILUTSequence"):
        return _look_up(levels, dataset.VOILUTSequence[0], "<" if dataset.original_encoding[1] else ">")
    if None not in (dataset.get("WindowCenter"), dataset.get("WindowWidth")):
        center, width = (float(np.atleast_1d(dataset[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
        return _window(levels, center, width, dataset.get("VOILUTFunction") or "LINEAR")
    low, high = float(levels.min()), float(levels.max())
    return (levels - low) / max(high - low, 1e-6)


def _look_up(levels: np.ndarray, item: Any, byte_order: str) -> np.ndarray:
    """Entries of a LUT as shares of their range; levels outside its domain get the first or the last one."""
    entries, first = int(item.LUTDescriptor[0]) or 2**16, int(item.LUTDescriptor[1])
    table = item.LUTData
    if isinstance(table, bytes):  # entries of 8 bit may lie two in a word
        table = np.frombuffer(table, f"{byte_order}u2" if len(table) >= 2 * entries else np.uint8)
    table = np.atleast_1d(table).astype(np.float32)[:entries]
    table = (table - table.min()) / max(float(np.ptp(table)), 1.0)
    return table[np.clip(np.rint(levels) - first, 0, len(table) - 1).astype(np.int64)]


def _window(levels: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """The three functions of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if width < 1.0 if function == "LINEAR" else width <= 0.0:
        raise ImageError(f"a window of width {width:g}")
    if function == "SIGMOID":
        return 0.5 + 0.5 * np.tanh(2.0 * (levels - center) / width)  # 1 / (1 + exp(-4 (x - c) / w))
    if function == "LINEAR":
        center, width = center - 0.5, max(width - 1.0, 1e-6)
    elif function != "LINEAR_EXACT":
        raise ImageError(f"the VOI LUT function {function} is not one of LINEAR, LINEAR_EXACT, SIGMOID")
    return np.clip((levels - center) / width + 0.5, 0.0, 1.0)


def square(grey: np.ndarray, size: int) -> np.ndarray:
    """Grey levels of [0, 255], [H, W] of any shape -> uint8 [size, size], by the rules for shape and size."""
    side = max(grey.shape)
    if side >= size:
        tall = grey if grey.shape[0] == side else grey.T  # the longer axis first, which leaves the least to hold
        levels = _average(_average(tall, side, size).T, side, size)
        levels = levels.T if tall is grey else levels
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
