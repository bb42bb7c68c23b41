"""The entries of an ICO, by what they hold: the directory has a byte for a side, and may lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from compress.png.chunks import SIGNATURE as PNG
from compress.png.chunks import remove_png_metadata

DIRECTORY, ENTRY = 6, 16  # bytes of ICONDIR, and of each ICONDIRENTRY
CORE_HEADER = 12  # bytes of BITMAPCOREHEADER, whose sides have 16 bits


def icon_pixels(content: bytes) -> int:
    """The pixels of all images, as their own headers state them; of a bitmap with its mask.

    The largest counts twice: Pillow decodes one as it opens the file.
    """
    pixels = [_pixels(content[at : at + 24]) for _, at, _ in icon_entries(content)]
    return sum(pixels) + max(pixels, default=0)


def icon_entries(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(directory entry, start, end) of each image."""
    number = int.from_bytes(content[4:6], "little")
    for at in range(DIRECTORY, DIRECTORY + number * ENTRY, ENTRY):
        entry = content[at : at + ENTRY].ljust(ENTRY, b"\0")
        size, start = struct.unpack_from("<2I", entry, 8)
        yield entry, start, start + size


def remove_ico_metadata(original: bytes, exif: bytes) -> bytes:
    """The directory and its images, without metadata in PNGs and without what is in no image.

    Empty where images share their bytes.
    """
    found = list(icon_entries(original))
    if sum(end - start for _, start, end in found) > len(original):
        return b""
    images = [_bare(original[start:end]) for _, start, end in found]
    at = DIRECTORY + ENTRY * len(found)
    directory = [original[:DIRECTORY]]
    for (entry, _, _), image in zip(found, images, strict=True):
        directory.append(entry[:8] + struct.pack("<2I", len(image), at))
        at += len(image)
    return b"".join([*directory, *images])


def _bare(image: bytes) -> bytes:
    return remove_png_metadata(image, b"") if image.startswith(PNG) else image


def _pixels(head: bytes) -> int:
    head = head.ljust(24, b"\0")
    if head.startswith(PNG):
        width, height = struct.unpack_from(">2I", head, 16)
    elif head[0] == CORE_HEADER:
        width, height = struct.unpack_from("<2H", head, 4)
    else:
        width, height = struct.unpack_from("<2i", head, 4)
    return int(abs(width * height))
