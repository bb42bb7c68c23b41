"""Remove the metadata of a TIFF with its pixels untouched: what no kept tag refers to becomes zero.

No byte moves, so that offsets stay true. Sections are those of TIFF 6.0; a BigTIFF has wider
numbers (libtiff, "BigTIFF Design").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from compress.input_image import MAX_FRAMES

# What is seen of a page: sections 8 and 10 to 22, sample formats, JPEG tables, the colour profile.
SEEN = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 284),
    *(290, 291, 292, 293, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 332, 334, 336, 338),
    *(339, 340, 341, 342, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532, 34675),
}
COPYRIGHT, ARTIST = 33432, 315
WIDTH, HEIGHT, BITS, COMPRESSION, ROWS, PLANES = 256, 257, 258, 259, 278, 284
TILE_WIDTH, TILE_HEIGHT = 322, 323
UNCOMPRESSED, SEPARATE = (1,), (2,)  # values of COMPRESSION and PLANES
# Files whose strips share so many bytes would take for ever.
MAX_SHARING = 10
MAX_ENTRIES = 200_000  # in all directories, which may overlap
# The tags with the offsets of data, and those with their lengths: strips, tiles, old-style JPEG.
DATA = ((273, 279), (324, 325), (513, 514))
# The tables of old-style JPEG, and the most bytes that one takes (section 22).
TABLES = ((519, 64), (520, 272), (521, 272))
TEXT = 2  # a type; no kept tag has it
BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)  # of a value, by its type
INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

Range = tuple[int, int]


class Entry(NamedTuple):
    """A tag, and where its value is: inside of the entry itself, if it fits there."""

    tag: int
    type: int
    number: int
    value: Range

    @property
    def is_seen(self) -> bool:
        return self.tag in SEEN and self.type != TEXT


class Page(NamedTuple):
    """The directory of a page: where it is, and where the offset of the next one is."""

    at: int
    entries: list[Entry]
    next_at: int


class Tiff:
    """The directories of a file, read with its byte order and width of numbers."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        order = "<" if content.startswith(b"II") else ">"
        self.is_big = struct.unpack_from(order + "H", content, 2) == (43,)
        self.number = struct.Struct(order + ("Q" if self.is_big else "H"))  # of entries
        self.offset = struct.Struct(order + ("Q" if self.is_big else "I"))
        self.entry = struct.Struct(order + ("2HQ" if self.is_big else "2HI"))  # but its value
        self.order = order
        self.header = 16 if self.is_big else 8
        self.pages = list(self._pages())

    def _pages(self) -> Iterator[Page]:
        pointer, seen, left = self.header - self.offset.size, set[int](), MAX_ENTRIES
        while len(seen) <= MAX_FRAMES:
            (at,) = self.offset.unpack_from(self.content, pointer)
            if not at or at in seen:
                return
            seen.add(at)
            (number,) = self.number.unpack_from(self.content, at)
            left -= number
            if left < 0:
                raise ValueError("directories overlap")
            first, step = at + self.number.size, self.entry.size + self.offset.size
            pointer = first + number * step
            yield Page(at, [self._entry(each) for each in range(first, pointer, step)], pointer)

    def _entry(self, at: int) -> Entry:
        tag, type, count = self.entry.unpack_from(self.content, at)
        start = at + self.entry.size
        size = count * (BYTES[type] if type < len(BYTES) else 0)
        if size > self.offset.size:
            (start,) = self.offset.unpack_from(self.content, start)
        return Entry(tag, type, count, (start, start + size))

    def packed(self, entry: Entry) -> bytes:
        """The entry as it is in a directory, without what may lie beside a short value."""
        start, end = entry.value
        value = self.content[start:end]
        if len(value) > self.offset.size:
            value = self.offset.pack(start)
        return self.entry.pack(*entry[:3]) + value.ljust(self.offset.size, b"\0")

    def integers(self, page: Page, tag: int) -> tuple[int, ...]:
        """The values of a tag; none where it is missing."""
        for entry in page.entries:
            if entry.tag == tag and entry.type in INTEGERS:
                letters = f"{self.order}{entry.number}{INTEGERS[entry.type]}"
                return struct.unpack_from(letters, self.content, entry.value[0])
        return ()

    def used(self, page: Page) -> Iterator[Range]:
        """Where the values of what is seen are, and the pixels."""
        yield from (each.value for each in page.entries if each.is_seen)
        needed = self._uncompressed_bytes(page)
        for starts, sizes in DATA:
            found = self.integers(page, sizes)
            for number, start in enumerate(self.integers(page, starts)):
                size = found[number] if number < len(found) else 0
                # Decoders guess where the length is missing, and ignore it without compression.
                yield start, start + (max(size, needed) or len(self.content))
        for tag, size in TABLES:
            yield from ((start, start + size) for start in self.integers(page, tag))

    def _uncompressed_bytes(self, page: Page) -> int:
        """The bytes of a strip or tile, at most; 0 where they are compressed."""
        if self.integers(page, COMPRESSION) not in ((), UNCOMPRESSED):
            return 0
        width = self.integers(page, TILE_WIDTH) or self.integers(page, WIDTH)
        height = self.integers(page, HEIGHT)
        rows = self.integers(page, TILE_HEIGHT) or min(self.integers(page, ROWS) or height, height)
        bits = self.integers(page, BITS) or (1,)
        sample_bits = max(bits) if self.integers(page, PLANES) == SEPARATE else sum(bits)
        return (sum(width) * sample_bits + 7) // 8 * sum(rows)


