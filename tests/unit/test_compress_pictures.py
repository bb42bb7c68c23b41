"""What compression may not do to the pictures of a shop, judged without compression's own measures.

A colour is seen from 0.5 % of the visible pixels on.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compress import Compressed, Options, compress
from tests.unit import picture_corpus as corpus
from tests.unit.compress_samples import opened, saved
from tests.unit.picture_measures import (
    Pixels,
    contrast,
    ground,
    number_of_colours,
    pixels,
    seen_colours,
)
from tests.unit.test_compress_properties import BOUNDED

FILES = corpus.FILES


def in_few_colours(name: str) -> bool:
    return number_of_colours(pixels(FILES[name])) <= 256


def names(drawings: dict[str, Image.Image]) -> list[str]:
    return [name for name in FILES if name.split(", ")[0] in drawings]


FEW_COLOURS = [name for name in FILES if in_few_colours(name)]
ANY_FILE = pytest.mark.parametrize("name", FILES)
FLAT_FILE = pytest.mark.parametrize("name", FEW_COLOURS)
TEXT_FILE = pytest.mark.parametrize("name", names(corpus.TEXTS))
CODE_FILE = pytest.mark.parametrize(
    "name",
    names(corpus.CODES) + [name for name in names(corpus.WITH_ALPHA) if "on nothing" in name],
)
ALPHA_FILE = pytest.mark.parametrize("name", names(corpus.WITH_ALPHA))


@functools.cache
def done(name: str) -> Compressed:
    return compress(FILES[name])


def full_size(content: bytes, size: tuple[int, int]) -> bytes:
    """As a browser shows it in the place of the original."""
    image = opened(content)
    if image.size == size:
        return content
    return saved(image.convert("RGBA").resize(size, Image.Resampling.BICUBIC), "PNG")


def before_and_after(name: str) -> tuple[Pixels, Pixels]:
    before, after = FILES[name], done(name).content
    return pixels(before), pixels(full_size(after, opened(before).size))


@FLAT_FILE
def test_a_colour_that_is_seen_stays_that_colour(name: str) -> None:
    assert seen_colours(*before_and_after(name)).moves().max() <= 12


@FLAT_FILE
def test_two_colours_that_are_seen_stay_two(name: str) -> None:
    assert seen_colours(*before_and_after(name)).merged() == []


@pytest.mark.parametrize("name", [name for name in FEW_COLOURS if "GIF" not in name])
def test_the_ground_of_a_picture_in_few_colours_stays_exact(name: str) -> None:
    colour, became = ground(*before_and_after(name))
    assert (became == colour).all()


@FLAT_FILE
def test_a_picture_in_few_colours_never_loses_pixels(name: str) -> None:
    assert done(name).scale == 1
    assert opened(done(name).content).size == opened(FILES[name]).size


@pytest.mark.parametrize("name", [name for name in FILES if "GIF" in name or "white" in name])
def test_a_white_or_other_plain_ground_shows_no_tint(name: str) -> None:
    colour, became = ground(*before_and_after(name))
    assert np.abs(became.mean(axis=0) - colour).max() <= 1


@TEXT_FILE
def test_text_keeps_its_contrast(name: str) -> None:
    before, after = before_and_after(name)
    paper = ground(before, after)[0][:3].astype(int)
    away = np.abs(before[:, :3] - paper).max(axis=1)
    ink = away > 0.6 * away.max()
    was = contrast(before[ink, :3], before[away == 0, :3])
    assert contrast(after[ink, :3], after[away == 0, :3]) >= 0.9 * was


@pytest.mark.parametrize("mode", ["RGB", "P", "P, packed", "WebP", "GIF"])
def test_links_keep_their_colour_among_more_text(mode: str) -> None:
    before, after = before_and_after(f"links, {mode}")
    link = (before[:, 2].astype(int) - before[:, 0] > 100) & (before[:, 2] < 200)
    assert np.abs(after[link].mean(axis=0) - before[link].mean(axis=0)).max() <= 5


def read(content: bytes) -> str:
    """What a scanner reads off the picture on a white page."""
    image = opened(content).convert("RGBA")
    page = Image.new("RGBA", (image.width + 40, image.height + 40), "white")
    page.alpha_composite(image, (20, 20))
    found = zxingcpp.read_barcode(page.convert("L"))
    return found.text if found else ""


@CODE_FILE
def test_a_code_that_could_be_read_can_be_read(name: str) -> None:
    assert read(FILES[name])
    assert read(done(name).content) == read(FILES[name])


# One pixel a module, as in the small QR code, is finer than a JPEG of half the bytes can draw.
@pytest.mark.parametrize("format", ["WEBP", "AVIF", "JPEG"])
@pytest.mark.parametrize("name", [name for name in corpus.CODES if name != "small QR"])
def test_a_code_in_a_format_for_photos_can_still_be_read(name: str, format: str) -> None:
    original = saved(corpus.CODES[name].convert("RGB"), format, quality=80)
    assert read(compress(original).content) == read(original)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_a_file_of_a_few_hundred_bytes_never_loses_pixels(format: str) -> None:
    original = saved(corpus.gradient(), format)
    assert len(original) < 1000
    assert opened(compress(original).content).size == corpus.gradient().size


@ALPHA_FILE
def test_transparency_stays(name: str) -> None:
    before, after = (each[:, 3].astype(int) for each in before_and_after(name))
    assert np.abs(before - after).mean() <= 4


@ALPHA_FILE
def test_what_is_fully_transparent_or_fully_opaque_stays_so(name: str) -> None:
    before, after = (each[:, 3] for each in before_and_after(name))
    if done(name).scale == 1:
        assert set(after[before == 0].tolist()) <= {0}
        assert set(after[before == 255].tolist()) <= {255}


@ANY_FILE
def test_a_missed_target_costs_no_pixel_and_comes_with_a_reason(name: str) -> None:
    made = done(name)
    assert made.target_met == (len(made.content) <= len(FILES[name]) // 2)
    if not made.target_met:
        assert made.missed_because in ("would_damage", "no_smaller")
        assert made.method in ("lossless", "original")
        before, after = before_and_after(name)
        assert (before[before[:, 3] > 0] == after[before[:, 3] > 0]).all()


@ANY_FILE
def test_no_picture_becomes_larger(name: str) -> None:
    assert len(done(name).content) <= len(FILES[name])


@pytest.mark.parametrize("format", ["PNG", "WEBP", "ICO"])
@pytest.mark.parametrize("name", ["icon of 64", "cut-out", "badge", "QR on nothing"])
def test_colours_that_nobody_sees_cost_nothing(name: str, format: str) -> None:
    cleared = np.array(corpus.WITH_ALPHA[name])
    hidden = cleared[:, :, 3] == 0
    cleared[hidden] = 0
    noisy = cleared.copy()
    noisy[hidden, :3] = np.random.default_rng(1).integers(0, 256, (hidden.sum(), 3))
    how = {"lossless": True, "exact": True} if format == "WEBP" else {}
    plain, costly = (saved(Image.fromarray(each), format, **how) for each in (cleared, noisy))
    room = Options(max_bytes=len(plain) // 2)
    sizes = [len(compress(each, room).content) for each in (plain, costly)]
    assert sizes[1] <= sizes[0] * 1.05


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("name", corpus.PHOTOS)
def test_a_photo_still_ends_at_half_its_bytes(name: str, format: str) -> None:
    image = corpus.PHOTOS[name]
    original = saved(image.convert("RGB") if format == "JPEG" else image, format)
    made = compress(original)
    assert made.target_met
    assert len(made.content) <= len(original) // 2


RGB = st.tuples(*[st.integers(0, 255)] * 3)


@settings(BOUNDED, max_examples=40)
@given(RGB, RGB, st.integers(16, 160), st.integers(16, 96), st.sampled_from(("PNG", "GIF", "ICO")))
def test_a_logo_in_any_colours_keeps_them(
    sign: corpus.Rgb, paper: corpus.Rgb, width: int, height: int, format: str
) -> None:
    image = Image.new("RGB", (width, height), paper)
    side = min(width, height)
    mark = corpus.icon(side, sign)
    image.paste(mark, mask=mark)
    original = saved(image.quantize(64, dither=Image.Dither.NONE).convert("RGBA"), format)
    before, after = pixels(original), pixels(compress(original).content)
    seen = seen_colours(before, after)
    assert seen.moves().max() <= 12
    assert seen.merged() == []
    colour, became = ground(before, after)
    assert np.abs(became.mean(axis=0) - colour).max() <= (0.5 if format == "GIF" else 0)


@settings(BOUNDED, max_examples=30)
@given(RGB, RGB, st.integers(1, 4), st.sampled_from(("PNG", "GIF", "WEBP")))
def test_a_code_in_any_colours_that_could_be_read_can_be_read(
    ink: corpus.Rgb, paper: corpus.Rgb, scale: int, format: str
) -> None:
    drawn = corpus.code(zxingcpp.BarcodeFormat.QRCode, f"{ink} on {paper}", scale)
    original = saved(corpus.coloured(drawn, ink, paper), format)
    assert read(compress(original).content) == read(original)
