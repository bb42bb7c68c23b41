"""A GIF put together frame by frame with one palette: GIF89a specification, sections 17 to 26.

Pillow's own writer joins equal frames into one; here every frame stays a frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import GifImagePlugin, Image, ImageChops

from compress.decoded_image import Picture

TRANSPARENT = 255  # the palette's last entry
MOST_COLOURS = 255
OPAQUE_FROM = 128  # of 255: a GIF's pixel is either there or not
KEEP, TO_BACKGROUND = 1, 2  # disposal methods (section 23)
PIXELS_FOR_PALETTE = 500_000


def joined(picture: Picture, colours: int, tolerance: int) -> bytes:
    """The frames as one GIF; a pixel stays until it changes by more than ``tolerance``."""
    palette = _palette(picture, colours)
    see_through = any(frame.mode == "RGBA" for frame in picture.frames)
    frames = _whole(picture, palette) if see_through else _changes(picture, palette, tolerance)
    durations = picture.durations or (0.0,)
    parts = [_header(picture, palette)]
    for (frame, corner), milliseconds in zip(frames, durations, strict=True):
        parts += GifImagePlugin.getdata(
            frame,
            corner,
            duration=milliseconds,
            transparency=TRANSPARENT,
            disposal=TO_BACKGROUND if see_through else KEEP,
        )
    return b"".join([*parts, b";"])


def _palette(picture: Picture, colours: int) -> Image.Image:
    """One palette for all frames, from a part of their pixels, one under the other."""
    frames = [frame.convert("RGB") for frame in picture.frames]
    width, height = frames[0].size
    factor = max(width * height * len(frames) / PIXELS_FOR_PALETTE, 1) ** 0.5
    size = (max(int(width / factor), 1), max(int(height / factor), 1))
    tall = Image.new("RGB", (size[0], size[1] * len(frames)))
    for number, frame in enumerate(frames):
        tall.paste(frame.resize(size, Image.Resampling.NEAREST), (0, number * size[1]))
    return tall.quantize(colours, method=Image.Quantize.MEDIANCUT)


def _changes(
    picture: Picture, palette: Image.Image, tolerance: int
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Opaque frames: where nothing changes, transparent; cut to what does, at least a pixel."""
    shown: Image.Image | None = None
    for frame in picture.frames:
        indexed = _indexed(frame.convert("RGB"), palette)
        if shown is None:
            shown = indexed.convert("RGB")
            yield indexed, (0, 0)
            continue
        change = ImageChops.difference(frame.convert("RGB"), shown)
        table = [255 if value > tolerance else 0 for value in range(256)]
        changed = _any_channel(change.point(table * 3))
        box = changed.getbbox() or (0, 0, 1, 1)
        shown.paste(indexed.convert("RGB"), mask=changed)
        indexed.paste(TRANSPARENT, mask=ImageChops.invert(changed))
        yield indexed.crop(box), box[:2]


def _whole(picture: Picture, palette: Image.Image) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Frames that one can see through: each whole, and gone before the next."""
    table = [255 if alpha < OPAQUE_FROM else 0 for alpha in range(256)]
    for frame in picture.frames:
        indexed = _indexed(frame.convert("RGB"), palette)
        indexed.paste(TRANSPARENT, mask=frame.convert("RGBA").getchannel("A").point(table))
        yield indexed, (0, 0)


def _indexed(frame: Image.Image, palette: Image.Image) -> Image.Image:
    return frame.quantize(palette=palette, dither=Image.Dither.NONE)


def _any_channel(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _header(picture: Picture, palette: Image.Image) -> bytes:
    """Screen, colour table of 256, and Netscape's loop count unless it plays once."""
    table = bytes(palette.getpalette() or [])[:768].ljust(768, b"\0")
    screen = struct.pack("<2H3B", *picture.image.size, 0xF7, 0, 0)
    loop = b""
    if picture.loop is not None:
        loop = b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", picture.loop) + b"\0"
    return b"GIF89a" + screen + table + loop
