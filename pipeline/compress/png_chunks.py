"""A PNG's chunks: PNG specification, third edition, sections 5 and 11."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AFTER_HEADER = len(SIGNATURE) + 25  # IHDR comes first, with 13 bytes of data


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


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
