"""AVIF, still and animated: the quality is found at a quick speed, the picture made at a slow."""

from __future__ import annotations

import math
from dataclasses import replace

from PIL import Image

from compress.decoded_image import Picture
from compress.input_image import Source
from compress.quality_search import Attempt, Knob, encoded, finest_that_fits, told

SLOPE = -0.04  # d log(size) over one unit of 100 - quality
START = 64
# At quality 20 three quarters of the width score 3 to 10 points of SSIMULACRA 2 more.
FLOOR, COARSEST = 80, 95
# Speed 9 takes a fifth of the time of 7, and 7 half that of 6. At equal bytes, over five pictures,
# 6 scores 1.3 points of SSIMULACRA 2 more than with the library's own tuning, 7 scores 0.3 less
# and 8 scores 0.9 less than that.
QUICK, SPEED = 9, 7
TUNING = {"tune": "ssimulacra2"}  # of libaom, for what the eye sees instead of PSNR
# Everything from 40 % of the input on is taken, for 45 %: a second encode would double the time.
GOOD_ENOUGH = 0.8
BAND = 64  # pixels: the height of a superblock


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    knob = Knob(
        start=START, finest=0, coarsest=COARSEST, slope=SLOPE, whole=True, good_enough=GOOD_ENOUGH
    )
    knob = told(lambda x: _encode(picture, x, QUICK), budget, knob, tries=3, near=0.25)
    if not picture.animated:
        knob = replace(knob, start=knob.clamp(knob.start - _saved(picture.image, knob.start)))
    found = finest_that_fits(lambda x: _encode(picture, x, SPEED), budget, knob)
    return found.attempt("quality", round(100 - found.best.x), acceptable=found.best.x <= FLOOR)


def _saved(image: Image.Image, x: float) -> float:
    """How much finer the slow speed can be than the quick one for the same bytes.

    It saves 0 to 25 % of them, and a band through the middle tells within 4 %.
    """
    top = max(image.height - BAND, 0) // 2
    band = Picture(frames=(image.crop((0, top, image.width, min(top + BAND, image.height))),))
    slow, quick = (len(_encode(band, x, speed)) for speed in (SPEED, QUICK))
    return math.log(slow / quick) / SLOPE


def _encode(picture: Picture, x: float, speed: int) -> bytes:
    return encoded(
        picture.image,
        "AVIF",
        save_all=picture.animated,
        append_images=picture.frames[1:],
        duration=[round(duration) for duration in picture.durations] or 0,
        quality=100 - round(x),
        speed=speed,
        advanced=TUNING if round(x) else None,  # without loss there is nothing to tune
        max_threads=1,  # one worker process a core already; and the bytes never depend on it
        **picture.dress(),
    )
