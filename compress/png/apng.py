"""Write an animated PNG frame by frame.

Pillow's own writer joins equal frames into one; here every frame stays a frame. The chunks are
those of the PNG specification, third edition, sections 11.3.6 and 12.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction

from PIL import Image, ImageChops

from compress.decoded_image import DecodedImage
from compress.png.chunks import SIGNATURE, chunk, chunks

Box = tuple[int, int, int, int]


def write_apng(image: DecodedImage, encode: Callable[[Image.Image], bytes]) -> bytes:
    """The frames, each cut to what changes, as one APNG.

    ``encode`` makes a PNG of one frame; all of these must have the same mode, depth and palette.
    """
    sequence = 0
    parts = [SIGNATURE]
    for number, (frame, box) in enumerate(_changed_parts(image.frames)):
        found = list(chunks(encode(frame)))
        if number == 0:
            plays = struct.pack(">2I", len(image.frames), image.loop or 0)
            head = [chunk(name, data) for name, data in found if name not in (b"IDAT", b"IEND")]
            parts += [head[0], chunk(b"acTL", plays), *head[1:]]
        parts.append(chunk(b"fcTL", _frame_control(sequence, box, image.durations[number])))
        sequence += 1
        for data in (data for name, data in found if name == b"IDAT"):
            if number == 0:
                parts.append(chunk(b"IDAT", data))
            else:
                parts.append(chunk(b"fdAT", struct.pack(">I", sequence) + data))
                sequence += 1
    return b"".join([*parts, chunk(b"IEND", b"")])


def _changed_parts(frames: tuple[Image.Image, ...]) -> Iterator[tuple[Image.Image, Box]]:
    """(part, box) of each frame: where it differs from the one before, at least one pixel."""
    before = None
    for frame in frames:
        whole = (0, 0, frame.width, frame.height)
        box = whole
        if before is not None:
            box = ImageChops.difference(before, frame).getbbox(alpha_only=False) or (0, 0, 1, 1)
        yield frame if box == whole else frame.crop(box), box
        before = frame


def _frame_control(sequence: int, box: Box, milliseconds: float) -> bytes:
    """The data of fcTL: the box replaces the pixels that were there, and stays."""
    delay = Fraction(milliseconds / 1000).limit_denominator(65_535)
    seconds = (min(delay.numerator, 65_535), delay.denominator)
    left, top, right, bottom = box
    return struct.pack(">5I2H2B", sequence, right - left, bottom - top, left, top, *seconds, 0, 0)
