"""Write a GIF frame by frame with one palette: GIF89a specification, sections 17 to 26.

Pillow's own writer joins equal frames into one; here every frame stays a frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import GifImagePlugin, Image, ImageChops

from compress.decoded_image import DecodedImage

TRANSPARENT = 255  # the index: the last entry of the palette
MAX_COLOURS = 255
MIN_OPAQUE = 128  # alpha, of 255: a pixel of a GIF is either opaque or transparent
DO_NOT_DISPOSE, RESTORE_TO_BACKGROUND = 1, 2  # disposal methods (section 23)
MAX_PALETTE_PIXELS = 500_000  # of all frames together, from which the palette is made


def write_gif(image: DecodedImage, colours: int, tolerance: int) -> bytes:
    """The frames as one GIF; a pixel stays as it is until it changes by more than ``tolerance``.

    ``colours`` are 2 to MAX_COLOURS; the ``tolerance``, of 255, holds for each channel. Frames with
    transparency have none: each of them is written whole.
    """
    palette = _palette(image, colours)
    is_transparent = any(frame.mode == "RGBA" for frame in image.frames)
    if is_transparent:
        frames, disposal = _whole_frames(image, palette), RESTORE_TO_BACKGROUND
    else:
        frames, disposal = _changed_parts(image, palette, tolerance), DO_NOT_DISPOSE
    durations = image.durations or (0.0,)
    parts = [_header(image, palette)]
    for (frame, corner), milliseconds in zip(frames, durations, strict=True):
        parts += GifImagePlugin.getdata(
            frame,
            corner,
            duration=milliseconds,
            transparency=TRANSPARENT,
            disposal=disposal,
        )
    return b"".join([*parts, b";"])


def _palette(image: DecodedImage, colours: int) -> Image.Image:
    """One palette for all frames, made from an even selection of their pixels."""
    frames = [frame.convert("RGB") for frame in image.frames]
    width, height = frames[0].size
    factor = max(width * height * len(frames) / MAX_PALETTE_PIXELS, 1) ** 0.5
    size = (max(int(width / factor), 1), max(int(height / factor), 1))
    tall = Image.new("RGB", (size[0], size[1] * len(frames)))
    for number, frame in enumerate(frames):
        tall.paste(frame.resize(size, Image.Resampling.NEAREST), (0, number * size[1]))
    return tall.quantize(colours, method=Image.Quantize.MEDIANCUT)


def _changed_parts(
    image: DecodedImage, palette: Image.Image, tolerance: int
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """(part, corner) of each opaque frame: what changes, or one pixel; the rest is transparent."""
    shown: Image.Image | None = None
    for frame in image.frames:
        indexed = _indexed(frame.convert("RGB"), palette)
        if shown is None:
            shown = indexed.convert("RGB")
            yield indexed, (0, 0)
            continue
        change = ImageChops.difference(frame.convert("RGB"), shown)
        table = [255 if value > tolerance else 0 for value in range(256)]
        changed = _max_of_channels(change.point(table * 3))
        box = changed.getbbox() or (0, 0, 1, 1)
        shown.paste(indexed.convert("RGB"), mask=changed)
        indexed.paste(TRANSPARENT, mask=ImageChops.invert(changed))
        yield indexed.crop(box), box[:2]


def _whole_frames(
    image: DecodedImage, palette: Image.Image
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """(frame, corner) of each transparent frame, which is disposed of before the next."""
    table = [255 if alpha < MIN_OPAQUE else 0 for alpha in range(256)]
    for frame in image.frames:
        indexed = _indexed(frame.convert("RGB"), palette)
        indexed.paste(TRANSPARENT, mask=frame.convert("RGBA").getchannel("A").point(table))
        yield indexed, (0, 0)


def _indexed(frame: Image.Image, palette: Image.Image) -> Image.Image:
    return frame.quantize(palette=palette, dither=Image.Dither.NONE)


def _max_of_channels(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _header(image: DecodedImage, palette: Image.Image) -> bytes:
    """Logical screen, colour table of 256, and Netscape's loop count unless it plays once."""
    table = bytes(palette.getpalette() or [])[:768].ljust(768, b"\0")
    screen = struct.pack("<2H3B", *image.first_frame.size, 0xF7, 0, 0)
    loop = b""
    if image.loop is not None:
        loop = b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", image.loop) + b"\0"
    return b"GIF89a" + screen + table + loop
