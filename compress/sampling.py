"""A sample of an image: strips of its rows that predict the compressed size of the whole."""

from __future__ import annotations

from PIL import Image

MAX_SAMPLE = 750_000  # pixels


def sample_strips(frame: Image.Image, height: int) -> tuple[Image.Image, float]:
    """Every fourth strip of ``height`` rows, or fewer, as one image; and its share of the frame.

    The share is that of the rows, above 0 and at most 1.
    """
    one_in = max(4, frame.width * frame.height // MAX_SAMPLE)
    first = min(one_in // 2 * height, max(frame.height - height, 0))
    tops = range(first, max(frame.height - height, 0) + 1, height * one_in)
    sample = Image.new(frame.mode, (frame.width, height * len(tops)), None)
    for row, top in enumerate(tops):
        sample.paste(frame.crop((0, top, frame.width, top + height)), (0, row * height))
    return sample, sample.height / frame.height
