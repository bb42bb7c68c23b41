"""What the benchmarks report and work on; no test holds what they measure."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from benchmarks.album import Album
from benchmarks.report import ROOT, Figure, FiguresPage, Result

ALBUM = Album(ROOT / "samples" / "photos")


def test_a_figure_at_its_goal_has_reached_it_and_one_past_it_has_not() -> None:
    goals = [
        Figure(what="images/s", value=value, at_least=0.95).reached for value in (0.95, 0.949)
    ] + [Figure(what="memory", value=value, at_most=1.1).reached for value in (1.1, 1.101)]
    assert goals == ["yes", "no", "yes", "no"]


def test_a_benchmark_run_alone_keeps_the_others_figures(tmp_path: Path) -> None:
    for name, value in (("growth", 1.0), ("scale", 1.5), ("growth", 3.0)):
        figure = Figure(what=f"the {name}", value=value, at_least=1.8)
        FiguresPage(tmp_path / "figures", ["growth", "scale"], is_quick=False).add(
            name, Result(figures=[figure])
        )
    page = (tmp_path / "figures.md").read_text()
    assert "| the growth | 3 x    | ≥ 1.8 x | yes     |" in page
    assert "| the scale | 1.5 x  | ≥ 1.8 x | no      |" in page
    assert "Goals reached: 1 of 2." in page


def test_a_quick_run_says_that_its_ratios_do_not_count(tmp_path: Path) -> None:
    page = FiguresPage(tmp_path / "figures", ["scale"], is_quick=True)
    page.add("scale", Result(figures=[]))
    assert "its ratios do not count towards the goals" in page.file.read_text()


def test_photos_have_2_to_12_megapixels_and_are_the_same_every_time() -> None:
    photos = ALBUM.photos(3)
    for photo in photos:
        width, height = Image.open(io.BytesIO(photo)).size
        assert 1.9e6 < width * height < 12.1e6
    assert photos == ALBUM.photos(3)


def test_small_images_are_of_the_size_they_are_said_to_be_and_all_different() -> None:
    thumbnails, small_ones = ALBUM.thumbnails(5), ALBUM.small_ones(20)
    assert all(20_000 <= len(each) < 50_000 for each in thumbnails)
    assert all(4_000 <= len(each) < 6_000 for each in small_ones)
    assert len(set(small_ones)) == 20


def test_ones_own_photos_are_taken_as_they_are(tmp_path: Path) -> None:
    own = ALBUM.photos(2)
    for number, photo in enumerate(own):
        (tmp_path / f"{number}.jpg").write_bytes(photo)
    photos = Album(tmp_path).photos(3)
    assert photos[:2] == own
    assert len(photos) == 3
