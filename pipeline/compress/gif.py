"""GIF: gifsicle in its own process where it is installed, else Pillow with fewer colours."""

from __future__ import annotations

import functools
import math
import shutil
import subprocess

from PIL import Image

from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

SLOPE = -0.6
LOSSIEST = 100
FEWEST_COLOURS = 32
# gifsicle needs about a second a megabyte; a file that makes it hang must not hold up the worker.
LONGEST_SECONDS = 60


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    """The knob: 0 to 1 raises gifsicle's --lossy, 1 to 2 then lowers the colours."""
    with_gifsicle = source.format == "gif" and gifsicle() is not None
    knob = Knob(start=0.5, finest=0, coarsest=2, slope=SLOPE)
    found = finest_that_fits(
        lambda x: _by_gifsicle(picture, source, x) if with_gifsicle else _by_pillow(picture, x),
        budget,
        knob,
    )
    method = "lossless" if with_gifsicle and found.best.x == 0 else "palette"
    return found.attempt(method)


@functools.cache
def gifsicle() -> str | None:
    return shutil.which("gifsicle")


def _by_gifsicle(picture: Picture, source: Source, x: float) -> bytes:
    width, height = picture.image.size
    command = [gifsicle() or "", "-O3", "-Okeep-empty", "--no-warnings"]
    command += ["--no-comments", "--no-names", "--no-extensions"]
    command.append(f"--lossy={round(LOSSIEST * min(x, 1))}")
    if x > 1:
        command.append(f"--colors={_colours(x - 1)}")
    if picture.scale != 1:
        command.append(f"--resize={width}x{height}")
    done = subprocess.run(  # noqa: S603
        command, input=source.original, capture_output=True, timeout=LONGEST_SECONDS, check=False
    )
    return done.stdout if done.returncode == 0 and done.stdout else _by_pillow(picture, x)


def _by_pillow(picture: Picture, x: float) -> bytes:
    frames = [
        frame.convert("RGBA").quantize(_colours(x), method=Image.Quantize.FASTOCTREE)
        for frame in picture.frames
    ]
    timing = {"duration": list(picture.durations)} if picture.animated else {}
    loop = {} if picture.loop is None else {"loop": picture.loop}
    return encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], optimize=True, **timing, **loop
    )


def _colours(x: float) -> int:
    """256 at 0, the fewest at 2, evenly in the logarithm."""
    return round(256 * math.pow(FEWEST_COLOURS / 256, min(x / 2, 1)))