def remove_tiff_metadata(original: bytes, exif: bytes) -> bytes:
    """The file without what is not seen; with copyright and artist of ``exif`` in its first page.

    These two take the place of metadata that is removed; they are left out where that is too small.
    Raises one of DECODER_ERRORS for a file whose parts can't be found.
    """
    tiff = Tiff(original)
    made = bytearray(len(original))
    rights = list(_placed_rights(made, tiff, exif))
    used = [(0, tiff.header), *(each for page in tiff.pages for each in tiff.used(page))]
    used = [(start, min(end, len(made))) for start, end in used if start < len(made)]
    if sum(end - start for start, end in used) > MAX_SHARING * len(made):
        raise ValueError("strips overlap")
    for start, end in used:
        made[start:end] = original[start:end]
    ends = [end for _, end in used] + [each.value[1] for each in rights]
    for page in tiff.pages:
        ends.append(_write_directory(made, tiff, page, rights))
        rights = []
    return bytes(made[: max(ends)])


def _placed_rights(made: bytearray, tiff: Tiff, exif: bytes) -> Iterator[Entry]:
    """Write each text where a value was that goes; what is used otherwise is written afterwards."""
    tags = Image.Exif()
    tags.load(exif)
    holes = [list(each.value) for each in tiff.pages[0].entries if not each.is_seen]
    for tag in (ARTIST, COPYRIGHT):
        text = str(tags.get(tag, "")).encode("latin-1") + b"\0"
        hole = max(holes, key=lambda each: each[1] - each[0], default=[0, 0])
        if len(text) > tiff.offset.size and len(text) <= hole[1] - hole[0]:
            start, hole[0] = hole[0], hole[0] + len(text)
            made[start : hole[0]] = text
            yield Entry(tag, TEXT, len(text), (start, hole[0]))


def _write_directory(made: bytearray, tiff: Tiff, page: Page, rights: list[Entry]) -> int:
    """The directory with what is seen, and where it ends; it has no more entries than before."""
    seen = [each for each in page.entries if each.is_seen]
    rights = rights[: len(page.entries) - len(seen)]
    packed = [(each.tag, tiff.packed(each)) for each in seen]
    packed += [
        (each.tag, tiff.entry.pack(*each[:3]) + tiff.offset.pack(each.value[0])) for each in rights
    ]
    next_page = tiff.content[page.next_at : page.next_at + tiff.offset.size]
    parts = [tiff.number.pack(len(packed)), *(each for _, each in sorted(packed)), next_page]
    directory = b"".join(parts)
    made[page.at : page.at + len(directory)] = directory
    return page.at + len(directory)
