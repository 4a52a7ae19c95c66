"""One raw image file to one grey square of the data set's size.

The rules: colour becomes luma (ITU-R 601), transparency lies on black, 16-bit levels are divided by 257, DICOM goes through
its VOI LUT (or its own range), MONOCHROME1 is inverted. The shorter side is padded with black to a square, so that nothing
is cut off or distorted, then areas are averaged (bilinear where an image has to grow).
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 100_000_000  # a larger picture is no radiograph but a decompression bomb


class ImageError(ValueError):
    """A file that is not a usable image; the message says why."""


def read(path: Path, size: int) -> np.ndarray:
    """uint8 [size, size, 1].

    Raises:
      ImageError: for a missing, truncated, oversized, multi-frame or non-image file.
    """
    if not path.is_file():
        raise ImageError("no such file")
    if path.stat().st_size == 0:
        raise ImageError("the file is empty")
    with path.open("rb") as file:
        head = file.read(132)
    grey = (
        _read_dicom(path)
        if head[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")
        else _read_picture(path)
    )
    return square(grey, size)[..., None]


def _read_picture(path: Path) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise ImageError(f"{picture.width} x {picture.height} pixels are more than {MAX_PIXELS:,}")
                picture.load()
                return _grey(picture)
    except ImageError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"not a readable image ({str(error).splitlines()[0][:100]})") from None


def _grey(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I") or picture.mode == "F":
        levels = np.asarray(picture, np.float32)
        return np.clip(levels / (257.0 if levels.max(initial=0) > 255 else 1.0), 0, 255)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layered.size, (0, 0, 0, 255)), layered)
    return np.asarray(picture.convert("L"), np.float32)


def _read_dicom(path: Path) -> np.ndarray:
    try:
        import pydicom
        from pydicom.pixels import apply_voi_lut
    except ImportError:
        raise ImageError("reading DICOM needs pydicom: pip install 'dirvae[dicom]'") from None
    try:
        dataset = pydicom.dcmread(path)
        if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
            raise ImageError(f"the DICOM holds {dataset.NumberOfFrames} frames; one is needed")
        levels = np.asarray(apply_voi_lut(dataset.pixel_array, dataset), np.float32)
    except ImageError:
        raise
    except Exception as error:  # pydicom and its decoders raise many kinds; each means that there is no usable picture
        raise ImageError(f"not a readable DICOM image ({str(error).splitlines()[0][:100]})") from None
    if levels.ndim == 3:
        levels = levels.mean(axis=-1)
    low, high = float(levels.min()), float(levels.max())
    grey = (levels - low) / max(high - low, 1e-6) * 255.0
    return 255.0 - grey if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def square(grey: np.ndarray, size: int) -> np.ndarray:
    """Grey levels of [0, 255], any shape [H, W] -> uint8 [size, size]."""
    side = max(grey.shape)
    top, left = (side - grey.shape[0]) // 2, (side - grey.shape[1]) // 2
    padded = np.zeros((side, side), np.float32)
    padded[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    if side != size:
        method = Image.Resampling.BOX if side > size else Image.Resampling.BILINEAR
        padded = np.asarray(Image.fromarray(padded, mode="F").resize((size, size), method))
    return np.clip(np.rint(padded), 0, 255).astype(np.uint8)
