"""A part of a picture that tells how the whole will compress as JPEG."""

from __future__ import annotations

from PIL import Image

LARGEST_SAMPLE = 750_000  # pixels


def strips(image: Image.Image, height: int) -> tuple[Image.Image, float]:
    """Every fourth strip of ``height`` pixels, or fewer, and the share of the whole they hold."""
    one_in = max(4, image.width * image.height // LARGEST_SAMPLE)
    first = min(one_in // 2 * height, max(image.height - height, 0))
    tops = range(first, max(image.height - height, 0) + 1, height * one_in)
    sample = Image.new(image.mode, (image.width, height * len(tops)), None)
    for row, top in enumerate(tops):
        sample.paste(image.crop((0, top, image.width, top + height)), (0, row * height))
    return sample, sample.height / image.height
