"""One raw image file to one grey square of the data set's size.

The rules, none of which looks at other images:
  file          PNG, JPEG, JPEG 2000, TIFF, WebP, BMP, PNM (`data_prep.rasters`) or DICOM (`data_prep.dicom`), told by content
  colour        becomes luma (ITU-R 601); what is transparent shows black
  intensity     as `data_prep.intensity` says: what the file declares, or the image's own range
  16 bit        65535 becomes 255. Levels that all stay below 2**8, 2**10, 2**12 or 2**14 count as levels of so many bits
                (`data_prep.stored.depth`)
  DICOM         modality LUT, then VOI LUT or window, whose output range becomes 0..255; without one, 2**BitsStored - 1 becomes
                255. Padding is black. MONOCHROME1 is inverted
  orientation   upright, by what the file says of itself
  shape, size   black bars and exact averages (`data_prep.geometry`)
"""

import io
import warnings
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from data_prep import dicom, quality, rasters
from data_prep.geometry import Frame
from data_prep.intensity import grey
from data_prep.stored import MAX_BYTES, ImageError, Stored, check_extent

__all__ = ["Facts", "ImageError", "Picture", "picture", "read"]


class Facts(NamedTuple):
    """What a file says of its image, in small values for a manifest.

    `height` and `width` are those of the stored pixels. `kind` is Pillow's mode or DICOM's photometric interpretation. `turned` is the
    Orientation that was undone (1: none), `aspect` the height / width of a stored pixel. `shown_by` names what set black and white: a
    `window` or `VOI LUT` of DICOM, `declared bits`, `levels` where the depth was told from the levels themselves, or another rule of
    `data_prep.intensity`. `bits` is the depth that was used. `blank` is the share of stored pixels that are padding or transparent.
    """

    format: str
    kind: str
    height: int
    width: int
    bits: int
    turned: int
    aspect: float
    inverted: bool
    shown_by: str
    blank: float


class Picture(NamedTuple):
    """An image uint8 [size, size, 1], the frame that takes boxes and masks of the stored image to it, facts and verdicts."""

    image: np.ndarray
    frame: Frame
    facts: Facts
    warnings: tuple[quality.Verdict, ...]


def read(path: Path, size: int) -> np.ndarray:
    """uint8 [size, size, 1].

    Raises:
      ImageError: for a missing, empty, truncated, oversized, multi-frame or non-image file.
      SourceError: for DICOM where pydicom is not installed.
    """
    return picture(path, size).image


def picture(file: Any, size: int, intensity: str = "declared", name: str = "") -> Picture:
    """The picture of a file: a path (any object with `open`, also of a remote file system) or an open binary file.

    `name`, with its suffix, stands for an open file in messages; `intensity` is a key of `data_prep.intensity.RULES`.

    Raises:
      ImageError: for a missing, empty, truncated, oversized, multi-frame or non-image file.
      SourceError: for DICOM where pydicom is not installed.
      ConfigError: for an unknown rule.
    """
    file = Path(file) if isinstance(file, str) else file
    name = name or Path(str(getattr(file, "name", "") or "an open file")).name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong with a file is said once, in the list of those left out
        stored = _stored(file, name)
        frame = Frame(*stored.codes.shape, size, stored.turn, stored.aspect)
        check_extent(*frame.extent, frames=1)  # pixels that are not square may be many once they are
        image = frame.square(grey(stored, intensity))[..., None]
    facts = _facts(stored, intensity)
    return Picture(image, frame, facts, _verdicts(image, facts))


def grey_levels(file: Any, intensity: str = "declared") -> np.ndarray:
    """Grey levels of [0, 255], float32 [height, width], of every stored pixel, not turned; what `picture` shows at full size.

    It raises as `picture` does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(grey(_stored(file, Path(file).name), intensity), np.float32)


def _stored(file: Any, name: str) -> Stored:
    """What a path or an open file stores."""
    if isinstance(file, io.BytesIO):
        return _of_stream(file, name)
    if not hasattr(file, "open"):
        return _of_stream(io.BytesIO(file.read(MAX_BYTES + 1)), name)
    try:
        if not file.is_file():
            raise ImageError("no such file")
        with file.open("rb") as stream:
            return _of_stream(stream, name) if isinstance(file, Path) else _stored(stream, name)
    except OSError as error:
        raise ImageError(f"cannot be opened ({error.strerror or type(error).__name__})") from None


def _of_stream(file: BinaryIO, name: str) -> Stored:
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not length:
        raise ImageError("the file is empty")
    if length > MAX_BYTES:
        raise ImageError(f"more than {MAX_BYTES:,} bytes")
    head = file.read(132)
    suffix = Path(name).suffix
    marked = head[128:] == b"DICM"
    raster = head.startswith(rasters.HEADS) and not marked
    if not marked and (kind := rasters.stranger(head)):
        raise ImageError(f"not a readable image ({kind})")
    return (rasters if raster or not dicom.is_dicom(head, suffix) else dicom).stored(file, name)


def _facts(stored: Stored, rule: str) -> Facts:
    span = stored.range
    shown_by = "levels" if span and span.guess else "declared bits"
    if rule != "declared" or stored.display:
        shown_by = stored.display.kind if rule == "declared" else rule
    return Facts(
        format=stored.format,
        kind=stored.kind,
        height=stored.codes.shape[0],
        width=stored.codes.shape[1],
        bits=span.bits if span else stored.bits,
        turned=stored.turn,
        aspect=round(stored.aspect, 4),
        inverted=bool(stored.inverted),
        shown_by=shown_by,
        blank=round(stored.hidden(), 4),
    )


def _verdicts(image: np.ndarray, facts: Facts) -> tuple[quality.Verdict, ...]:
    """The verdicts on the finished image, and those that only its file gives away."""
    hidden = facts.blank > (0.5 if facts.format == "DICOM" else 0.01)  # padding is usual, holes in a picture are not
    small = 2 * max(facts.height * max(facts.aspect, 1.0), facts.width / min(facts.aspect, 1.0)) < len(image)
    found = ("transparent",) * hidden + ("depth",) * (facts.shown_by == "levels") + ("enlarged",) * small
    return quality.verdicts(image) + tuple(map(quality.Verdict, found))
