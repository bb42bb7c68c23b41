"""AVIF, still and animated: the encoder's quality."""

from __future__ import annotations

from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

SLOPE = -0.035
START = 55
FLOOR = 80  # 100 - quality
SPEED = 8


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    knob = Knob(start=START, finest=0, coarsest=FLOOR, slope=SLOPE, whole=True)
    found = finest_that_fits(lambda x: _encode(picture, 100 - round(x)), budget, knob)
    return Attempt(
        content=found.best.content,
        size=found.best.size,
        method="quality",
        quality=max(1, round(100 - found.best.x)),
        encodes=found.encodes,
    )


def _encode(picture: Picture, quality: int) -> bytes:
    return encoded(
        picture.image,
        "AVIF",
        save_all=picture.animated,
        append_images=picture.frames[1:],
        duration=[round(duration) for duration in picture.durations] or 0,
        quality=quality,
        speed=SPEED,
        max_threads=1,  # one worker process a core already; and the bytes never depend on it
        **picture.dress(),
    )
