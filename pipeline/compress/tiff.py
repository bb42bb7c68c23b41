"""TIFF: every page; deflate where that is enough, else JPEG, else fewer levels a channel."""

from __future__ import annotations

from typing import Any

from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

JPEG_MODES = ("L", "RGB", "CMYK")


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    exact = _save(picture, None)
    if len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    if not all(frame.mode in JPEG_MODES for frame in picture.frames):
        return Attempt(content=exact, size=len(exact), method="lossless")
    knob = Knob(start=25, finest=5, coarsest=60, slope=-0.02, whole=True)
    found = finest_that_fits(lambda x: _save(picture, 100 - round(x)), budget, knob)
    return found.attempt("quality", round(100 - found.best.x))


def _save(picture: Picture, quality: int | None) -> bytes:
    first, *others = picture.frames
    how: dict[str, Any] = {"compression": "tiff_adobe_deflate"}
    if quality is not None:
        how = {"compression": "jpeg", "quality": quality}
    return encoded(
        first, "TIFF", save_all=True, append_images=others, icc_profile=picture.profile, **how
    )
