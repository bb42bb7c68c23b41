"""Read and write the chunks of a PNG: PNG specification, third edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AFTER_HEADER = len(SIGNATURE) + 25  # IHDR comes first, with 13 bytes of data (section 5.6)

# The chunks that say what the numbers of a pixel mean as colours: their values for sRGB, which is
# what browsers assume without them, and their lengths (sections 4.3, 11.3.2.1, .2, .5 and .6).
SRGB_GAMMA = struct.pack(">I", 45455)
SRGB_PRIMARIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
SRGB_CICP = bytes((1, 13, 0, 1))
LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"cICP": 4}
# What is seen of a PNG or APNG; all other chunks are metadata.
SEEN = {
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"),
    *(b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT"),
}


def chunk(name: bytes, data: bytes | bytearray) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
    return b"".join([struct.pack(">I", len(data)), name, data, checksum])


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, data) of each chunk, up to the end of the file."""
    at = len(SIGNATURE)
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        at += 12 + size


def with_chunks(content: bytes, extra: bytes) -> bytes:
    """The file with these chunks after its header: those about colour precede the palette."""
    return content[:AFTER_HEADER] + extra + content[AFTER_HEADER:]


def remove_png_metadata(original: bytes, exif: bytes) -> bytes:
    """The file without texts, times, EXIF and what follows its end; with this ``exif``, if any."""
    kept = b"".join(chunk(name, data) for name, data in _image_chunks(original) if name in SEEN)
    return with_chunks(SIGNATURE + kept, metadata_chunks(b"", exif))


def _image_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, data in chunks(content):
        yield name, data
        if name == b"IEND":
            break


def metadata_chunks(icc_profile: bytes, exif: bytes) -> bytes:
    """The chunks of a colour profile and of EXIF; either may be empty."""
    parts = []
    if icc_profile:
        parts.append(chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile, 9)))
    if exif:
        parts.append(chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    return b"".join(parts)


def colour_space_chunks(original: bytes, *, with_profile: bool) -> bytes:
    """The original's chunks about colour that a browser heeds, beside a profile; empty for sRGB.

    ``with_profile``: whether the image keeps the profile it came with. A browser heeds the first
    there is of cICP, iCCP, sRGB, and gAMA with cHRM (section 4.3).
    """
    found: dict[bytes, bytes] = {}
    for name, data in chunks(original):
        if name == b"IDAT":
            break
        if len(data) == LENGTHS.get(name, len(data)):
            found.setdefault(name, data)
    cicp = found.get(b"cICP", SRGB_CICP)
    if cicp != SRGB_CICP and with_profile == (b"iCCP" in found):
        return chunk(b"cICP", cicp)
    if found.keys() & {b"cICP", b"iCCP", b"sRGB"}:
        return b""
    gamma, primaries = found.get(b"gAMA"), found.get(b"cHRM")
    if gamma in (None, SRGB_GAMMA) and primaries in (None, SRGB_PRIMARIES):
        return b""
    kept = ((b"gAMA", gamma), (b"cHRM", primaries))
    return b"".join(chunk(name, data) for name, data in kept if data)
