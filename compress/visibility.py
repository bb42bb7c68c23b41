"""How much of a change the eye sees: less where there is much else to see (visual masking)."""

from __future__ import annotations

import io
import math
from typing import Any

from PIL import Image

from compress import colour
from compress.colour_table import look, numpy
from compress.decoded_image import DecodedImage

# BUSY are bounds for the mean difference of L* between neighbours, MASKING how much larger than
# elsewhere a difference may be between those bounds until it is seen.
BUSY = (1.0, 4.0, 10.0)
MASKING = (0.5, 0.8, 1.2, 1.7)
MAX_STEP = 20.0  # a single edge does not make its surroundings busy
RADIUS = 2
# Of an animation a few frames are compared, spread over it.
MAX_COMPARED, MAX_COMPARED_PIXELS = 5, 2_000_000


def masking_levels(lightness: Any) -> Any:
    """For each pixel an index of MASKING, by the L* of the pixels around it."""
    np = numpy()
    return np.searchsorted(np.array(BUSY), _busyness(lightness))


def visible_error(image: DecodedImage, content: bytes) -> float:
    """The mean squared difference of an encoding in CIE76, masking considered; of a few frames."""
    encoded = Image.open(io.BytesIO(content))
    compared = max(min(MAX_COMPARED, MAX_COMPARED_PIXELS // image.pixels), 1)
    step = math.ceil(len(image.frames) / compared)
    errors = []
    for number in range(0, len(image.frames), step):
        encoded.seek(number)
        errors.append(_error(image.frames[number], encoded))
    return sum(errors) / len(errors)


def _error(before: Image.Image, after: Image.Image) -> float:
    """Fewer pixels are enlarged again."""
    np = numpy()
    after = colour.to_basic_mode(after)
    if after.size != before.size:
        after = after.resize(before.size, Image.Resampling.LANCZOS)
    looks = [_look(colour.to_basic_mode(each)) for each in (before, after)]
    limits = np.array(MASKING)[masking_levels(looks[0][..., 0])]
    squared = ((looks[0] - looks[1]) ** 2).sum(axis=2)
    return float((squared / limits**2).mean())


def _look(image: Image.Image) -> Any:
    np = numpy()
    pixels = np.frombuffer(image.convert("RGBA").tobytes(), np.uint8).reshape(-1, 4)
    return look(pixels).reshape(image.height, image.width, 4)


def _busyness(lightness: Any) -> Any:
    """The mean difference between neighbours around each pixel."""
    np = numpy()
    across = np.abs(np.diff(lightness, axis=1, append=lightness[:, -1:]))
    down = np.abs(np.diff(lightness, axis=0, append=lightness[-1:]))
    steps = np.pad(np.minimum(across + down, MAX_STEP), RADIUS, mode="edge")
    height, width = lightness.shape
    window = range(2 * RADIUS + 1)
    rows = sum(steps[at : at + height] for at in window)
    return sum(rows[:, at : at + width] for at in window) / (2 * len(window) ** 2)
