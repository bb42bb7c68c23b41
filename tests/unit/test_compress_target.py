"""How close to the target, how quickly, and how much better than a plain save."""

from __future__ import annotations

import pytest
from PIL import Image, JpegImagePlugin

from compress import Options, compress
from tests.unit.compress_samples import difference, opened, photo, saved

PHOTO = photo((640, 480))


def plain_save(original: bytes, size: int) -> bytes:
    """Pillow's own JPEG of at most ``size`` bytes, as good as it goes."""
    files = (saved(opened(original), "JPEG", quality=quality) for quality in range(95, 0, -1))
    return next(content for content in files if len(content) <= size)


@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("side", [240, 480, 800])
@pytest.mark.parametrize("quality", [60, 75, 90])
def test_a_jpeg_uses_most_of_its_half_after_two_encodes_at_most(
    quality: int, side: int, chroma: str
) -> None:
    original = saved(photo((side, side)), "JPEG", quality=quality, subsampling=chroma)
    done = compress(original)
    assert 0.4 < len(done.content) / len(original) <= 0.5
    assert done.encodes <= 2


@pytest.mark.parametrize("format", ["WEBP", "AVIF"])
def test_a_webp_or_avif_uses_most_of_its_half_after_two_encodes_at_most(format: str) -> None:
    original = saved(PHOTO, format, quality=75)
    done = compress(original)
    assert 0.4 < len(done.content) / len(original) <= 0.5
    assert done.encodes <= 2


def test_a_webp_without_loss_is_taken_at_the_best_quality_at_once() -> None:
    grain = Image.effect_noise(PHOTO.size, 10).convert("RGB")
    original = saved(Image.blend(PHOTO, grain, 0.3), "WEBP", lossless=True)
    done = compress(original)
    assert (done.quality, done.encodes) == (100, 1)


@pytest.mark.parametrize("quality", [50, 60, 75, 90])
def test_a_jpeg_looks_better_than_a_plain_save_of_as_many_bytes(quality: int) -> None:
    original = saved(PHOTO, "JPEG", quality=quality)
    done = compress(original)
    before, plain = opened(original), opened(plain_save(original, len(done.content)))
    assert difference(before, opened(done.content)) < difference(before, plain)


@pytest.mark.parametrize("quality", [40, 50, 60, 75])
def test_a_photo_made_small_for_the_web_keeps_its_dimensions(quality: int) -> None:
    done = compress(saved(PHOTO, "JPEG", quality=quality))
    assert (done.width, done.height) == PHOTO.size
    assert done.target_met


def test_a_soft_sky_keeps_its_shades_in_few_bytes() -> None:
    sky = Image.linear_gradient("L").resize((640, 480)).convert("RGB")
    done = compress(saved(sky, "JPEG", quality=90))
    assert difference(sky, opened(done.content)) < 2


def test_a_photo_with_too_few_bytes_for_its_pixels_gives_up_some_of_them() -> None:
    original = saved(PHOTO, "JPEG", quality=20)
    done = compress(original, Options(reduce_by=70))
    assert (done.method, done.target_met) == ("downscale", True)
    assert (done.width, done.height) == opened(done.content).size


def test_the_inks_of_a_cmyk_jpeg_keep_their_full_resolution() -> None:
    done = compress(saved(PHOTO.convert("CMYK"), "JPEG", quality=90, subsampling="4:4:4"))
    image = opened(done.content)
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    assert {tuple(layer[1:3]) for layer in image.layer} == {(1, 1)}


def test_more_bytes_than_the_original_has_are_never_used() -> None:
    original = saved(PHOTO, "JPEG", quality=60)
    done = compress(original, Options(max_bytes=100 * len(original), format="png"))
    assert len(done.content) <= len(original)
