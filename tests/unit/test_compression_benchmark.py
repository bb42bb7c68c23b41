"""What the compression's benchmark calls damaged, by pictures that somebody has damaged."""

from __future__ import annotations

import pytest
from PIL import Image

from benchmarks.compression.damage import damage
from compress import compress
from tests.unit import picture_corpus as corpus
from tests.unit.compress_samples import photo, saved

FLAT = Image.new("RGB", (40, 40), "red")
FLAT.paste("blue", (0, 0, 20, 40))


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2))


def test_two_colours_that_became_one_are_damage() -> None:
    assert damage(saved(FLAT, "PNG"), saved(FLAT.quantize(1), "PNG"), 90) == ["colours"]


def test_transparency_that_became_opaque_is_damage() -> None:
    icon = corpus.icon(32)
    assert "alpha" in damage(saved(icon, "PNG"), saved(icon.convert("RGB"), "PNG"), 90)


def test_a_code_that_can_no_longer_be_read_is_damage() -> None:
    code = corpus.CODES["QR"].convert("L")
    blurred = code.resize((8, 8)).resize(code.size)
    assert "code" in damage(saved(code, "PNG"), saved(blurred, "PNG"), 90)


def test_lost_pixels_and_a_low_score_are_damage_of_a_png_alone() -> None:
    image = photo((120, 90))
    assert damage(saved(image, "PNG"), saved(smaller(image), "PNG"), 40) == ["pixels", "score"]
    assert damage(saved(image, "JPEG"), saved(smaller(image), "JPEG"), 40) == []


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG", "GIF"])
def test_what_is_stored_is_not_damaged(format: str) -> None:
    original = saved(corpus.logo(), format)
    assert damage(original, compress(original).content, 90) == []
