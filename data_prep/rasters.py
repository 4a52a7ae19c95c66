"""PNG, JPEG, TIFF, WebP and the other files that Pillow reads, as `data_prep.stored.Stored`.

What a file says of itself is followed: Orientation (Exif in JPEG, PNG and WebP, tag 274 of TIFF), WhiteIsZero of TIFF at any depth,
significant bits of PNG, unequal resolutions in the two directions, transparency. The formats are told by their content, not
by the file's name.
"""

from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from data_prep import geometry, tags
from data_prep.stored import (
    TOO_LARGE,
    ImageError,
    Range,
    Stored,
    brief,
    check_extent,
    coded,
    depth,
    opacity,
    scaled_from_eight,
)

FORMATS = (
    "PNG",
    "JPEG",
    "JPEG2000",
    "TIFF",
    "BMP",
    "PPM",
    "WEBP",
)  # Pillow's other decoders see no untrusted file
HEADS = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"RIFF",
    b"BM",
    b"\0\0\0\x0cjP",
    b"\xff\x4f\xff\x51",
)
"""How files of these formats begin."""
LUMA = np.asarray([0.299, 0.587, 0.114])  # ITU-R 601
OTHER_BYTES = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGB;16N": "RGB;16B"}
"""Pillow's raw modes of RGB with 16 bit a sample, and those that take the other byte of each."""
STRANGERS = {
    b"GIF8": "GIF, which holds 256 colours; save it as PNG",
    b"%PDF": "PDF; save its image as PNG",
    b"PK\3\4": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL": "JPEG XL",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs": "a pointer of Git LFS instead of the file itself",
    b"<!doctype": "a web page, as a failed download leaves it",
    b"<html": "a web page, as a failed download leaves it",
    b"<?xml": "XML, as a failed download leaves it",
    b"<error": "XML, as a failed download leaves it",
    b"{": "JSON, as a failed download leaves it",
}
"""How files begin that are found in place of images, and what they are; text in small letters stands for either case."""


def stored(file: BinaryIO, name: str) -> Stored:
    """The image of an open file whose name is told in messages.

    Raises:
      ImageError: for a file that is no image of `FORMATS`, is damaged, too large, or holds several frames.
    """
    try:
        file, white_is_zero = tags.white_is_zero(file)
        with Image.open(file, formats=FORMATS) as picture:
            frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)  # MPO: previews follow the image
            check_extent(picture.width, picture.height, frames)
            turn = _turn(picture) if picture.format == "TIFF" else 0  # which Pillow turns, and then forgets
            deep_colour = any(mode in str(picture.tile) for mode in OTHER_BYTES)
            picture.load()
            kept = _stored(picture, file)
            if deep_colour and kept.codes.max() < 64:
                kept = _deep_colour(kept, picture, file)
            if turn:
                kept = kept._replace(codes=geometry.TURNS[turn].undo(kept.codes))
            return kept._replace(turn=turn or _turn(picture), inverted=white_is_zero, aspect=_aspect(picture))
    except ImageError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, which is higher but is looked at first
        raise ImageError(TOO_LARGE) from None
    except UnidentifiedImageError:
        raise ImageError("not a readable image (of no known format)") from None
    except Exception as error:  # Pillow's decoders raise many kinds; each means that there is no usable picture
        raise ImageError(f"not a readable image ({brief(error, name)})") from None


def stranger(head: bytes) -> str:
    """What a file is that begins with `head` and is found in place of an image; nothing where it may be one."""
    if head[4:8] == b"ftyp":
        return f"{head[8:12].decode('ascii', 'replace').upper()}, a video or HEIF container"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next(
        (kind for start, kind in STRANGERS.items() if head.startswith(start) or text.lower().startswith(start)), ""
    )


def _turn(picture: Image.Image) -> int:
    """The key of `geometry.TURNS` that the file states; 1 where it states none or a broken one."""
    try:
        turn = picture.getexif().get(274, 1)
    except Exception:  # an odd fact is unknown; the picture is there
        return 1
    return turn if turn in geometry.TURNS else 1


