"""Grey pixels of DICOM: padding, modality LUT or rescale, VOI LUT or window, polarity, in the order of PS3.3 C.11 and C.7.6.3."""

from typing import Any

import numpy as np

from data_prep.stored import Display, ImageError, Range, Stored, coded, depth, scaled_from_eight


def monochrome(dataset: Any) -> Stored:
    """The image of a data set of MONOCHROME1 or MONOCHROME2; turn and proportions are added by the caller."""
    from pydicom.pixels import apply_modality_lut

    bits, signed = int(dataset.BitsStored), dataset.PixelRepresentation == 1
    codes, values = coded(_pixels(dataset))
    codes, values, blank = _padded(dataset, codes, values)
    whole = bool(np.all(values[~blank] % 1 == 0)) and "PixelData" in dataset
    levels = values
    if "ModalityLUTSequence" in dataset and len(dataset.ModalityLUTSequence):
        levels = apply_modality_lut(np.where(blank, 0, values).astype(np.int64), dataset).astype(float)
        bits, signed = int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]), False
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    found = Stored(codes, levels, blank, None, "DICOM", str(dataset.PhotometricInterpretation), bits, inverted=inverted)
    found = found._replace(no_range="floating-point pixels")
    found = found.counted() if blank.any() or levels is not values else found
    occurring = _occurring(found)
    if whole and len(occurring):
        low, high = float(occurring.min()), float(occurring.max())
        found = found._replace(
            range=depth(low, high, bits, signed, exact=lambda: scaled_from_eight(levels[found.present()]))
        )
    found = _rescaled(found, dataset) if levels is values else found
    return found._replace(display=_display(dataset, found))


def _pixels(dataset: Any) -> np.ndarray:
    """The stored values [H, W]. Where HighBit says so and the pixels agree, they lie in the upper bits, which pydicom does not follow."""
    pixels, allocated = dataset.pixel_array, int(dataset.BitsAllocated)
    above = allocated - 1 - int(dataset.HighBit)
    if int(dataset.HighBit) == int(dataset.BitsStored) - 1 or above < 0 or "PixelData" not in dataset:
        return pixels
    dataset.pixel_array_options(correct_unused_bits=False)
    raw = dataset.pixel_array
    return pixels if np.array_equal(raw, pixels) else (raw << above) >> (allocated - int(dataset.BitsStored))


def _occurring(found: Stored) -> np.ndarray:
    """Levels that are picture, the smallest and the largest among them."""
    if found.counts is not None:
        return found.levels[found.present()]
    return found.levels[[found.codes.min(), found.codes.max()]]


def _rescaled(found: Stored, dataset: Any) -> Stored:
    """Levels and range after RescaleSlope and RescaleIntercept; a slope of 0, or none that is a number, changes nothing."""
    slope, intercept = (numbers(dataset, name) for name in ("RescaleSlope", "RescaleIntercept"))
    slope, intercept = (slope or [1.0])[0] or 1.0, (intercept or [0.0])[0]
    span = found.range
    if span:
        black, white = sorted((slope * span.black + intercept, slope * span.white + intercept))
        span = Range(black, white, span.bits, span.guess)
    return found._replace(levels=slope * found.levels + intercept, range=span)


def numbers(dataset: Any, keyword: str) -> list[float]:
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
    first = (numbers(dataset, "PixelPaddingValue") or [None])[0]
    if first is None:
        return codes, values, blank
    bits, allocated, signed = int(dataset.BitsStored), int(dataset.BitsAllocated), dataset.PixelRepresentation == 1
    limits = [first, (numbers(dataset, "PixelPaddingRangeLimit") or [first])[0]]
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
    """The VOI LUT, else the first window; None without either (PS3.3 C.11.2). One that means nothing is refused when it is used.

    Written out here, since pydicom's version wraps levels around beyond 16 bit, or 8 bit for a LUT of 8-bit entries, and
    inverts a window that follows a negative rescale slope.
    """
    item = (dataset.get("VOILUTSequence") or [None])[0]
    if item is not None and item.get("LUTDescriptor") and item.get("LUTData"):
        return Display(lambda levels: _look_up(levels, item, dataset, found), "VOI LUT", "its VOI LUT")
    center, width = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if not center or not width:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    words = f"its window (center {center[0]:g}, width {width[0]:g})"
    return Display(lambda levels: _window(levels, center[0], width[0], function), "window", words)


def _look_up(levels: np.ndarray, item: Any, dataset: Any, found: Stored) -> np.ndarray:
    """Shares of white by a LUT, whose own largest entry is white; levels outside its domain get the first or the last entry."""
    entries, first = int(item.LUTDescriptor[0]) or 2**16, int(item.LUTDescriptor[1])
    if dataset.PixelRepresentation == 1 and first > 2**15 - 1 and found.levels[found.present()].max() < first:
        first -= 2**16  # a signed number under an unsigned VR, as some vendors write it
    table = item.LUTData
    if isinstance(table, bytes):  # entries of 8 bit may lie two in a word
        order = "<" if dataset.original_encoding[1] else ">"
        table = np.frombuffer(table, f"{order}u2" if len(table) >= 2 * entries else np.uint8)
    table = np.atleast_1d(table).astype(np.float64)[:entries]
    table = (table - table.min()) / max(float(np.ptp(table)), 1.0)
    return table[np.clip(np.rint(np.nan_to_num(levels)) - first, 0, len(table) - 1).astype(np.int64)]


def _window(levels: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """The three functions of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if width < 1.0 if function == "LINEAR" else width <= 0.0:
        raise ImageError(f"a window of width {width:g}; --intensity=range (data.intensity) leaves it out")
    if function == "SIGMOID":
        return 0.5 + 0.5 * np.tanh(2.0 * (levels - center) / width)  # 1 / (1 + exp(-4 (x - c) / w))
    if function == "LINEAR":
        center, width = center - 0.5, max(width - 1.0, 1e-6)
    elif function != "LINEAR_EXACT":
        raise ImageError(f"the VOI LUT function {function} is not one of LINEAR, LINEAR_EXACT, SIGMOID")
    return np.clip((levels - center) / width + 0.5, 0.0, 1.0)
