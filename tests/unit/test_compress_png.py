"""What a user sees of compressed PNGs: the same colours, sharp drawings, white that stays white."""

from __future__ import annotations

import struct

import pytest
from PIL import Image, ImageDraw

from pipeline.compress import Options, compress
from pipeline.compress.png_chunks import chunk, chunks, with_chunks
from tests.unit.compress_samples import difference, drawing, opened, photo, saved, see_through

LINEAR = chunk(b"gAMA", struct.pack(">I", 100_000))
WIDE = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
DISPLAY_P3 = chunk(b"cICP", bytes((12, 13, 0, 1)))
SRGB_GAMMA = chunk(b"gAMA", struct.pack(">I", 45455))
SRGB = chunk(b"sRGB", b"\0")
COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM")


def told(content: bytes) -> bytes:
    """What the file says of its colours before the palette, where the standard wants it."""
    names = [name for name, _ in chunks(content)]
    first = min(names.index(each) for each in (b"PLTE", b"IDAT") if each in names)
    assert not set(names[first:]) & {*COLOUR_CHUNKS}
    return b"".join(chunk(name, data) for name, data in chunks(content) if name in COLOUR_CHUNKS)


@pytest.mark.parametrize("image", [photo(), drawing(), see_through()], ids=["RGB", "few", "RGBA"])
@pytest.mark.parametrize("said", [LINEAR, LINEAR + WIDE, SRGB_GAMMA + WIDE, DISPLAY_P3])
def test_colours_are_told_as_they_were(image: Image.Image, said: bytes) -> None:
    original = with_chunks(saved(image, "PNG", compress_level=1), said)
    done = compress(original)
    assert told(done.content) == said
    assert difference(opened(original), opened(done.content)) < 20


@pytest.mark.parametrize("said", [SRGB_GAMMA, SRGB + LINEAR, SRGB + WIDE], ids=repr)
def test_what_says_only_what_every_browser_takes_for_granted_goes(said: bytes) -> None:
    done = compress(with_chunks(saved(photo(), "PNG"), said))
    assert told(done.content) == b""


def line_plot(size: tuple[int, int] = (500, 400)) -> Image.Image:
    """Thin grey lines, drawn twice as large so that their edges are smooth."""
    image = Image.new("L", (2 * size[0], 2 * size[1]), "white")
    draw = ImageDraw.Draw(image)
    for number in range(30):
        draw.line((20, 20 + 25 * number, 980, 780 - 20 * number), fill=number * 3, width=3)
    return image.resize(size, Image.Resampling.LANCZOS)


def test_a_line_plot_that_is_packed_well_keeps_its_pixels() -> None:
    packed = compress(saved(line_plot(), "PNG"), Options(reduce_by=1)).content
    done = compress(packed)
    assert done.target_met
    assert done.scale == 1


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_white_ground_stays_exactly_white(mode: str) -> None:
    image = photo((300, 200)).convert(mode)
    ImageDraw.Draw(image).rectangle((0, 0, 299, 80), fill=255 if mode == "L" else "white")
    done = compress(saved(image, "PNG"))
    assert done.method != "lossless"
    assert opened(done.content).convert("RGB").crop((2, 2, 298, 78)).getcolors() == [
        (296 * 76, (255, 255, 255))
    ]
