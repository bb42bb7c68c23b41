"""Read the blocks of a GIF without decoding them: GIF89a specification, sections 12 to 26."""

from __future__ import annotations

import struct
from collections.abc import Iterator

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
GRAPHIC_CONTROL, APPLICATION = 0xF9, 0xFF  # labels of extensions
LOOPS, PROFILE = (b"NETSCAPE2.0", b"ANIMEXTS1.0"), b"ICCRGBG1012"  # names of programs
HEADER = 13  # bytes of signature and logical screen, before the global colour table


def count_frames(content: bytes, limit: int) -> int:
    """The number of images in the file, counted up to ``limit``."""
    frames = 0
    for kind, _, _ in blocks(content):
        frames += kind == IMAGE
        if frames == limit:
            break
    return frames


def sanitised(content: bytes) -> bytes:
    """The header and the readable blocks; empty where an image leaves the logical screen.

    For programs that read the file in another way than we do: they may find more blocks behind
    damage, and enlarge the screen for such an image. Both would get around the limit on pixels.
    """
    screen = struct.unpack_from("<2H", content, 6)
    end = HEADER + _table_size(content[10])
    for kind, start, after in blocks(content):
        if kind == IMAGE and not _is_inside(screen, content[start + 1 : start + 9]):
            return b""
        end = after
    return content[:end] + bytes([TRAILER])


def remove_gif_metadata(content: bytes, exif: bytes) -> bytes:
    """The file without comments, plain text, what programs wrote, and what follows its end.

    The number of repetitions and the colour profile stay; GIF has no EXIF. Empty for a file so
    damaged that no image is found where one should be.
    """
    if not count_frames(content, 1):
        return b""
    head = content[: HEADER + _table_size(content[10])]
    kept = (_bare(content[start:end]) for _, start, end in blocks(content))
    return b"".join([head, *kept, bytes([TRAILER])])


def _bare(block: bytes) -> bytes:
    """A block without what no decoder reads of it; empty where that is all of it."""
    label = block[1] if len(block) > 1 else 0
    if block[0] == IMAGE or (label == APPLICATION and block[3:14] == PROFILE):
        return block
    if label == GRAPHIC_CONTROL:
        return block[:7] + b"\0"
    if label == APPLICATION and block[3:14] in LOOPS:
        return block[:14] + b"\3\1" + block[16:18] + b"\0"
    return b""


def canvas_pixels(content: bytes) -> int:
    """The pixels of the canvas; Pillow makes it larger than the screen for a first frame that is.

    Raises ValueError where a later frame leaves it: that would make it grow once more.
    """
    canvas = struct.unpack_from("<2H", content, 6)
    images = (start for kind, start, _ in blocks(content) if kind == IMAGE)
    for number, start in enumerate(images):
        left, top, width, height = struct.unpack(
            "<4H", content[start + 1 : start + 9].ljust(8, b"\xff")
        )
        if number == 0:
            canvas = max(canvas[0], left + width), max(canvas[1], top + height)
        elif left + width > canvas[0] or top + height > canvas[1]:
            raise ValueError("a frame outside of the canvas")
    return int(canvas[0] * canvas[1])


def _is_inside(screen: tuple[int, int], descriptor: bytes) -> bool:
    left, top, width, height = struct.unpack("<4H", descriptor.ljust(8, b"\xff"))
    return bool(left + width <= screen[0] and top + height <= screen[1])


def blocks(content: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, start, end) of each image and extension, up to the trailer or the end of the file."""
    at = HEADER + _table_size(content[10]) if len(content) > HEADER else len(content)
    while at < len(content) and content[at] in (IMAGE, EXTENSION):
        end = _end(content, at)
        yield content[at], at, min(end, len(content))
        at = end


def _end(content: bytes, at: int) -> int:
    if content[at] == EXTENSION:
        return _after_sub_blocks(content, at + 2)
    flags = content[at + 9] if at + 9 < len(content) else 0
    return _after_sub_blocks(content, at + 10 + _table_size(flags) + 1)


def _after_sub_blocks(content: bytes, at: int) -> int:
    while at < len(content) and content[at]:
        at += content[at] + 1
    return at + 1


def _table_size(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
