"""A PNG → a smaller PNG of the same picture, by oxipng; as a program, in a process of its own.

    python oxipng_process.py FILTERS LEVEL REDUCE TO_GREY < in.png > out.png

oxipng holds the interpreter's lock for as long as it works, up to half a second a megapixel. For
so long no lease would be renewed and no download would go on, and the work would be taken for
that of a worker that stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import oxipng


def optimised(
    content: bytes, filters: Sequence[str], level: int, *, reduce: bool, to_grey: bool
) -> bytes:
    """The best of the ``filters`` for all rows, then deflate at ``level``, 1 to 12.

    ``reduce`` lets oxipng find a leaner mode for the same pixels, ``to_grey`` one without colour.
    """
    return bytes(
        oxipng.optimize_from_memory(
            content,
            level=1,
            filter=[getattr(oxipng.RowFilter, name) for name in filters],
            deflate=oxipng.Deflaters.libdeflater(level),
            bit_depth_reduction=reduce,
            color_type_reduction=reduce,
            palette_reduction=reduce,
            grayscale_reduction=to_grey,
        )
    )


if __name__ == "__main__":
    filters, level, reduce, to_grey = sys.argv[1:]
    made = optimised(
        sys.stdin.buffer.read(),
        filters.split(","),
        int(level),
        reduce=reduce == "True",
        to_grey=to_grey == "True",
    )
    sys.stdout.buffer.write(made)
