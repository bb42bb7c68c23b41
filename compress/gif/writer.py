"""Write a GIF frame by frame with one palette: GIF89a specification, sections 17 to 26.

Pillow's own writer joins equal frames into one; here every frame stays a frame.
"""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image

from compress.colour_table import numpy
from compress.decoded_image import DecodedImage
from compress.gif.changes import Part, parts
from compress.gif.indexed_frames import IndexedFrames
from compress.gif.lossy_lzw import lossy_lzw
from compress.gif.tolerance import Tolerances


def write_gif(
    image: DecodedImage,
    frames: IndexedFrames,
    threshold: float,
    *,
    quick: bool = False,
    one_in: int = 1,
) -> bytes:
    """The frames as one GIF, with the loop and the durations of ``image``.

    ``threshold`` is the difference of CIE76 that is tolerated, more or less by a pixel's
    surroundings: see ``tolerance``. With ``quick``, a pixel stays as it is or gets its own colour,
    which takes more bytes and a tenth of the time. With ``one_in`` above 1 only a sample of the
    frames is packed and written in place of the others, which predicts the number of bytes.
    """

    def pack(target: Any, shown: Any, tolerances: Tolerances) -> tuple[bytes, bytes]:
        if quick:
            return _exact_lzw(target, shown, tolerances, frames)
        stream, symbols = lossy_lzw(tolerances.of_pixels(target, shown), frames.bits)
        return _sub_blocks(stream), symbols

    bits = 8 if quick else frames.bits
    written = [_header(image, frames, bits)]
    durations = image.durations or (0.0,)
    written_parts = parts(frames, threshold, pack, one_in=one_in)
    for part, milliseconds in zip(written_parts, durations, strict=True):
        written.append(_frame(part, milliseconds, frames.transparent, bits))
    return b"".join([*written, b";"])


def _exact_lzw(
    target: Any, shown: Any, tolerances: Tolerances, frames: IndexedFrames
) -> tuple[bytes, bytes]:
    """(sub-blocks, symbols), by Pillow."""
    symbols = numpy().where(tolerances.may_stay(target, shown), frames.transparent, target)
    height, width = symbols.shape
    content = symbols.astype("u1").tobytes()
    blocks = Image.frombytes("P", (width, height), content).tobytes("gif", "P", 8, 0)
    return blocks, content


def _header(image: DecodedImage, frames: IndexedFrames, bits: int) -> bytes:
    """Logical screen, colour table, and Netscape's loop count unless it plays once."""
    table = frames.palette[:, :3].tobytes().ljust(3 << bits, b"\0")
    screen = struct.pack("<2H3B", *image.first_frame.size, 0xF0 | bits - 1, 0, 0)
    loop = b""
    if image.loop is not None:
        loop = b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", image.loop) + b"\0"
    return b"GIF89a" + screen + table + loop


def _frame(part: Part, milliseconds: float, transparent: int, bits: int) -> bytes:
    flags = part.disposal << 2 | part.has_transparent
    hundredths = min(round(milliseconds / 10), 0xFFFF)
    symbol = transparent if part.has_transparent else 0
    control = struct.pack("<4BH2B", 0x21, 0xF9, 4, flags, hundredths, symbol, 0)
    descriptor = struct.pack("<B4HB", 0x2C, *part.corner, *part.size, 0)
    return control + descriptor + bytes([bits]) + part.content + b"\0"


def _sub_blocks(content: bytes) -> bytes:
    pieces = (content[at : at + 255] for at in range(0, len(content), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces)
