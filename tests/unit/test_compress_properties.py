"""What holds for any picture of any mode, size and content."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from compress import Options, compress
from tests.unit.compress_samples import opened, saved, saved_animation, timing

FORMATS_OF_MODE = {
    "1": ["PNG", "TIFF", "BMP", "GIF", "JPEG"],
    "L": ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF"],
    "LA": ["PNG", "WEBP", "TIFF", "ICO"],
    "P": ["PNG", "GIF", "BMP", "TIFF"],
    "PA": ["TIFF"],
    "RGB": ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "ICO"],
    "RGBA": ["PNG", "WEBP", "AVIF", "TIFF", "GIF", "ICO"],
    "CMYK": ["JPEG", "TIFF"],
    "I;16": ["PNG", "TIFF"],
    "I": ["TIFF"],
    "F": ["TIFF"],
}
MODES_AND_FORMATS = [(mode, each) for mode in FORMATS_OF_MODE for each in FORMATS_OF_MODE[mode]]
BOUNDED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def scribbled(mode: str, size: tuple[int, int], seed: int, noise: int) -> Image.Image:
    """Bars and noise: 0 is flat, 255 is nothing but noise."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    grey = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
    image = grey.point(lambda value: 128 + (value - 128) * noise / 255).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(size))
    for _ in range(chance.randint(0, 4)):
        left, top = chance.randrange(size[0]), chance.randrange(size[1])
        colour = tuple(chance.randrange(256) for _ in range(4))
        image.paste(colour, (left, top, size[0], min(top + 9, size[1])))
    if mode in ("CMYK", "I;16", "I", "F", "1"):
        return (
            image.convert("L").convert(mode)
            if mode != "CMYK"
            else image.convert("RGB").convert(mode)
        )
    return image.quantize(64).convert(mode) if mode in ("P", "PA") else image.convert(mode)


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    mode, format = draw(st.sampled_from(MODES_AND_FORMATS))
    size = (draw(st.integers(1, 90)), draw(st.integers(1, 90)))
    image = scribbled(mode, size, draw(st.integers(0, 99)), draw(st.sampled_from((0, 8, 60))))
    return saved(image, format)


@BOUNDED
@given(pictures(), st.integers(1, 95))
def test_any_picture_comes_out_no_larger_and_can_be_opened(original: bytes, percent: int) -> None:
    done = compress(original, Options(reduce_by=percent))
    assert len(done.content) <= len(original)
    assert done.target_met == (len(done.content) <= len(original) * (100 - percent) // 100)
    opened(done.content).load()


@BOUNDED
@given(pictures())
def test_any_picture_keeps_its_dimensions_or_says_its_scale(original: bytes) -> None:
    done = compress(original)
    before, after = opened(original).size, opened(done.content).size
    assert (done.width, done.height) == after
    assert all(abs(b * done.scale - a) <= 1 for b, a in zip(before, after, strict=True))


@BOUNDED
@given(pictures())
def test_any_transparent_picture_stays_transparent(original: bytes) -> None:
    before, after = lowest_alpha(original), lowest_alpha(compress(original).content)
    assert abs(before - after) <= 64


def lowest_alpha(content: bytes) -> int:
    return min(opened(content).convert("RGBA").getchannel("A").tobytes())


@BOUNDED
@given(pictures(), st.sampled_from(("jpeg", "png", "webp", "avif")))
def test_any_picture_can_become_any_format(original: bytes, target: str) -> None:
    done = compress(original, Options(format=target))
    assert done.format == target or done.method == "original"
    assert (opened(done.content).format or "").lower() == done.format


@BOUNDED
@given(pictures(), st.integers(1, 100), st.integers(1, 100))
def test_any_picture_fits_the_maximum_asked_for(original: bytes, width: int, height: int) -> None:
    done = compress(original, Options(max_width=width, max_height=height))
    fits = done.width <= width and done.height <= height
    assert fits or done.method == "original"


@settings(BOUNDED, max_examples=25)
@given(
    st.sampled_from(("GIF", "WEBP", "PNG", "AVIF")),
    st.lists(st.tuples(st.integers(0, 3), st.integers(2, 50)), min_size=2, max_size=6),
    st.integers(0, 3),
)
def test_any_animation_keeps_its_frames_and_their_timing(
    format: str, frames: list[tuple[int, int]], loop: int
) -> None:
    drawn = [scribbled("RGB", (40, 30), seed, 30) for seed, _ in frames]
    for number, frame in enumerate(drawn):
        frame.putpixel((number, 0), (number, 99, 99))  # or Pillow would join equal frames
    original = saved_animation(format, drawn, [10 * time for _, time in frames], loop=loop)
    done = compress(original)
    assert timing(done.content) == timing(original)
    assert opened(done.content).info.get("loop") == opened(original).info.get("loop")


@pytest.mark.parametrize("format", ["webp", "png"])
def test_equal_frames_stay_frames_of_their_own(format: str) -> None:
    drawn = [scribbled("RGB", (60, 60), seed, 30) for seed in (1, 2, 2, 2, 3)]
    original = saved_animation("AVIF", drawn, [100, 70, 50, 30, 10])  # AVIF does not join them
    done = compress(original, Options(format=format, reduce_by=1))
    assert timing(done.content) == [100, 70, 50, 30, 10]
