"""Fewer pixels, where less quality alone would not fit or would look worse."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from PIL import Image

from compress import colour, time_limit
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding
from compress.visibility import visible_error

MAX_STEP = 0.75  # the factor for the sides: each step takes away at least a quarter of them
MIN_SIDE = 16  # pixels; no image is tried whose longer side would be shorter


class Result(NamedTuple):
    """An encoding, and the image of which it was made."""

    encoding: Encoding
    image: DecodedImage


def encode_downscaled(
    full_size: DecodedImage,
    encode: Callable[[DecodedImage], Encoding],
    budget: int,
    *,
    may_lose_pixels: bool,
) -> Iterator[Result]:
    """Encode smaller and smaller images, until one fits at or above its format's quality floor.

    The first is always the full size, and the only one unless it ``may_lose_pixels``.
    """
    factor = 1.0
    while max(full_size.first_frame.size) * factor >= MIN_SIDE or factor == 1:
        image = full_size if factor == 1 else full_size.scaled(factor)
        encoding = encode(image)
        yield Result(encoding, image)
        if not may_lose_pixels or (encoding.fits(budget) and encoding.acceptable):
            break
        if time_limit.is_over():
            break
        factor *= _step(budget, encoding)


def _step(budget: int, encoding: Encoding) -> float:
    """The next factor for the sides: the number of bytes is about proportional to the area."""
    return min(MAX_STEP, max(math.sqrt(budget / max(encoding.size, 1)), 0.1))


def closest(fitting: list[Result], full_size: DecodedImage) -> Result:
    """Of results that fit, the one closest to the full size.

    More than one fits where the full size was below its quality floor. The comparison then lets
    line art keep its pixels and a photo its quality.
    """
    if len(fitting) == 1:
        return fitting[0]
    return min(fitting, key=lambda each: _error(full_size, each.encoding))


def _error(full_size: DecodedImage, encoding: Encoding) -> float:
    """The squared error of what is enlarged to the full size again.

    Of an animation or a palette, as it is seen: the errors of lossy GIFs are where they are seen
    least.
    """
    if full_size.animated or full_size.first_frame.mode == "P":
        return visible_error(full_size, encoding.content or b"")
    before = colour.to_basic_mode(full_size.first_frame)
    after = colour.to_basic_mode(Image.open(io.BytesIO(encoding.content or b"")))
    after = after.resize(before.size, Image.Resampling.LANCZOS)
    return colour.squared_error(before, after)
