"""What PNG and TIFF files say of their levels and Pillow does not hand on: significant bits, and whether 0 is white."""

import io
import struct
from typing import BinaryIO


def significant_bits(file: BinaryIO) -> int:
    """Bits of the first channel by the sBIT chunk (PNG 11.3.2.5), 16 where there is none."""
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        length = struct.unpack(">I", head[:4])[0]
        if head[4:] == b"sBIT":
            bits = file.read(1)
            return bits[0] if bits and 0 < bits[0] <= 16 else 16
        file.seek(length + 4, io.SEEK_CUR)
    return 16


def white_is_zero(file: BinaryIO) -> tuple[BinaryIO, bool]:
    """The file, and whether it is a grey TIFF whose 0 is white; such a file is handed on as one whose 0 is black.

    Pillow turns over some depths, leaves others as they are, and refuses the rest. So tag 262 (PhotometricInterpretation) is read
    and mended here, before Pillow sees it (TIFF 6.0, section 8; BigTIFF for version 43).
    """
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16 or (version := struct.unpack_from(f"{order}H", head, 2)[0]) not in (42, 43):
        return file, False
    whole = bytearray(file.read())
    file.seek(0)
    start, count, entry = (4, "H", "HHI4x") if version == 42 else (8, "Q", "HHQ8x")
    table = struct.unpack_from(f"{order}{'I' if version == 42 else 'Q'}", head, start)[0]
    entries = struct.unpack_from(f"{order}{count}", whole, table)[0]
    for place in range(min(entries, 4096)):
        at = table + struct.calcsize(count) + place * struct.calcsize(f"={entry}")
        value = at + struct.calcsize(f"={entry}") - (4 if version == 42 else 8)
        tag, kind, number = struct.unpack_from(f"{order}{entry}", whole, at)
        if (tag, kind, number) == (262, 3, 1) and struct.unpack_from(f"{order}H", whole, value)[0] == 0:
            struct.pack_into(f"{order}H", whole, value, 1)
            return io.BytesIO(bytes(whole)), True
    return file, False
