"""A BMP that no PNG is smaller than is kept as it came, but for what is not seen of it."""

from __future__ import annotations

import struct

FILE_HEADER = 14
V5, SRGB = 124, 0x73524742  # the longest header, and the name of its colour space
OLD_SIZES = (12, 64)  # of headers without the fields below, or with others
UNCOMPRESSED = (0, 3)  # BI_RGB and BI_BITFIELDS


def remove_bmp_metadata(original: bytes, exif: bytes) -> bytes:
    """The file without what follows its pixels and, but for the palette, precedes them.

    A profile goes as well: no decoder that we know of heeds it. Empty where the length of the
    pixels is not known.
    """
    pixels_at, header = struct.unpack_from("<2I", original, 10)
    if header in OLD_SIZES or len(original) < FILE_HEADER + 40:
        return b""
    width, height, _, bits, compression, size = struct.unpack_from("<2i2H2I", original, 18)
    if compression in UNCOMPRESSED:
        size = (abs(width) * bits + 31) // 32 * 4 * abs(height)
    (colours,) = struct.unpack_from("<I", original, 46)
    masks = 12 if compression == 3 and header == 40 else 0
    palette = 4 * (colours or (1 << bits if bits <= 8 else 0))
    seen = min(FILE_HEADER + header + masks + palette, pixels_at)
    made = bytearray(original[:seen] + bytes(pixels_at - seen))
    made += original[pixels_at : pixels_at + size]
    if header >= V5:
        struct.pack_into("<I", made, FILE_HEADER + 56, SRGB)
        struct.pack_into("<2I", made, FILE_HEADER + 112, 0, 0)  # the profile
    struct.pack_into("<I", made, 2, len(made))
    struct.pack_into("<I", made, 6, 0)  # reserved
    return bytes(made) if size and len(original) >= pixels_at + size else b""
