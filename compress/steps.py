"""What each step of a compression does. Their order is in ``compression``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from compress import convert, downscale
from compress.decoded_image import DecodedImage, decode
from compress.encoding import Encoding
from compress.formats import FORMATS, output_format
from compress.input_image import DECODER_ERRORS, InputImage, damaged, open_image
from compress.options import Compressed, Options


@dataclass(kw_only=True)
class State:
    """One compression under way: what the steps read and change.

    ``image`` is what will be encoded next. ``budget`` is in bytes, ``format`` is the one to write,
    ``displayed_size`` the width and height of the input. ``results`` are the encodings so far.
    ``is_done`` ends the steps.
    """

    options: Options
    source: InputImage
    image: DecodedImage
    budget: int
    format: str
    displayed_size: tuple[int, int]
    results: list[downscale.Result] = field(default_factory=list)
    is_done: bool = False

    @property
    def resize_factor(self) -> float:
        """What to multiply the sides by for max_width and max_height; never above 1."""
        width, height = self.displayed_size
        max_width, max_height = self.options.max_width, self.options.max_height
        return min(1.0, (max_width or width) / width, (max_height or height) / height)


def start(original: bytes, options: Options, max_pixels: int) -> State:
    """The file checked, opened and decoded. Raises Unreadable."""
    try:
        source = open_image(original, max_pixels)
        image = decode(source)
    except DECODER_ERRORS as error:
        raise damaged() from error
    return State(
        options=options,
        source=source,
        image=image,
        budget=options.budget(len(original)),
        format=output_format(options.format, source.format),
        displayed_size=image.displayed_size,
    )


def remove_metadata(state: State) -> None:
    """The file with its pixels untouched: done where it fits without its metadata.

    The size without metadata is also what a format may judge the input's quality by.
    """
    remove = FORMATS[state.source.format].remove_metadata
    exif = state.image.save_options()["exif"]
    content = remove(state.source.original, exif) if remove else b""
    if not content:
        return
    state.source = replace(state.source, size_without_metadata=len(content))
    if state.format == state.source.format and state.resize_factor == 1:
        stripped = _not_encoded(content, "lossless")
        state.results.append(downscale.Result(stripped, state.image))
        state.is_done = len(content) <= state.budget


def convert_to_format(state: State) -> None:
    """The pixels as the format to write can hold them, where it is not that of the input."""
    if state.format != state.source.format:
        animates = FORMATS[state.format].animates
        state.image = convert.to_format(state.image, state.format, animates=animates)


def apply_costly_profile(state: State) -> None:
    """In sRGB without a profile, where the profile is too large or not one for the pixels."""
    state.image = convert.apply_costly_profile(state.image, state.budget)


def limit_dimensions(state: State) -> None:
    """Within max_width and max_height."""
    if state.resize_factor < 1:
        state.image = state.image.scaled(state.resize_factor)


def reduce_quality_then_pixels(state: State) -> None:
    """Encode as finely as the budget allows; with fewer pixels where that would be too coarse."""

    def encode(image: DecodedImage) -> Encoding:
        return FORMATS[state.format].encode(image, state.budget, state.source)

    state.results += downscale.encode_downscaled(state.image, encode, state.budget)


def finish(state: State) -> Compressed:
    """The best of the results; the original, where that is not smaller."""
    best = downscale.closest(state.results, state.image, state.budget)
    original = state.source.original
    if len(best.encoding.content or b"") >= len(original):
        unchanged = _not_encoded(original, "original")
        return _compressed(state, unchanged, state.source.format, state.displayed_size, 1.0)
    encoding, image = best
    if image.scale != state.image.scale:
        encoding = replace(encoding, method="downscale")
    return _compressed(state, encoding, state.format, image.displayed_size, image.scale)


def _not_encoded(content: bytes, method: str) -> Encoding:
    return Encoding(content=content, size=len(content), method=method, encodes=0)


def _compressed(
    state: State, encoding: Encoding, format: str, size: tuple[int, int], scale: float
) -> Compressed:
    return Compressed(
        content=encoding.content or b"",
        extension=FORMATS[format].extension,
        format=format,
        width=size[0],
        height=size[1],
        method=encoding.method,
        quality=encoding.quality,
        scale=round(scale, 4),
        encodes=sum(result.encoding.encodes for result in state.results),
        missed_because="" if encoding.fits(state.budget) else "no_smaller",
    )
