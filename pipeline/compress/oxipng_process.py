"""oxipng in a process of its own: it holds the interpreter's lock for about a second a megapixel.

    python oxipng_process.py LEVEL KEEP_FORMAT < in.png > out.png

For so long no lease would be renewed and no download would go on, and the work would be taken for
that of a worker that stopped.
"""

from __future__ import annotations

import sys

import oxipng

KEPT_CHUNKS = [b"iCCP", b"cICP", b"gAMA", b"cHRM", b"sRGB", b"eXIf", b"acTL", b"fcTL", b"fdAT"]


def optimised(content: bytes, level: int, *, as_it_is: bool) -> bytes:
    """The same picture in fewer bytes; ``as_it_is`` keeps its mode and depth."""
    return bytes(
        oxipng.optimize_from_memory(
            content,
            level=level,
            strip=oxipng.StripChunks.keep(KEPT_CHUNKS),
            bit_depth_reduction=not as_it_is,
            color_type_reduction=not as_it_is,
            palette_reduction=not as_it_is,
            grayscale_reduction=not as_it_is,
        )
    )


if __name__ == "__main__":
    made = optimised(sys.stdin.buffer.read(), int(sys.argv[1]), as_it_is=sys.argv[2] == "True")
    sys.stdout.buffer.write(made)
