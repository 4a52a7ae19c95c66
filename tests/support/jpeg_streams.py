"""JPEG streams of 2 to 16 bit that Pillow cannot write: lossless ones, and a sequential one of constant 8 x 8 blocks (ITU-T T.81)."""

import struct

import numpy as np

CODES = 17  # categories of differences, each with a code of five bits


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _table(kind: int, symbols: bytes) -> bytes:
    """A Huffman table in which symbol number i has the five bits of i."""
    return _segment(0xC4, bytes([kind]) + bytes([0, 0, 0, 0, len(symbols), *([0] * 11)]) + symbols)


def _difference(value: int) -> str:
    """The bits of a difference: its category, then the value in that many bits, negative ones less one (F.1.2.1)."""
    category = abs(value).bit_length()
    tail = "" if category in (0, 16) else format(value if value > 0 else value + 2**category - 1, f"0{category}b")
    return format(category, "05b") + tail


def _packed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def lossless(levels: np.ndarray, bits: int, predictor: int = 1) -> bytes:
    """Process 14 (SOF3), predictor 1 (the pixel to the left) or 2 (the one above), of unsigned levels [H, W]."""
    height, width = levels.shape
    signed = levels.astype(int)
    guess = np.empty_like(signed)
    guess[1:, 1:] = signed[1:, :-1] if predictor == 1 else signed[:-1, 1:]
    guess[0, 1:], guess[1:, 0] = signed[0, :-1], signed[:-1, 0]
    guess[0, 0] = 2 ** (bits - 1)
    frame = _segment(0xC3, struct.pack(">BHHBBBB", bits, height, width, 1, 1, 0x11, 0))
    scan = _segment(0xDA, bytes([1, 1, 0, predictor, 0, 0]))
    coded = _packed("".join(map(_difference, (signed - guess).ravel().tolist())))
    return b"\xff\xd8" + _table(0, bytes(range(CODES))) + frame + scan + coded + b"\xff\xd9"


def sequential(blocks: np.ndarray, bits: int) -> bytes:
    """Process 4 (SOF1), of an image whose 8 x 8 blocks have one level each: [H / 8, W / 8] levels, coded exactly."""
    height, width = (8 * side for side in blocks.shape)
    constants = 8 * (blocks.astype(int) - 2 ** (bits - 1)).ravel()
    frame = _segment(0xC1, struct.pack(">BHHBBBB", bits, height, width, 1, 1, 0x11, 0))
    tables = _segment(0xDB, bytes([0, *([1] * 64)])) + _table(0x00, bytes(range(CODES))) + _table(0x10, b"\0\1")
    coded = _packed("".join(_difference(int(step)) + "00000" for step in np.diff(constants, prepend=0)))
    return b"\xff\xd8" + tables + frame + _segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + coded + b"\xff\xd9"
