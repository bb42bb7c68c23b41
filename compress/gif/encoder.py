"""GIF: gifsicle where it is installed, otherwise, or where that loses less, our own writer.

The coarseness is 0 to 2. From 0 to 1 it raises what may change unseen: gifsicle's ``--lossy``, or
our tolerance between two frames. From 1 to 2 it also lowers the number of colours.
"""

from __future__ import annotations

import functools
import io
import math
import shutil
import subprocess

from PIL import Image

from compress import colour
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding
from compress.gif.blocks import count_frames, sanitised
from compress.gif.writer import MAX_COLOURS, write_gif
from compress.input_image import InputImage
from compress.quality_search import SearchRange, finest_that_fits

SLOPE = -0.6  # d ln(size) / d coarseness
MAX_LOSSY = 100  # gifsicle's manual calls 80 barely noticeable and 200 very noticeable
MAX_TOLERANCE = 24  # of 255, in any channel
# With fewer colours (above FLOOR) photos score 15 points of SSIMULACRA 2 less than with fewer
# pixels; drawings score more.
FLOOR = 1.0
MIN_COLOURS = 32
# The number of frames, spread over the animation, by which two encodings are compared.
MAX_COMPARED = 5
# gifsicle needs a second a megabyte. A file on which it hangs must not hold up the worker.
MAX_SECONDS = 60


def encode_gif(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    original = sanitised(source.original) if source.format == "gif" else b""
    if not original or gifsicle_path() is None:
        return _by_own_writer(image, budget)
    encoding = _by_gifsicle(image, budget, original, source.frame_count)
    if encoding.acceptable and encoding.fits(budget):
        return encoding
    # Where gifsicle would have to lose colours or pixels, fewer changes may look better.
    other = _by_own_writer(image, budget)
    if not other.fits(budget) or not encoding.fits(budget):
        return min(encoding, other, key=lambda each: each.size)
    return min(encoding, other, key=lambda each: _error(image, each))


def _by_gifsicle(image: DecodedImage, budget: int, original: bytes, frame_count: int) -> Encoding:
    result = finest_that_fits(
        lambda x: _gifsicle(image, original, frame_count, x) or _own_gif(image, x),
        budget,
        SearchRange(start=0.5, finest=0, coarsest=2, slope=SLOPE),
    )
    x = result.best.coarseness
    return result.encoding("lossless" if x == 0 else "palette", acceptable=x <= FLOOR)


def _by_own_writer(image: DecodedImage, budget: int) -> Encoding:
    finest = 0 if image.animated else 1
    result = finest_that_fits(
        lambda x: _own_gif(image, x),
        budget,
        SearchRange(start=finest + 0.5, finest=finest, coarsest=2, slope=SLOPE),
    )
    return result.encoding("palette", acceptable=result.best.coarseness <= FLOOR)


def _own_gif(image: DecodedImage, x: float) -> bytes:
    return write_gif(image, _colours(x), round(MAX_TOLERANCE * min(x, 1)))


def _gifsicle(image: DecodedImage, original: bytes, frame_count: int, x: float) -> bytes:
    """What gifsicle makes of the original; empty where it fails or loses a frame."""
    width, height = image.first_frame.size
    command = [gifsicle_path() or "", "-O3", "-Okeep-empty", "--no-warnings"]
    command += ["--no-comments", "--no-names", "--no-extensions"]
    command.append(f"--lossy={round(MAX_LOSSY * min(x, 1))}")
    if x > 1:
        command.append(f"--colors={_colours(x)}")
    if image.scale != 1:
        command.append(f"--resize={width}x{height}")
    try:
        made = subprocess.run(  # noqa: S603 - our own arguments; the image goes in as stdin
            command, input=original, capture_output=True, timeout=MAX_SECONDS, check=True
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return b""
    return made if count_frames(made, frame_count + 1) == frame_count else b""


@functools.cache
def gifsicle_path() -> str | None:
    """The path of gifsicle, if it is installed. It is GPL, so it stays a program of its own."""
    return shutil.which("gifsicle")


def _colours(x: float) -> int:
    """All colours up to a coarseness of 1, MIN_COLOURS at 2, evenly in the logarithm between."""
    return round(MAX_COLOURS * math.pow(MIN_COLOURS / 256, max(x - 1, 0)))


def _error(image: DecodedImage, encoding: Encoding) -> float:
    """The squared error as displayed, summed over a few frames."""
    encoded = Image.open(io.BytesIO(encoding.content or b""))
    step = math.ceil(len(image.frames) / MAX_COMPARED)
    error = 0.0
    for number in range(0, len(image.frames), step):
        encoded.seek(number)
        error += colour.squared_error(image.frames[number], encoded.convert("RGBA"))
    return error
