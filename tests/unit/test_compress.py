"""Every kind of image comes out with half its bytes and the same look."""

from __future__ import annotations

import pytest
from PIL import Image, ImageCms, ImageOps

from compress import Options, Unreadable, compress
from tests.unit.compress_samples import (
    animation,
    difference,
    drawing,
    fading_photo,
    opened,
    photo,
    saved,
    saved_animation,
    timing,
)

STILLS = {
    "jpeg": saved(photo(), "JPEG", quality=90),
    "jpeg_progressive": saved(photo(), "JPEG", quality=75, progressive=True),
    "jpeg_grey": saved(photo().convert("L"), "JPEG", quality=90),
    "jpeg_cmyk": saved(photo().convert("CMYK"), "JPEG", quality=90),
    "png": saved(photo(), "PNG"),
    "png_alpha": saved(fading_photo(), "PNG"),
    "png_grey": saved(photo().convert("L"), "PNG"),
    "webp": saved(photo(), "WEBP", quality=80),
    "webp_lossless": saved(photo(), "WEBP", lossless=True),
    "webp_alpha": saved(fading_photo(), "WEBP", quality=80),
    "avif": saved(photo(), "AVIF", quality=80),
    "bmp": saved(photo(), "BMP"),
    "tiff": saved(photo(), "TIFF"),
    "gif": saved(photo(), "GIF"),
}
DURATIONS = [40, 80, 120, 160, 200]


@pytest.mark.parametrize("name", STILLS)
def test_every_kind_of_still_ends_at_half_its_bytes_or_less(name: str) -> None:
    done = compress(STILLS[name])
    assert len(done.content) <= len(STILLS[name]) // 2
    assert done.target_met


@pytest.mark.parametrize("name", STILLS)
def test_every_kind_of_still_looks_as_it_did(name: str) -> None:
    done = compress(STILLS[name])
    smaller = opened(done.content)
    original = opened(STILLS[name])
    assert (done.width, done.height) == smaller.size
    assert difference(original, smaller.resize(original.size)) < 20


@pytest.mark.parametrize("name", [name for name in STILLS if name != "bmp"])
def test_an_image_keeps_its_format(name: str) -> None:
    done = compress(STILLS[name])
    assert opened(done.content).format == opened(STILLS[name]).format
    assert done.format == name.split("_")[0]


def test_a_bmp_becomes_a_png() -> None:
    done = compress(STILLS["bmp"])
    assert (done.format, done.extension) == ("png", "png")
    assert opened(done.content).format == "PNG"


