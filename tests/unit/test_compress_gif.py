"""GIFs as our own writer makes them, without gifsicle: what stays, and how much pixels change."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from compress import compress
from compress.decoded_image import DecodedImage, decode
from compress.gif.gifsicle import gifsicle_path
from compress.gif.indexed_frames import Indexer
from compress.gif.lossy_lzw import REFUSED, Tolerance, lossy_lzw
from compress.gif.writer import write_gif
from compress.input_image import open_image
from compress.visibility import MASKING
from tests.unit.compress_samples import (
    animation,
    difference,
    opened,
    photo,
    saved,
    saved_animation,
    timing,
)

DURATIONS = [50, 120, 70, 300, 10]


@pytest.fixture
def without_gifsicle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PATH without any program; the place of gifsicle is looked up once a process."""
    monkeypatch.setenv("PATH", "")
    gifsicle_path.cache_clear()
    yield
    gifsicle_path.cache_clear()


def decoded(content: bytes) -> DecodedImage:
    return decode(open_image(content, 100_000_000))


@st.composite
def drawings(draw: st.DrawFn) -> DecodedImage:
    """A few frames of rectangles in a few colours, some of them see-through."""
    size = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    channel = st.sampled_from((0, 40, 47, 128, 250))
    rectangle = st.tuples(
        st.tuples(st.integers(0, 29), st.integers(0, 29)),
        st.tuples(channel, channel, channel, st.sampled_from((0, 255))),
    )
    frame = Image.new("RGBA", size, (255, 255, 255, draw(st.sampled_from((0, 255)))))
    frames = []
    for rectangles in draw(st.lists(st.lists(rectangle, max_size=4), min_size=1, max_size=5)):
        frame = frame.copy()
        for corner, fill in rectangles:
            ImageDraw.Draw(frame).rectangle((*corner, corner[0] + 7, corner[1] + 5), fill=fill)
        frames.append(frame)
    durations = tuple(10.0 * (number + 1) for number in range(len(frames)))
    return DecodedImage(frames=tuple(frames), durations=durations, loop=draw(st.integers(0, 3)))


def written(image: DecodedImage, threshold: float, *, quick: bool = False) -> Image.Image:
    frames = Indexer(image.frames).with_colours(255)
    return opened(write_gif(image, frames, threshold, quick=quick))


def shown(image: Image.Image, number: int) -> Image.Image:
    """The frame, with nothing but black where it is transparent."""
    image.seek(number)
    frame = image.convert("RGBA")
    return Image.composite(frame, Image.new("RGBA", frame.size), frame.getchannel("A"))


@settings(max_examples=60, deadline=None)
@given(drawings(), st.booleans())
def test_a_threshold_of_zero_loses_nothing(image: DecodedImage, quick: bool) -> None:
    gif = written(image, 0, quick=quick)
    assert getattr(gif, "n_frames", 1) == len(image.frames)
    for number, frame in enumerate(image.frames):
        assert shown(gif, number).tobytes() == shown(frame, 0).tobytes()


@settings(max_examples=60, deadline=None)
@given(drawings(), st.floats(0, 30), st.booleans())
def test_no_pixel_changes_by_more_than_the_threshold(
    image: DecodedImage, threshold: float, quick: bool
) -> None:
    gif = written(image, threshold, quick=quick)
    after = [shown(gif, number) for number in range(len(image.frames))]
    for before, made in zip(image.frames, after, strict=True):
        pair = Indexer([before.convert("RGBA"), made]).with_colours(255)
        changes = pair.distances[pair.indices[0], pair.indices[1]]
        assert changes.max() <= threshold * max(MASKING) + 1e-3  # far more for lost transparency


@settings(max_examples=60, deadline=None)
@given(drawings(), st.floats(0, 30))
def test_size_frames_timing_and_loop_stay(image: DecodedImage, threshold: float) -> None:
    gif = written(image, threshold)
    assert gif.size == image.first_frame.size
    assert gif.info.get("loop") == image.loop
    file = io.BytesIO()
    frames = Indexer(image.frames).with_colours(255)
    file.write(write_gif(image, frames, threshold))
    assert timing(file.getvalue()) == list(image.durations)


@given(st.lists(st.integers(0, 15), min_size=1, max_size=5_000), st.integers(4, 8))
@settings(max_examples=60, deadline=None)
def test_lzw_decodes_to_the_symbols_that_it_says(pixels: list[int], bits: int) -> None:
    exact = [
        Tolerance(
            tuple(0 if each == pixel else REFUSED for each in range(1 << bits)), ((pixel, 0),)
        )
        for pixel in range(16)
    ]
    _, symbols = lossy_lzw([exact[pixel] for pixel in pixels], bits)
    assert symbols == bytes(pixels)


def test_a_higher_threshold_takes_fewer_bytes() -> None:
    image = DecodedImage(frames=(photo(),))
    frames = Indexer(image.frames).with_colours(255)
    sizes = [len(write_gif(image, frames, threshold)) for threshold in (0, 6, 12)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 0.85 * sizes[0]


def test_the_dictionary_starts_anew_when_it_is_full() -> None:
    noise = Image.effect_noise((300, 300), 90)
    image = DecodedImage(frames=(noise,))
    gif = written(image, 0).convert("L")
    nearly = np.asarray(gif, int) - np.asarray(noise, int)
    assert abs(nearly).max() <= 2  # 255 colours stand for 256


@pytest.mark.usefixtures("without_gifsicle")
def test_an_animation_is_halved_without_gifsicle() -> None:
    original = saved_animation("GIF", animation(), DURATIONS, loop=3)
    done = compress(original)
    assert len(done.content) <= len(original) // 2
    assert done.scale == 1
    assert timing(done.content) == DURATIONS
    assert opened(done.content).info["loop"] == 3
    for before, after in zip(decoded(original).frames, decoded(done.content).frames, strict=True):
        assert difference(before, after) < 15


@pytest.mark.usefixtures("without_gifsicle")
def test_a_still_with_transparency_keeps_it_without_gifsicle() -> None:
    picture = photo()
    hole = Image.new("L", picture.size, 255)
    ImageDraw.Draw(hole).ellipse((20, 20, 90, 90), fill=0)
    picture.putalpha(hole)
    done = compress(saved(picture, "GIF"))
    alpha = opened(done.content).convert("RGBA").resize(picture.size).getchannel("A")
    assert difference(alpha, hole) < 10


def test_a_sample_of_the_frames_predicts_the_size() -> None:
    frames = Indexer(animation(9)).with_colours(255)
    image = DecodedImage(frames=tuple(animation(9)), durations=(100.0,) * 9)
    whole, sample = (len(write_gif(image, frames, 4, one_in=one_in)) for one_in in (1, 3))
    assert 0.7 * whole < sample < 1.3 * whole
