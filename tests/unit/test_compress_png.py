"""Compressed PNGs keep their colours: drawings stay sharp, and white stays white."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from compress import Options, compress
from compress.png.chunks import chunk, chunks, with_chunks
from tests.unit.compress_samples import difference, drawing, fading_photo, opened, photo, saved

LINEAR = chunk(b"gAMA", struct.pack(">I", 100_000))
WIDE = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
DISPLAY_P3 = chunk(b"cICP", bytes((12, 13, 0, 1)))
SRGB_GAMMA = chunk(b"gAMA", struct.pack(">I", 45455))
SRGB = chunk(b"sRGB", b"\0")
COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM")


def colour_chunks(content: bytes) -> bytes:
    """The chunks about colour; they have to come before the palette."""
    names = [name for name, _ in chunks(content)]
    first = min(names.index(each) for each in (b"PLTE", b"IDAT") if each in names)
    assert not set(names[first:]) & {*COLOUR_CHUNKS}
    return b"".join(chunk(name, data) for name, data in chunks(content) if name in COLOUR_CHUNKS)


@pytest.mark.parametrize("image", [photo(), drawing(), fading_photo()], ids=["RGB", "few", "RGBA"])
@pytest.mark.parametrize("stated", [LINEAR, LINEAR + WIDE, SRGB_GAMMA + WIDE, DISPLAY_P3])
def test_the_colour_space_stays_as_it_was(image: Image.Image, stated: bytes) -> None:
    original = with_chunks(saved(image, "PNG", compress_level=1), stated)
    done = compress(original)
    assert colour_chunks(done.content) == stated
    assert difference(opened(original), opened(done.content)) < 20


@pytest.mark.parametrize("stated", [SRGB_GAMMA, SRGB + LINEAR, SRGB + WIDE], ids=repr)
def test_chunks_that_state_what_browsers_assume_anyway_are_removed(stated: bytes) -> None:
    done = compress(with_chunks(saved(photo(), "PNG"), stated))
    assert colour_chunks(done.content) == b""


def line_plot(size: tuple[int, int] = (500, 400)) -> Image.Image:
    """Thin lines in 16 greys, drawn twice as large so that their edges are smooth."""
    image = Image.new("L", (2 * size[0], 2 * size[1]), "white")
    draw = ImageDraw.Draw(image)
    for number in range(30):
        draw.line((20, 20 + 25 * number, 980, 780 - 20 * number), fill=number * 3, width=3)
    return image.resize(size, Image.Resampling.LANCZOS).quantize(16)


def test_a_line_plot_that_is_packed_well_keeps_its_pixels() -> None:
    packed = compress(saved(line_plot(), "PNG"), Options(reduce_by=1)).content
    done = compress(packed)
    assert done.scale == 1
    assert done.target_met or done.content == packed


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_white_background_stays_exactly_white(mode: str) -> None:
    image = photo((300, 200)).convert(mode)
    ImageDraw.Draw(image).rectangle((0, 0, 299, 80), fill=255 if mode == "L" else "white")
    done = compress(saved(image, "PNG"))
    assert opened(done.content).convert("RGB").crop((2, 2, 298, 78)).getcolors() == [
        (296 * 76, (255, 255, 255))
    ]


def test_the_plain_background_of_a_photo_keeps_its_shade() -> None:
    image = Image.new("RGB", (900, 700), (243, 241, 247))
    image.paste(photo().resize((700, 500)), (100, 100))
    done = compress(saved(image, "PNG"))
    assert done.method == "quality"
    assert opened(done.content).convert("RGB").crop((0, 0, 900, 100)).getcolors() == [
        (90_000, (243, 241, 247))
    ]


def test_a_small_mark_in_its_own_colour_keeps_it() -> None:
    image = line_plot().convert("RGB")
    ImageDraw.Draw(image).rectangle((400, 20, 430, 30), fill=(255, 220, 60))
    packed = compress(saved(image, "PNG"), Options(reduce_by=1)).content
    done = compress(packed, Options(reduce_by=60))
    mark = opened(done.content).convert("RGB").resize(image.size).crop((410, 23, 420, 27))
    assert difference(mark, Image.new("RGB", mark.size, (255, 220, 60))) < 40


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_an_image_that_fits_without_loss_keeps_every_pixel(mode: str) -> None:
    image = drawing().convert("L").convert(mode) if mode == "I;16" else drawing().convert(mode)
    done = compress(saved(image, "PNG", compress_level=0))
    assert done.method == "lossless"
    same = "I" if mode == "I;16" else "RGBA"
    assert opened(done.content).convert(same).tobytes() == image.convert(same).tobytes()


def test_the_transparent_colours_of_a_palette_stay_transparent() -> None:
    image = drawing().quantize(24)
    original = saved(image, "PNG", compress_level=0, transparency=bytes([0, 128, 255]))
    before, after = (
        opened(each).convert("RGBA") for each in (original, compress(original).content)
    )
    assert after.getchannel("A").tobytes() == before.getchannel("A").tobytes()


def test_a_large_photo_is_packed_in_a_process_of_its_own() -> None:
    noise = np.random.default_rng(1).integers(0, 40, (800, 1000, 3), np.uint8)
    image = ImageChops.add(photo((1000, 800)), Image.fromarray(noise))
    original = saved(image, "PNG", compress_level=1)
    done = compress(original)
    assert done.target_met
    assert done.scale == 1
    assert difference(image, opened(done.content)) < 10