@pytest.mark.parametrize("name", ["png_alpha", "webp_alpha"])
def test_transparency_stays(name: str) -> None:
    smaller = opened(compress(STILLS[name]).content).convert("RGBA")
    before = opened(STILLS[name]).convert("RGBA").getchannel("A")
    assert difference(before, smaller.getchannel("A").resize(before.size)) < 6


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_a_turned_photo_is_still_shown_upright(format: str) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    original = saved(photo(), format, exif=exif)
    done = compress(original)
    before, after = (ImageOps.exif_transpose(opened(each)) for each in (original, done.content))
    assert (done.width, done.height) == after.size == before.size
    assert difference(before, after) < 20


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_small_colour_profile_stays(format: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = saved(photo((400, 300)), format, icc_profile=profile, quality=95)
    assert opened(compress(original).content).info.get("icc_profile") == profile


def test_a_profile_that_would_eat_the_budget_is_applied_and_left_out() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(60_000)
    original = saved(photo(), "JPEG", icc_profile=profile, quality=80)
    done = compress(original, Options(reduce_by=90))
    assert "icc_profile" not in opened(done.content).info
    assert difference(opened(original), opened(done.content)) < 20


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_where_a_photo_was_taken_is_not_published(format: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 14.0)
    exif[0x10F] = "Secret Camera"
    original = saved(photo(), format, exif=exif)
    done = compress(original)
    assert 0x8825 not in opened(done.content).getexif()
    assert b"Secret" not in done.content


def test_a_jpeg_that_is_mostly_thumbnail_only_loses_the_thumbnail() -> None:
    plain = saved(photo(), "JPEG", quality=60)
    heavy = plain[:2] + b"\xff\xed\xff\xff" + bytes(65_533) + plain[2:] + b"trailing payload"
    done = compress(heavy)
    assert done.method == "lossless"
    assert opened(done.content).tobytes() == opened(plain).tobytes()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_keeps_its_frames_their_timing_and_the_loop(format: str) -> None:
    original = saved_animation(format, animation(), DURATIONS, loop=3)
    done = compress(original)
    assert len(done.content) <= len(original) // 2
    assert timing(done.content) == timing(original) == DURATIONS
    assert opened(done.content).info.get("loop") == opened(original).info.get("loop")


def test_all_pages_of_a_tiff_stay() -> None:
    pages = animation(3)
    original = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert getattr(opened(compress(original).content), "n_frames", 1) == 3


def test_all_sizes_of_an_icon_stay() -> None:
    original = saved(fading_photo((128, 128)), "ICO", sizes=[(16, 16), (64, 64)])
    smaller = opened(compress(original).content)
    assert smaller.info["sizes"] == {(16, 16), (64, 64)}


def test_few_colours_stay_exactly_as_they_are() -> None:
    original = saved(drawing(), "PNG", compress_level=0)
    done = compress(original)
    assert done.method == "lossless"
    assert opened(done.content).convert("RGB").tobytes() == drawing().tobytes()


def test_a_file_that_cannot_be_halved_is_never_larger() -> None:
    original = saved(Image.new("1", (1, 1)), "PNG")
    done = compress(original)
    assert len(done.content) <= len(original)
    assert not done.target_met


@pytest.mark.parametrize("percent", [10, 50, 80, 95])
def test_the_user_says_by_how_much(percent: int) -> None:
    original = saved(photo((400, 300)), "JPEG", quality=90)
    done = compress(original, Options(reduce_by=percent))
    assert len(done.content) <= len(original) * (100 - percent) / 100


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("name", ["jpeg_cmyk", "png_alpha", "gif", "tiff", "bmp"])
def test_the_user_says_which_format(name: str, target: str) -> None:
    done = compress(STILLS[name], Options(format=target))
    assert done.format == target
    assert (opened(done.content).format or "").lower() == target


@pytest.mark.parametrize(
    ("original", "format"),
    [
        (STILLS["jpeg"], "jpeg"),
        (STILLS["png_alpha"], "png"),
        (STILLS["gif"], "gif"),
        (saved(photo(), "WEBP", quality=90), "jpeg"),
        (saved(photo(), "AVIF", quality=90), "jpeg"),
        (saved(fading_photo(), "TIFF"), "png"),
        (STILLS["bmp"], "jpeg"),
    ],
)
def test_a_compatible_image_keeps_its_transparency(original: bytes, format: str) -> None:
    done = compress(original, Options(format="compatible"))
    assert done.format == format
    after = opened(done.content)
    assert after.has_transparency_data == opened(original).has_transparency_data


def test_transparent_pixels_become_white_in_a_jpeg() -> None:
    original = saved(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "BMP")
    original = saved(Image.new("RGBA", (300, 300), (255, 0, 0, 0)), "PNG", compress_level=0)
    done = compress(original, Options(format="jpeg"))
    assert opened(done.content).getpixel((150, 150)) == (255, 255, 255)


def test_a_maximum_makes_the_image_fit_and_keeps_its_proportions() -> None:
    done = compress(STILLS["jpeg"], Options(max_width=100, max_height=100))
    assert (done.width, done.height) == (100, 75)
    assert done.scale == 0.5


def test_a_maximum_never_enlarges() -> None:
    done = compress(STILLS["jpeg"], Options(max_width=4000))
    assert (done.width, done.height) == (200, 150)


@pytest.mark.parametrize("name", STILLS)
def test_the_same_image_gives_the_same_bytes(name: str) -> None:
    assert compress(STILLS[name]) == compress(STILLS[name])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_image"),
        (b"<!DOCTYPE html><title>Not found</title>", "not_an_image"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (b"product,price\nshoe,10\n", "not_an_image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n and then nothing", "broken_image"),
        (STILLS["jpeg"][:2000], "broken_image"),
        (STILLS["png"][:2000], "broken_image"),
        (STILLS["webp"][:1000], "broken_image"),
    ],
)
def test_a_file_that_is_not_an_image_is_refused_with_the_reason(content: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        compress(content)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")


def test_an_image_over_the_limit_is_refused_before_it_is_decoded() -> None:
    bomb = saved(Image.new("1", (12_000, 12_000)), "PNG")
    with pytest.raises(Unreadable) as refused:
        compress(bomb)
    assert refused.value.code == "image_too_large"


def test_the_limit_counts_all_frames() -> None:
    original = saved_animation("GIF", animation(), DURATIONS)
    with pytest.raises(Unreadable) as refused:
        compress(original, max_pixels=80 * 60 * 4)
    assert refused.value.code == "image_too_large"
