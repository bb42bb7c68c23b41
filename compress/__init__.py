"""Bytes of a picture → at most half as many, at the best quality that fits. Pure.

``compress`` is the order of steps; each format decides its own knob in the file of its name, and
they share one search. To add a format, write its file and name it in FORMATS.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from compress import avif, colour, downscale, ico, jpeg, tiff, webp
from compress.decoded_image import Picture, decoded, upright
from compress.downscale import Climb
from compress.gif import encoder as gif
from compress.input_image import DAMAGE, Source, broken, opened, too_large
from compress.options import Compressed, Options, Unreadable
from compress.png import encoder as png
from compress.quality_search import Attempt

__all__ = ["Compressed", "Options", "Unreadable", "compress"]


@dataclass(frozen=True)
class Format:
    extension: str
    shrink: Callable[[Picture, int, Source], Attempt]
    animates: bool = False
    strip: Callable[[bytes, bytes], bytes] | None = None


FORMATS = {
    "jpeg": Format("jpg", jpeg.shrink, strip=jpeg.strip),
    "png": Format("png", png.shrink, animates=True),
    "webp": Format("webp", webp.shrink, animates=True, strip=webp.strip),
    "avif": Format("avif", avif.shrink, animates=True),
    "gif": Format("gif", gif.shrink, animates=True),
    "tiff": Format("tif", tiff.shrink),
    "ico": Format("ico", ico.shrink),
    "bmp": Format("bmp", png.shrink),
}

DEFAULTS = Options()

# A profile larger than this share of the budget is applied to the pixels and left out.
LARGEST_PROFILE_SHARE = 0.15


def compress(
    original: bytes, options: Options = DEFAULTS, *, max_pixels: int = 100_000_000
) -> Compressed:
    """The picture in at most ``100 - reduce_by`` percent of its bytes, where that can be done.

    Never larger than the input. ``max_pixels`` bounds pixels times frames. The same input
    gives the same bytes. Raises Unreadable.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of oddities that concern no one here.
        # A second line behind our own check of the header, for sizes found while decoding.
        Image.MAX_IMAGE_PIXELS = max(max_pixels // 2, 1)
        try:
            return _compress(original, options, max_pixels)
        except (MemoryError, Image.DecompressionBombError):
            raise too_large(max_pixels) from None


def _compress(original: bytes, options: Options, max_pixels: int) -> Compressed:
    try:
        source = opened(original, max_pixels)
        picture = decoded(source)
    except DAMAGE as error:
        raise broken() from error
    budget = len(original) * (100 - options.reduce_by) // 100
    target, limit = _target(source, options), _limit(picture, options)
    climb = Climb()
    if stripped := _stripped(source, picture):
        source = replace(source, bare=len(stripped))
        if target == source.format and limit == 1:
            climb.add(_unchanged(stripped, "lossless"), picture)
            if len(stripped) <= budget:
                return _answer(target, *climb.met[0], climb.encodes, budget)
    picture = _prepared(picture, source, target, budget)
    return _smallest(source, target, picture, climb, limit, budget)


def _target(source: Source, options: Options) -> str:
    if options.format != "keep":
        return options.format
    return "png" if source.format == "bmp" else source.format


def _prepared(picture: Picture, source: Source, target: str, budget: int) -> Picture:
    """The picture in modes that the target can hold, with a profile that it can afford."""
    if target != source.format:
        picture = _converted(upright(picture), target)
    profile = picture.profile
    needed = [frame for frame in picture.frames if not colour.belongs(profile, frame.mode)]
    if profile and (needed or len(profile) > LARGEST_PROFILE_SHARE * budget):
        frames = tuple(colour.in_srgb(frame, profile) for frame in picture.frames)
        picture = replace(picture, frames=frames, profile=b"")
    return picture


def _converted(picture: Picture, target: str) -> Picture:
    frames = picture.frames if FORMATS[target].animates and picture.animated else picture.frames[:1]
    if any(frame.mode == "CMYK" for frame in frames) and picture.profile:
        frames = tuple(colour.in_srgb(frame, picture.profile) for frame in frames)
        picture = replace(picture, profile=b"")
    frames = colour.same_mode(colour.presentable(frame) for frame in frames)
    if target == "jpeg":
        frames = tuple(colour.on_white(frame) for frame in frames)
    durations = picture.durations if len(frames) > 1 else ()
    return replace(picture, frames=frames, durations=durations)


def _limit(picture: Picture, options: Options) -> float:
    """The factor that brings the picture within the asked dimensions; never above 1."""
    width, height = picture.displayed_size
    return min(
        1.0,
        (options.max_width or width) / width,
        (options.max_height or height) / height,
    )


def _smallest(
    source: Source, target: str, full: Picture, climb: Climb, limit: float, budget: int
) -> Compressed:
    aimed = full.scaled(limit) if limit < 1 else full
    downscale.descend(climb, aimed, lambda each: _shrink(target, each, budget, source), budget)
    attempt, chosen = downscale.best(climb, aimed, budget)
    if len(attempt.content or b"") >= len(source.original):
        attempt, target, chosen = _unchanged(source.original, "original"), source.format, full
    elif chosen.scale != aimed.scale:
        attempt = replace(attempt, method="downscale")
    return _answer(target, attempt, chosen, climb.encodes, budget)


def _unchanged(content: bytes, method: str) -> Attempt:
    return Attempt(content=content, size=len(content), method=method, encodes=0)


def _shrink(target: str, picture: Picture, budget: int, source: Source) -> Attempt:
    return FORMATS[target].shrink(picture, budget, source)


def _stripped(source: Source, picture: Picture) -> bytes:
    """The original without its metadata, or nothing where that cannot be had so."""
    strip = FORMATS[source.format].strip
    return strip(source.original, picture.dress()["exif"]) if strip else b""


def _answer(
    target: str, attempt: Attempt, picture: Picture, encodes: int, budget: int
) -> Compressed:
    width, height = picture.displayed_size
    return Compressed(
        content=attempt.content or b"",
        extension=FORMATS[target].extension,
        format=target,
        width=width,
        height=height,
        method=attempt.method,
        quality=attempt.quality,
        scale=round(picture.scale, 4),
        encodes=encodes,
        target_met=attempt.fits(budget),
    )
