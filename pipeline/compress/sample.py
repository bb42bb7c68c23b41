"""A part of a large picture that tells how the whole will compress."""

from __future__ import annotations

from PIL import Image

# Above this many pixels a solution on a sample costs less than a wrong encode of the whole.
LARGE = 600_000
ONE_IN = 8
LARGEST_SAMPLE = 2_000_000


def is_large(image: Image.Image) -> bool:
    return image.width * image.height > LARGE


def strips(image: Image.Image, height: int) -> tuple[Image.Image, float]:
    """Every eighth strip of ``height`` pixels, or fewer, and the share of the whole they hold."""
    one_in = max(ONE_IN, image.width * image.height // LARGEST_SAMPLE)
    tops = range(0, max(image.height - height, 0) + 1, height * one_in)
    sample = Image.new(image.mode, (image.width, height * len(tops)))
    for row, top in enumerate(tops):
        sample.paste(image.crop((0, top, image.width, top + height)), (0, row * height))
    return sample, sample.height / image.height
