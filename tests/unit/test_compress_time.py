"""When the CPU time of an image is over, the best so far is taken."""

from __future__ import annotations

import io

import pytest

from compress import Options, compress
from tests.unit.compress_samples import animation, opened, photo, saved, saved_animation

STILLS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"]
ANIMATIONS = ["GIF", "WEBP", "PNG", "AVIF"]
ORIGINALS = {
    **{f"{format} still": saved(photo((320, 240)), format) for format in STILLS},
    **{
        f"{format} animation": saved_animation(format, animation(), [80] * 5)
        for format in ANIMATIONS
    },
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_without_any_time_an_image_is_still_sound_and_never_larger(name: str) -> None:
    original = ORIGINALS[name]

    done = compress(original, Options(reduce_by=80), cpu_seconds=0)

    assert len(done.content) <= len(original)
    before, after = opened(original), opened(done.content)
    assert getattr(after, "n_frames", 1) == getattr(before, "n_frames", 1)
    assert done.encodes <= 3
    assert done.missed_because in ("", "took_too_long")
    assert done.target_met == (len(done.content) <= 0.2 * len(original))


def test_a_hard_photo_that_ran_out_of_time_says_so() -> None:
    file = io.BytesIO()
    photo((320, 240)).save(file, "JPEG", quality=20)

    done = compress(file.getvalue(), Options(reduce_by=95), cpu_seconds=0)

    assert not done.target_met
    assert done.missed_because == "took_too_long"
