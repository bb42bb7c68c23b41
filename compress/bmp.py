"""BMP, which is never written but by its own bytes: they are kept where nothing is smaller."""

from __future__ import annotations

import struct
from typing import NamedTuple

FILE_HEADER = 14
INFO_HEADER = 40  # bytes of BITMAPINFOHEADER; later versions add colour masks and a colour space
MASKS = 16  # bytes, behind those 40, in the header or behind it
CORE_HEADER = 12
BITFIELDS = 3
RUN_LENGTHS = (1, 2)
SRGB = b"BGRs"  # LCS_sRGB, as it is stored in bV4CSType


class Bitmap(NamedTuple):
    """A device-independent bitmap: its header without metadata, its palette, and what follows."""

    header: bytes
    palette: bytes
    width: int
    height: int
    bits: int
    packed_bytes: int  # 0 unless run lengths are used

    def row_bytes(self, bits: int) -> int:
        """Of a row of so many bits a pixel, in whole 32 bits."""
        return (self.width * bits + 31) // 32 * 4


def remove_bmp_metadata(original: bytes, _exif: bytes) -> bytes:
    """Header, palette and pixels, without what lies between or behind them; no colour space.

    Raises one of DECODER_ERRORS for a file whose parts can't be found.
    """
    at = struct.unpack_from("<I", original, 10)[0]
    bitmap = read_bitmap(original, FILE_HEADER)
    start = FILE_HEADER + len(bitmap.header) + len(bitmap.palette)
    size = bitmap.packed_bytes or bitmap.row_bytes(bitmap.bits) * bitmap.height
    pixels = original[at : at + size]
    if start > at:
        raise ValueError("the pixels overlap the header")
    head = struct.pack("<2sI4xI", b"BM", start + len(pixels), start)
    return head + bitmap.header + bitmap.palette + pixels


def read_bitmap(content: bytes, at: int) -> Bitmap:
    """The bitmap whose header is there, in a BMP or in an icon."""
    (size,) = struct.unpack_from("<I", content, at)
    if size == CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<4H", content, at + 4)
        header, colours, entry, packed = content[at : at + size], 0, 3, 0
    else:
        width, height, _, bits, compression, packed = struct.unpack_from("<2i2H2I", content, at + 4)
        (colours,) = struct.unpack_from("<I", content, at + 32)
        header, entry = _info_header(content[at : at + size], compression), 4
        if compression == BITFIELDS and size == INFO_HEADER:
            header += content[at + size : at + size + 12]
        packed = (packed or len(content)) if compression in RUN_LENGTHS else 0
    table = (colours or 1 << bits) * entry if bits <= 8 else 0
    after = at + len(header)
    return Bitmap(header, content[after : after + table], width, abs(height), bits, packed)


def _info_header(header: bytes, compression: int) -> bytes:
    """Without resolution, important colours and colour space; longer ones are in sRGB."""
    kept = header[:24] + bytes(8) + header[32:36] + bytes(4)
    masks = header[INFO_HEADER : INFO_HEADER + MASKS] if compression == BITFIELDS else b""
    rest = masks.ljust(MASKS, b"\0") + SRGB if len(header) > INFO_HEADER + MASKS else masks
    return (kept + rest).ljust(len(header), b"\0")[: len(header)]
