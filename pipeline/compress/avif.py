"""AVIF, still and animated: the quality is found at a quick speed, the picture made at a slow."""

from __future__ import annotations

from dataclasses import replace

from pipeline.compress import sample
from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

SLOPE = -0.035  # d log(size) over one unit of 100 - quality
START = 60
# At quality 26 three quarters of the width score 3 to 10 points of SSIMULACRA 2 more.
FLOOR, COARSEST = 74, 95
# Speed 9 takes a tenth of the time of 6, for sizes within 17 %; at equal bytes 6 scores 3 to 5
# points of SSIMULACRA 2 more than 8, and 5 no more than 6.
PROBE_SPEED, SPEED = 9, 6
BLOCK = 64  # pixels: the side of a superblock


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    """The full encode is taken from 40 % of the input on: a second would double the time."""
    knob = Knob(start=START, finest=0, coarsest=COARSEST, slope=SLOPE, whole=True)
    probe, share = picture, 1.0
    if not picture.animated and sample.is_large(picture.image):
        part, share = sample.strips(picture.image, BLOCK)
        probe = replace(picture, frames=(part,), profile=b"")
    told = finest_that_fits(lambda x: _encode(probe, x, PROBE_SPEED), int(budget * share), knob)
    found = finest_that_fits(
        lambda x: _encode(picture, x, SPEED), budget, told.around(knob), good_enough=0.8
    )
    return found.attempt("quality", round(100 - found.best.x), acceptable=found.best.x <= FLOOR)


def _encode(picture: Picture, x: float, speed: int) -> bytes:
    return encoded(
        picture.image,
        "AVIF",
        save_all=picture.animated,
        append_images=picture.frames[1:],
        duration=[round(duration) for duration in picture.durations] or 0,
        quality=100 - round(x),
        speed=speed,
        max_threads=1,  # one worker process a core already; and the bytes never depend on it
        **picture.dress(),
    )
