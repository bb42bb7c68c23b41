"""A PNG's chunks, and which of them change its look: PNG specification, third edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AFTER_HEADER = len(SIGNATURE) + 25  # IHDR comes first, with 13 bytes of data (section 5.6)

# How the numbers stand for colours (sections 11.3.2.1, .2 and .6), and the values that say sRGB,
# which is what browsers take where nothing is said (sections 11.3.2.5 and 4.3).
GAMMA_OF_SRGB = struct.pack(">I", 45455)
PRIMARIES_OF_SRGB = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
CICP_OF_SRGB = bytes((1, 13, 0, 1))
LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"cICP": 4}


def chunk(name: bytes, data: bytes | bytearray) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
    return b"".join([struct.pack(">I", len(data)), name, data, checksum])


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, data) of each; ends quietly where the file does."""
    at = len(SIGNATURE)
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        at += 12 + size


def with_chunks(content: bytes, extra: bytes) -> bytes:
    """The file with more chunks where those that tell of colour belong: before the palette."""
    return content[:AFTER_HEADER] + extra + content[AFTER_HEADER:]


def dress(icc_profile: bytes, exif: bytes) -> bytes:
    """The chunks of a colour profile and of EXIF, where there are such."""
    parts = []
    if icc_profile:
        parts.append(chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile, 9)))
    if exif:
        parts.append(chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    return b"".join(parts)


def colour_space(original: bytes, *, with_profile: bool) -> bytes:
    """The chunks beside a profile by which a browser tells the colours, as far as they count.

    ``with_profile``: whether the picture keeps the profile that it came with. cICP goes before
    iCCP, that before sRGB, and that before gAMA and cHRM (section 4.3).
    """
    found: dict[bytes, bytes] = {}
    for name, data in chunks(original):
        if name == b"IDAT":
            break
        if len(data) == LENGTHS.get(name, len(data)):
            found.setdefault(name, data)
    cicp = found.get(b"cICP", CICP_OF_SRGB)
    if cicp != CICP_OF_SRGB and with_profile == (b"iCCP" in found):
        return chunk(b"cICP", cicp)
    if found.keys() & {b"cICP", b"iCCP", b"sRGB"}:
        return b""
    gamma, primaries = found.get(b"gAMA"), found.get(b"cHRM")
    if gamma in (None, GAMMA_OF_SRGB) and primaries in (None, PRIMARIES_OF_SRGB):
        return b""
    told = ((b"gAMA", gamma), (b"cHRM", primaries))
    return b"".join(chunk(name, data) for name, data in told if data)
