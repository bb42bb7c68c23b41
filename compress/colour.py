"""Change the mode, colour profile or transparency of pixels, and measure how much they differ."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable, Iterator
from typing import Any

from PIL import Image, ImageChops, ImageCms, ImageStat

Colour = float | tuple[int, ...]
Box = tuple[int, int, int, int]

# A colour of this share of the pixels is a ground, on which even a small change would be seen.
MIN_GROUND, GROUND_SAMPLE = 0.05, (64, 64)
STRIP_PIXELS = 1 << 20
SRGB = ImageCms.createProfile("sRGB")

# The profile header's "data colour space" (ICC.1:2022, 7.2.6) against Pillow's modes.
PROFILE_SPACES = {
    b"RGB ": ("RGB", "RGBA", "P", "PA"),
    b"GRAY": ("1", "L", "LA", "I;16"),
    b"CMYK": ("CMYK",),
}


def to_basic_mode(image: Image.Image) -> Image.Image:
    """The image in one of the basic modes L, RGB and RGBA (eight bits a channel), without metadata.

    Always a new image, so that a later seek in the file cannot change it.
    """
    if image.mode in ("L", "1") and "transparency" not in image.info:
        return drop_metadata(image.convert("L"))
    if image.mode.startswith("I;16"):
        return drop_metadata(image.convert("I").point(lambda value: value / 256).convert("L"))
    if image.mode in ("I", "F"):
        return drop_metadata(image.point(lambda value: value / 256).convert("L"))
    if image.has_transparency_data:
        return drop_opaque_alpha(drop_metadata(image.convert("RGBA")))
    return drop_metadata(image.convert("RGB"))


def drop_metadata(image: Image.Image) -> Image.Image:
    """The same image object, its metadata removed."""
    image.info = {}
    return image


def drop_opaque_alpha(image: Image.Image) -> Image.Image:
    """Without an alpha channel that is fully opaque everywhere."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    return image


def without_hidden_colours(image: Image.Image) -> Image.Image:
    """Fully transparent pixels become black: their colours are never seen, but cost bytes."""
    if image.mode != "RGBA":
        return image
    visible = image.getchannel("A").point([0] + [255] * 255)
    return Image.composite(image, Image.new("RGBA", image.size), visible)


def to_common_mode(frames: Iterable[Image.Image]) -> tuple[Image.Image, ...]:
    """All frames in the richest of their basic modes: an animation has one mode for all."""
    frames = list(frames)
    modes = {frame.mode for frame in frames}
    mode = next(mode for mode in ("RGBA", "RGB", "L") if mode in modes)
    return tuple(frame if frame.mode == mode else frame.convert(mode) for frame in frames)


def ground(image: Image.Image) -> Colour | None:
    """The visible colour of at least MIN_GROUND of the pixels, as of a sample; None for none."""
    sample = image.resize(GROUND_SAMPLE, Image.Resampling.NEAREST)
    pixels = sample.width * sample.height
    counted: Any = sample.getcolors(pixels)
    visible = [each for each in counted if image.mode != "RGBA" or each[1][3] > 0]
    count, colour = max(visible, key=lambda each: each[0], default=(0, None))
    return colour if count >= MIN_GROUND * pixels else None


def posterise(image: Image.Image, half_steps: int, ground: Colour | None = None) -> Image.Image:
    """Each channel rounded to multiples of a step, given in halves; PNG filters pack it well.

    An odd number of half steps gives green, to which the eye is most sensitive, the smaller step.
    Black and white stay exact, and so do the ``ground`` and what is fully opaque or transparent.
    """
    finer, coarser = (_levels(half_steps // 2), _levels((half_steps + 1) // 2))
    tables = {"L": finer, "RGB": coarser + finer + coarser}
    tables["RGBA"] = tables["RGB"] + finer
    posterised = image.point(tables[image.mode])
    for box in _strips(image.size) if ground is not None else ():
        _keep_ground(image.crop(box), posterised, ground, box)
    return posterised


def _keep_ground(
    strip: Image.Image, posterised: Image.Image, ground: Colour | None, box: Box
) -> None:
    plain = Image.new(strip.mode, strip.size, ground)
    differs = functools.reduce(ImageChops.lighter, ImageChops.difference(strip, plain).split())
    posterised.paste(plain, box, mask=differs.point([255] + [0] * 255))


def _strips(size: tuple[int, int]) -> Iterator[Box]:
    """Boxes of STRIP_PIXELS or a row, so that what is made for each of them takes little memory."""
    width, height = size
    rows = max(STRIP_PIXELS // width, 1)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def _levels(step: int) -> list[int]:
    return [255 if value == 255 else min(round(value / step) * step, 255) for value in range(256)]


def squared_error(before: Image.Image, after: Image.Image) -> float:
    """Summed over pixels and channels; a difference counts less the more transparent it is."""
    boxes = _strips(before.size)
    return sum(_squared_error(before.crop(box), after.crop(box)) for box in boxes)


def _squared_error(before: Image.Image, after: Image.Image) -> float:
    pair = [image.convert(before.mode) for image in (before, after)]
    if before.mode == "RGBA":
        pair = [image.convert("RGBa") for image in pair]
    bands = zip(*(image.split() for image in pair), strict=True)
    return sum(ImageStat.Stat(ImageChops.difference(*band)).sum2[0] for band in bands)


def flatten_on_white(image: Image.Image) -> Image.Image:
    """For a format without alpha: over white, the usual background of a shop's page."""
    if image.mode != "RGBA":
        return image
    background = Image.new("RGB", image.size, "white")
    background.paste(image, mask=image.getchannel("A"))
    return background


def profile_matches(profile: bytes, mode: str) -> bool:
    """Whether the profile describes pixels of this mode."""
    return mode in PROFILE_SPACES.get(profile[16:20], ())


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The pixels in sRGB, so that no profile is needed; unchanged where the profile is broken."""
    if image.mode in ("1", "P", "PA", "LA"):
        image = to_basic_mode(image)
    to_rgb = image.mode in ("L", "CMYK")
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            SRGB,
            outputMode="RGB" if to_rgb else image.mode,
        )
    except (ImageCms.PyCMSError, OSError):
        return image
    return drop_metadata(converted) if converted else image
