"""A TIFF with its pixels as they are, and nothing else: TIFF 6.0, sections 2 and 8 to 22."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# Bytes of one value, by the number of the type; those above 12 are of later notes of Adobe.
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
TYPE_BYTES |= {16: 8, 17: 8, 18: 8}
STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 273, 279, 324, 325
OLD_JPEG, OLD_JPEG_BYTES = 513, 514
DATA = ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES), (OLD_JPEG, OLD_JPEG_BYTES))
RIGHTS = {315, 33432}
# What says how the pixels are stored and what their numbers mean; 34675 is the colour profile.
SEEN = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284),
    *(292, 293, 296, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 332, 334, 338, 339),
    *(340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 34675),
}
MAX_OVERLAP = 4  # times the bytes of the file, in all that is kept together


class _Entry(NamedTuple):
    tag: int
    start: int  # of its 12 bytes in the directory
    values: tuple[int, int]  # start and end of its values, which may be in those 12 bytes
    size: int  # of one value


def remove_tiff_metadata(original: bytes, exif: bytes) -> bytes:
    """The file with zeros in place of all that is not seen, so that no place in it moves.

    Copyright and artist stay where there is an ``exif``. Empty for a BigTIFF, and for a file whose
    data can't be found.
    """
    order = ORDERS.get(original[:4])
    if order is None:
        return b""
    kept = SEEN | RIGHTS if exif else SEEN
    try:
        return _scrubbed(original, order, kept)
    except (struct.error, LookupError):
        return b""


def _scrubbed(original: bytes, order: str, kept: set[int]) -> bytes:
    made = bytearray(len(original))
    made[:8] = original[:8]
    end, left = 8, MAX_OVERLAP * len(original)
    for at in _directories(original, order):
        entries = [each for each in _entries(original, order, at) if each.tag in kept]
        spans = [each.values for each in entries] + list(_data(original, order, entries))
        for start, after in spans:
            left -= after - start
            if left < 0:
                raise LookupError("a TIFF whose parts overlap")
            made[start:after] = original[start:after]
        directory = b"".join(original[each.start : each.start + 12] for each in entries)
        link_at = at + 2 + 12 * struct.unpack_from(f"{order}H", original, at)[0]
        directory = struct.pack(f"{order}H", len(entries)) + directory
        directory += original[link_at : link_at + 4]
        made[at : at + len(directory)] = directory
        end = max(end, at + len(directory), *(after for _, after in spans))
    return bytes(made[: min(end, len(original))])


def _directories(original: bytes, order: str) -> Iterator[int]:
    (at,) = struct.unpack_from(f"{order}I", original, 4)
    seen = {0}
    while at not in seen:
        seen.add(at)
        yield at
        (number,) = struct.unpack_from(f"{order}H", original, at)
        (at,) = struct.unpack_from(f"{order}I", original, at + 2 + 12 * number)


def _entries(original: bytes, order: str, at: int) -> Iterator[_Entry]:
    (number,) = struct.unpack_from(f"{order}H", original, at)
    for start in range(at + 2, at + 2 + 12 * number, 12):
        tag, kind, count, value = struct.unpack_from(f"{order}2H2I", original, start)
        size = TYPE_BYTES.get(kind, 0)
        first = value if size * count > 4 else start + 8
        yield _Entry(tag, start, (first, first + size * count), size)


def _data(original: bytes, order: str, entries: list[_Entry]) -> Iterator[tuple[int, int]]:
    """Where the pixels are. Raises IndexError where their lengths are not given."""
    by_tag = {each.tag: each for each in entries}
    for places, lengths in DATA:
        if places in by_tag:
            starts = _numbers(original, order, by_tag[places])
            sizes = _numbers(original, order, by_tag[lengths]) if lengths in by_tag else []
            for number, start in enumerate(starts):
                yield start, start + sizes[number]


def _numbers(original: bytes, order: str, entry: _Entry) -> list[int]:
    start, end = entry.values
    letter = {1: "B", 2: "H", 4: "I"}[entry.size]  # KeyError for what is no whole number
    return list(struct.unpack(f"{order}{(end - start) // entry.size}{letter}", original[start:end]))