def _aspect(picture: Image.Image) -> float:
    """Height / width of a pixel, from dots per length across and down, or from the pixels' proportions where no length is told."""
    info = picture.info
    across, down = info.get("aspect") or info.get("jfif_density") or info.get("dpi") or info.get("resolution") or (1, 1)
    try:
        return geometry.usable_aspect(float(across), float(down))
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0


def _stored(picture: Image.Image, file: BinaryIO) -> Stored:
    """What a loaded picture holds; turn, polarity and proportions are added by the caller."""
    container, mode = str(picture.format), picture.mode
    if mode == "F" or mode.startswith("I"):
        return _deep(picture, file)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        lowest, highest = layered.getchannel("A").getextrema()
        if lowest == highest > 0:  # no pixel hides more than another, so the channel says nothing of the image
            layered.putalpha(255)
        opaque = (
            Image.alpha_composite(Image.new("RGBA", layered.size, (0, 0, 0, 255)), layered).convert("RGB").convert("L")
        )
        codes, levels, blank = opacity(np.asarray(opaque), np.asarray(layered.getchannel("A")))
        return Stored(codes, levels, blank, Range(0, 255, 8), container, mode, 8)
    codes = np.asarray(picture if mode == "L" else picture.convert("L"))
    return Stored(
        codes, np.arange(256.0), np.zeros(256, bool), Range(0, 255, 8), container, mode, 1 if mode == "1" else 8
    )


def _deep(picture: Image.Image, file: BinaryIO) -> Stored:
    """Integers of more than 8 bit, or floats."""
    pixels = np.asarray(picture)
    codes, levels = coded(pixels)
    blank = ~np.isfinite(levels)
    if "transparency" in picture.info:
        blank |= levels == picture.info["transparency"]
    kept = Stored(codes, levels, blank, None, str(picture.format), picture.mode, 8 * pixels.dtype.itemsize)
    if picture.mode == "F":
        return kept._replace(no_range="floating-point pixels")
    low, high = (float(levels[code]) for code in (codes.min(), codes.max()))
    if low < 0 or high > 65535:
        return kept._replace(no_range="integer pixels outside 0..65535")
    return kept._replace(range=_range(picture, file, low, high, codes, levels), bits=16)


def _deep_colour(kept: Stored, picture: Image.Image, file: BinaryIO) -> Stored:
    """Luma of 16 bit of a dark RGB image, of which Pillow keeps the upper bytes only; the lower ones are had in the other order."""
    with Image.open(file, formats=FORMATS) as lower:
        lower.tile = [tile._replace(args=_other_order(tile.args)) for tile in lower.tile]
        lower.load()
        channels = 256.0 * np.asarray(picture) + np.asarray(lower)
    codes, levels = coded(np.rint(channels @ LUMA).astype(np.uint16))
    span = depth(float(codes.min()), float(codes.max()), 16, exact=lambda: scaled_from_eight(levels[np.unique(codes)]))
    return kept._replace(codes=codes, levels=levels, blank=np.zeros(len(levels), bool), range=span, bits=16)


def _other_order(arguments: Any) -> Any:
    """A tile's arguments, a raw mode or a tuple that begins with one, with the bytes of a sample exchanged."""
    if isinstance(arguments, str):
        return OTHER_BYTES.get(arguments, arguments)
    return (_other_order(arguments[0]), *arguments[1:])


def _range(
    picture: Image.Image, file: BinaryIO, low: float, high: float, codes: np.ndarray, levels: np.ndarray
) -> Range:
    """Black and white of levels of up to 16 bit.

    PNG's sBIT states how many bits an image had before its levels were scaled to 16. Some writers state it and do not scale: where
    no level needs more than these bits, the levels count as not scaled.
    """
    told = tags.significant_bits(file) if picture.format == "PNG" else _bits_per_sample(picture)
    if told < 16 and high < 2**told:
        return Range(0, 2**told - 1, told)
    if told < 16:
        return Range(0, 65535, told)
    return depth(low, high, 16, exact=lambda: scaled_from_eight(levels[np.unique(codes)]))


def _bits_per_sample(picture: Image.Image) -> int:
    tags = getattr(picture, "tag_v2", {})
    return min(16, tags.get(258, (16,))[0])
