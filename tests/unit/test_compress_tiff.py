"""Measurements in a TIFF are values, not looks."""

from __future__ import annotations

from compress import compress
from tests.unit.compress_samples import opened, photo, saved


def test_measurements_in_floating_point_are_not_rounded() -> None:
    image = photo().convert("L").convert("F").point(lambda value: value * 0.37 + 0.01)
    original = saved(image, "TIFF", compression="tiff_adobe_deflate")  # packed already
    done = compress(original)
    assert done.method != "palette"
    assert opened(done.content).mode == "F"
