"""compress(), and the order of its steps from an original to a smaller image."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from PIL import Image

from compress import time_limit
from compress.input_image import too_large
from compress.options import Compressed, Options, Unreadable
from compress.steps import (
    State,
    apply_costly_profile,
    convert_to_format,
    finish,
    limit_dimensions,
    protect_flat_graphics,
    reduce_quality_then_pixels,
    remove_metadata,
    start,
)

# They run in this order on one State, after ``start`` has opened and decoded the file; one of them
# may end it early. Then ``finish`` takes the best result.
STEPS: tuple[Callable[[State], None], ...] = (
    remove_metadata,  # with the pixels untouched: enough for a file that is mostly metadata
    convert_to_format,  # where another format was asked for
    apply_costly_profile,  # a colour profile too large for the budget
    limit_dimensions,  # max_width and max_height
    protect_flat_graphics,  # logos, icons and codes, which would show the slightest damage
    reduce_quality_then_pixels,
)

DEFAULTS = Options()


def compress(
    original: bytes,
    options: Options = DEFAULTS,
    *,
    max_pixels: int = 100_000_000,
    cpu_seconds: float = 60,
) -> Compressed:
    """The image in at most ``100 - reduce_by`` percent of its bytes, where that is possible.

    Where it is not, and fewer bytes than half were asked for, it is made as by half: a target out
    of reach must not make it larger. Never larger than the input; ``target_met`` says whether it
    fits. The same input gives the same bytes, but for the time of creation in an animated AVIF, and
    for one that takes more than ``cpu_seconds``: then the best so far is taken. Raises Unreadable,
    also for an image with more than ``max_pixels`` in all its frames together.
    """
    with _pillow_limited_to(max_pixels), time_limit.limited_to(cpu_seconds):
        made = _by_steps(original, options, max_pixels)
        usual = replace(options, reduce_by=DEFAULTS.reduce_by, max_bytes=DEFAULTS.max_bytes)
        if made.target_met or options.budget(len(original)) >= usual.budget(len(original)):
            return made
        by_half = _by_steps(original, usual, max_pixels)
        if len(by_half.content) >= len(made.content):
            return made
        return replace(by_half, missed_because=made.missed_because)


def _by_steps(original: bytes, options: Options, max_pixels: int) -> Compressed:
    state = start(original, options, max_pixels)
    for step in STEPS:
        step(state)
        if state.is_done:
            break
    return finish(state)


@contextmanager
def _pillow_limited_to(max_pixels: int) -> Iterator[None]:
    """Pillow without warnings, and refusing larger images by itself too.

    Pillow's limit is a second defence behind ``open_image``, for sizes found while decoding.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(max_pixels // 2, 1)  # Pillow refuses twice as many
        try:
            yield
        except Image.DecompressionBombError:
            raise too_large(max_pixels) from None
        except MemoryError:
            sentence = "The picture needs more memory than one picture may take here."
            raise Unreadable("image_too_large", sentence) from None
        finally:
            Image.MAX_IMAGE_PIXELS = before
