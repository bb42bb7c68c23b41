"""GIF: gifsicle in its own process where it is installed, else fewer changes and fewer colours."""

from __future__ import annotations

import functools
import io
import math
import shutil
import subprocess

from PIL import Image

from compress import colour
from compress.decoded_image import Picture
from compress.gif import blocks, frames
from compress.input_image import Source
from compress.quality_search import Attempt, Knob, finest_that_fits

# d log(size) over one unit of the knob: from 0 to 1 it raises what may differ unseen (gifsicle's
# --lossy, or our tolerance between frames), from 1 to 2 it lowers the colours.
SLOPE = -0.6
LOSSIEST = 100  # of gifsicle: its manual calls 80 barely visible and 200 very visible
LARGEST_TOLERANCE = 24  # of 255, in any channel
# Below all colours, photos lose 15 points of SSIMULACRA 2 against fewer pixels; drawings win.
FLOOR = 1.0
FEWEST_COLOURS = 32
COMPARED = 5  # frames, at most, of the two ways to write one film
# A file that makes gifsicle hang must not hold up the worker; it needs a second a megabyte.
LONGEST_SECONDS = 60


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    tidy = blocks.tidy(source.original) if source.format == "gif" else b""
    if not tidy or gifsicle() is None:
        return _by_ourselves(picture, budget)
    attempt = _by_gifsicle(picture, budget, tidy, source.frames)
    if attempt.acceptable and attempt.fits(budget):
        return attempt
    # Where gifsicle would have to lose colours or pixels, films fare better with fewer changes.
    other = _by_ourselves(picture, budget)
    if not other.fits(budget) or not attempt.fits(budget):
        return min(attempt, other, key=lambda each: each.size)
    return min(attempt, other, key=lambda each: _error(picture, each))


def _by_gifsicle(picture: Picture, budget: int, tidy: bytes, frames: int) -> Attempt:
    knob = Knob(start=0.5, finest=0, coarsest=2, slope=SLOPE)
    found = finest_that_fits(
        lambda x: _gifsicle(picture, tidy, frames, x) or _joined(picture, x), budget, knob
    )
    method = "lossless" if found.best.x == 0 else "palette"
    return found.attempt(method, acceptable=found.best.x <= FLOOR)


def _by_ourselves(picture: Picture, budget: int) -> Attempt:
    finest = 0 if picture.animated else 1
    knob = Knob(start=finest + 0.5, finest=finest, coarsest=2, slope=SLOPE)
    found = finest_that_fits(lambda x: _joined(picture, x), budget, knob)
    return found.attempt("palette", acceptable=found.best.x <= FLOOR)


def _joined(picture: Picture, x: float) -> bytes:
    return frames.joined(picture, _colours(x), round(LARGEST_TOLERANCE * min(x, 1)))


def _error(picture: Picture, attempt: Attempt) -> float:
    """The squared error as displayed, of a few frames from all over the film."""
    made = Image.open(io.BytesIO(attempt.content or b""))
    error = 0.0
    for number in range(0, len(picture.frames), math.ceil(len(picture.frames) / COMPARED)):
        made.seek(number)
        error += colour.squared_error(picture.frames[number], made.convert("RGBA"))
    return error


@functools.cache
def gifsicle() -> str | None:
    """Where the program is. It is GPL, so it stays a program beside ours and optional."""
    return shutil.which("gifsicle")


def _gifsicle(picture: Picture, tidy: bytes, frames: int, x: float) -> bytes:
    """What gifsicle makes of the tidy source; nothing where it fails or loses a frame."""
    width, height = picture.image.size
    command = [gifsicle() or "", "-O3", "-Okeep-empty", "--no-warnings"]
    command += ["--no-comments", "--no-names", "--no-extensions"]
    command.append(f"--lossy={round(LOSSIEST * min(x, 1))}")
    if x > 1:
        command.append(f"--colors={_colours(x)}")
    if picture.scale != 1:
        command.append(f"--resize={width}x{height}")
    try:
        made = subprocess.run(  # noqa: S603 - our own arguments; the picture goes in as stdin
            command, input=tidy, capture_output=True, timeout=LONGEST_SECONDS, check=True
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return b""
    return made if blocks.count_frames(made, frames + 1) == frames else b""


def _colours(x: float) -> int:
    """All there are up to 1, the fewest at 2, evenly in the logarithm between."""
    return round(frames.MOST_COLOURS * math.pow(FEWEST_COLOURS / 256, max(x - 1, 0)))
