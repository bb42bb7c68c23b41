"""Pack a PNG smaller with oxipng; as a function, or as a program in a process of its own.

    python oxipng_process.py FILTERS LEVEL REDUCE_MODE ALLOW_GREY < in.png > out.png

oxipng holds the interpreter's lock while it works, up to half a second a megapixel. In the
worker's own process no lease would be renewed and no download would go on during that time, and
another worker would take over the image.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import oxipng


def optimise(
    content: bytes, filters: Sequence[str], level: int, *, reduce_mode: bool, allow_grey: bool
) -> bytes:
    """With the best of the ``filters`` for all rows, deflated at ``level``, 1 to 12.

    ``reduce_mode`` lets oxipng find a smaller mode for the same pixels, ``allow_grey`` one without
    colour.
    """
    return bytes(
        oxipng.optimize_from_memory(
            content,
            level=1,
            filter=[getattr(oxipng.RowFilter, name) for name in filters],
            deflate=oxipng.Deflaters.libdeflater(level),
            bit_depth_reduction=reduce_mode,
            color_type_reduction=reduce_mode,
            palette_reduction=reduce_mode,
            grayscale_reduction=allow_grey,
        )
    )


if __name__ == "__main__":
    filters, level, reduce_mode, allow_grey = sys.argv[1:]
    made = optimise(
        sys.stdin.buffer.read(),
        filters.split(","),
        int(level),
        reduce_mode=reduce_mode == "True",
        allow_grey=allow_grey == "True",
    )
    sys.stdout.buffer.write(made)
