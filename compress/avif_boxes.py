"""The boxes of an AVIF: how large its pictures really are, and what belongs to none of them.

The container states a size, and the decoder scales what it has decoded to that: a file that says
16 x 16 may hold a picture of 268 megapixels, which only its bitstream tells. Boxes are those of
ISO/IEC 14496-12, the bitstream is that of the AV1 specification, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE_HEADER = 1  # a type of open bitstream unit (OBU), section 6.2.2
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf")  # on the way to the tables of samples
TOP_LEVEL = (b"ftyp", b"meta", b"moov")  # mdat has what these point to
METADATA = (b"Exif", b"mime")  # items; XMP is one of the second kind
EMPTY_EXIF = bytes(4) + b"II*\0\x08\0\0\0"  # a TIFF whose directory is empty, if zeros follow
MAX_BOXES = 1_000  # in one place
MAX_SAMPLES = 10_000
MAX_OVERLAP = 4  # times the bytes of the file, in all its bitstreams together
MAX_UNITS = 200_000  # more than any animation has; they take a second at most
HEADER_BYTES = 256  # more than a sequence header takes
Span = tuple[int, int]  # start and end of bytes in the file
Box = tuple[bytes, int, int]  # the type, start and end of its data


def largest_picture(content: bytes) -> int:
    """The pixels of the largest picture that a bitstream in the file announces; 0 for none.

    Raises ValueError for a file that is cut off, or made to be looked at for long.
    """
    largest = 0
    for number, (kind, start) in enumerate(_units(content)):
        if number > MAX_UNITS:
            raise ValueError("an AVIF that is too much to look at")
        if kind == SEQUENCE_HEADER:
            largest = max(largest, _pixels(content[start : start + HEADER_BYTES]))
    return largest


def only_pictures(content: bytes, exif: bytes) -> bytes:
    """The file with zeros in its EXIF and XMP, in boxes that nothing reads, and between pictures.

    So no place in it moves. ``exif`` takes the place of the input's. What follows the last box is
    cut off. Raises ValueError where there is too little room for the EXIF.
    """
    made, end = bytearray(content), 0
    for name, start, after in _boxes(content, 0, len(content), into=()):
        if name not in TOP_LEVEL:
            made[start:after] = bytes(after - start)
        end = after
    for start, after in _spans(content):
        made[start:after] = content[start:after]
    _write_metadata(made, content, exif)
    return bytes(made[:end])


def _write_metadata(made: bytearray, content: bytes, exif: bytes) -> None:
    """Zeros for each item that is metadata; EXIF, or an empty one, in the place of the first."""
    kinds = _item_kinds(content)
    items = [(kinds.get(item), start, after) for item, start, after in _items_of(content)]
    for kind, start, after in items:
        if kind in METADATA:
            made[start:after] = bytes(after - start)
    places = [(start, after - start) for kind, start, after in items if kind == b"Exif"]
    new = bytes(4) + exif.removeprefix(b"Exif\0\0") if exif else EMPTY_EXIF
    if exif and (not places or len(new) > places[0][1]):
        raise ValueError("no room for the EXIF")
    for number, (start, size) in enumerate(places):
        value = EMPTY_EXIF if number else new
        made[start : start + size] = value.ljust(size, b"\0")[:size]


def _units(content: bytes) -> Iterator[tuple[int, int]]:
    """(type, start of the data) of each unit (5.3.1 and 5.3.2), behind a 0 for each bitstream."""
    for at, end in _spans(content):
        yield 0, at
        while at < end:
            head = content[at]
            at += 2 if head & 4 else 1  # with its extension
            size, at = _leb128(content, at) if head & 2 else (end - at, at)
            yield head >> 3 & 15, at
            at += size


def _spans(content: bytes) -> Iterator[Span]:
    """Where all bitstreams are. Raises ValueError where they overlap too much."""
    left = MAX_OVERLAP * len(content)
    for box in _boxes(content, 0, len(content)):
        for start, end in _bitstreams(content, box):
            end = min(end, len(content))
            left -= max(end - start, 1)
            if left < 0:
                raise ValueError("an AVIF whose pictures overlap")
            yield start, end


def _boxes(
    content: bytes, at: int, end: int, *, into: tuple[bytes, ...] = CONTAINERS, depth: int = 0
) -> Iterator[Box]:
    """Each box, and those inside of some behind their own. Raises ValueError for too many."""
    number = 0
    while at + 8 <= end:
        size, name, data = _number(content, at, 4), content[at + 4 : at + 8], at + 8
        if size == 1:
            size, data = _number(content, at + 8, 8), at + 16
        after = at + size if size else end
        number += 1
        if not data <= after <= end:
            return
        if number > MAX_BOXES or depth > len(CONTAINERS):
            raise ValueError("an AVIF of too many boxes")
        yield name, data, after
        if name in into:
            yield from _boxes(content, data, after, into=into, depth=depth + 1)
        at = after


def _bitstreams(content: bytes, box: Box) -> Iterator[Span]:
    """Where the bitstreams are that a box tells of: of items, or of a track's samples."""
    name, start, end = box
    if name == b"meta":
        parts = {part: at for part, at, _ in _boxes(content, start + 4, end)}
        if b"iloc" in parts:
            for _, at, to in _items(content, parts[b"iloc"], parts.get(b"idat", 0)):
                yield at, to
    elif name == b"stbl":
        yield from _samples(content, {part: at for part, at, _ in _boxes(content, start, end)})


