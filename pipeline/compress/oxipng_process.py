"""Rows of pixels → a PNG, by oxipng; as a program, in a process of its own.

    python oxipng_process.py < a line of JSON with the parameters, then the rows > out.png

oxipng holds the interpreter's lock for as long as it works: up to half a second a megapixel. For
so long no lease would be renewed and no download would go on, and the work would be taken for
that of a worker that stopped.
"""

from __future__ import annotations

import json
import sys

import oxipng

COLOUR_TYPES = {"L": "grayscale", "RGB": "rgb", "RGBA": "rgba"}


def packed(
    rows: bytes,
    *,
    size: tuple[int, int],
    depth: int,
    mode: str,
    palette: list[list[int]],
    filter: str,
    level: int,
    to_palette: bool,
    to_grey: bool,
) -> bytes:
    """The rows as a PNG: a ``filter`` for all of them, then deflate at ``level``, 1 to 12.

    The two flags let oxipng change the colour type and depth where that loses nothing.
    """
    if palette:
        colours = oxipng.ColorType.indexed(palette)
    else:
        colours = getattr(oxipng.ColorType, COLOUR_TYPES[mode])()
    image = oxipng.RawImage(rows, *size, color_type=colours, bit_depth=depth)
    return bytes(
        image.create_optimized_png(
            level=1,
            filter=[getattr(oxipng.RowFilter, filter)],
            deflate=oxipng.Deflaters.libdeflater(level),
            bit_depth_reduction=to_palette,
            color_type_reduction=to_palette,
            palette_reduction=to_palette,
            grayscale_reduction=to_grey,
        )
    )


if __name__ == "__main__":
    parameters = json.loads(sys.stdin.buffer.readline())
    sys.stdout.buffer.write(packed(sys.stdin.buffer.read(), **parameters))