def _items_of(content: bytes) -> Iterator[tuple[int, int, int]]:
    """(number, start, end) of each extent of the items of the file."""
    for name, start, end in _boxes(content, 0, len(content), into=()):
        parts = {part: at for part, at, _ in _boxes(content, start + 4, end)}
        if name == b"meta" and b"iloc" in parts:
            yield from _items(content, parts[b"iloc"], parts.get(b"idat", 0))


def _item_kinds(content: bytes) -> dict[int, bytes]:
    """The types of the items, by their numbers (8.11.6)."""
    kinds = {}
    for name, start, end in _boxes(content, 0, len(content), into=()):
        for part, at, to in _boxes(content, start + 4, end) if name == b"meta" else ():
            if part == b"iinf":
                first = at + (6 if content[at] == 0 else 8)
                for entry, info, _ in _boxes(content, first, to):
                    if entry == b"infe" and content[info] in (2, 3):
                        wide = 2 if content[info] == 2 else 4
                        kind_at = info + 4 + wide + 2
                        number = _number(content, info + 4, wide)
                        kinds[number] = content[kind_at : kind_at + 4]
    return kinds


def _items(content: bytes, start: int, idat: int) -> Iterator[tuple[int, int, int]]:
    """(number, start, end) of each extent of an item location box (8.11.3)."""
    fields = _Fields(content, start)
    version, _ = fields.take(1), fields.take(3)
    sizes, more = fields.take(1), fields.take(1)
    index_size = more & 15 if version else 0
    wide = 4 if version == 2 else 2
    for _ in range(fields.take(wide)):
        number = fields.take(wide)
        is_in_idat = version > 0 and fields.take(2) & 15 == 1
        fields.take(2)  # where its data are
        base = fields.take(more >> 4) + (idat if is_in_idat else 0)
        for _ in range(fields.take(2)):
            fields.take(index_size)
            at = base + fields.take(sizes >> 4)
            length = fields.take(sizes & 15)
            yield number, at, at + length if length else len(content)


def _samples(content: bytes, tables: dict[bytes, int]) -> Iterator[Span]:
    """The samples of a track, by the tables of chunks and of sizes (8.7)."""
    wide = 8 if b"co64" in tables else 4
    chunks = _Fields(content, tables.get(b"co64", tables.get(b"stco", len(content))) + 4)
    runs = _Fields(content, tables.get(b"stsc", len(content)) + 4)
    sizes = _Fields(content, tables.get(b"stsz", len(content)) + 4)
    same, left = sizes.take(4), min(sizes.take(4), MAX_SAMPLES)
    runs_left, in_chunk, next_run = runs.take(4), 0, 1
    for number in range(1, chunks.take(4) + 1):
        if number >= next_run and runs_left:
            _, in_chunk, _ = (runs.take(4) for _ in range(3))
            if not in_chunk:
                raise ValueError("an AVIF with chunks of nothing")
            runs_left -= 1
            next_run = _number(content, runs.at, 4) if runs_left else 0
        at = chunks.take(wide)
        for _ in range(min(in_chunk, left)):
            size = same or sizes.take(4)
            yield at, at + size
            at += size
        left -= min(in_chunk, left)
        if not left:
            return


def _pixels(header: bytes) -> int:
    """Of the largest picture that a sequence header allows (section 5.5.1)."""
    bits = _Bits(header)
    bits.take(4)  # seq_profile, still_picture
    if bits.take(1):  # reduced_still_picture_header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return (bits.take(width_bits) + 1) * (bits.take(height_bits) + 1)


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing_info_present_flag
        bits.take(64)
        if bits.take(1):  # equal_picture_interval
            bits.take_uvlc()
        if bits.take(1):  # decoder_model_info_present_flag
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_delay = bits.take(1)  # initial_display_delay_present_flag
    for _ in range(bits.take(5) + 1):
        bits.take(12)  # operating_point_idc
        if bits.take(5) > 7:  # seq_level_idx
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delay and bits.take(1):
            bits.take(4)


def _number(content: bytes, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size])


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    """The number and where it ends (section 4.10.5)."""
    value = 0
    for index, byte in enumerate(content[at : at + 8]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return len(content), at + 8


class _Fields:
    """Numbers one after the other."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self.at = content, at

    def take(self, size: int) -> int:
        """Raises ValueError behind the end of the file."""
        if self.at + size > len(self._content):
            raise ValueError("an AVIF that is cut off")
        value = _number(self._content, self.at, size)
        self.at += size
        return value


class _Bits:
    """Bits one after the other, the highest of a byte first; zeros behind the end."""

    def __init__(self, content: bytes) -> None:
        self._value, self._left = int.from_bytes(content), 8 * len(content)

    def take(self, number: int) -> int:
        self._left -= number
        value = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return value & (1 << number) - 1

    def take_uvlc(self) -> None:
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        self.take(zeros if zeros < 32 else 0)
