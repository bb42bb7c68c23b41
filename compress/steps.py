"""What each step of a compression does. Their order is in ``compression``."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field, replace

from PIL import Image

from compress import colour, convert, damage, downscale, time_limit
from compress.decoded_image import DecodedImage, decode
from compress.encoding import Encoding, lossless
from compress.formats import FORMATS, output_format
from compress.input_image import DECODER_ERRORS, InputImage, damaged, open_image
from compress.options import Compressed, Options, Unreadable
from compress.rights import MAX_SHARE

# The formats in which a drawing is protected. In JPEG and AVIF few colours would not stay few, and
# a TIFF of them gets a palette or no loss at all.
PROTECTED = ("png", "ico", "gif", "webp")
# The colours of a drawing in a GIF; one with more may as well be a photo.
MAX_OF_GIF = 128
# The bytes that one packet carries over Ethernet: fewer load no sooner, and are worth no pixel.
ONE_PACKET = 1460
CHECKED = ("gif", "tiff", "bmp", "ico")  # after the removal of metadata
ALPHA_MODES = ("RGBA", "LA", "PA")


@dataclass(kw_only=True)
class State:
    """One compression under way: what the steps read and change.

    ``image`` is what will be encoded next. ``budget`` is in bytes, ``format`` is the one to write,
    ``displayed_size`` the width and height of the input. ``results`` are the encodings so far.
    ``unchanged`` is the input without its metadata. ``is_flat``: it has so few colours that each
    matters. ``is_done`` ends the steps.
    """

    options: Options
    source: InputImage
    image: DecodedImage
    budget: int
    format: str
    displayed_size: tuple[int, int]
    unchanged: bytes
    results: list[downscale.Result] = field(default_factory=list)
    is_flat: bool = False
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
    budget = options.budget(len(original))
    return State(
        options=options,
        source=source,
        image=image.with_rights_within(MAX_SHARE * budget),
        budget=budget,
        format=output_format(options.format, source.format, suits_jpeg=_suits_jpeg(image)),
        displayed_size=image.displayed_size,
        unchanged=original,
    )


def _suits_jpeg(image: DecodedImage) -> bool:
    return not (image.animated or _has_alpha(image.first_frame))


def _has_alpha(frame: Image.Image) -> bool:
    return frame.mode in ALPHA_MODES or "transparency" in frame.info


def remove_metadata(state: State) -> None:
    """The file with its pixels untouched: done where it fits without its metadata.

    The size without metadata is also what a format may judge the input's quality by.
    """
    exif = state.image.save_options()["exif"]
    content = _without_metadata(state, exif)
    bare = content or _without_metadata(state, b"")
    if 0 < len(bare) <= len(state.source.original):  # one that is cut off may grow by its repair
        state.unchanged = bare
    if not content:
        return
    state.source = replace(state.source, size_without_metadata=len(content))
    if state.format == state.source.format and state.resize_factor == 1:
        stripped = _not_encoded(content, "lossless")
        state.results.append(downscale.Result(stripped, state.image))
        state.is_done = len(content) <= state.budget


def _without_metadata(state: State, exif: bytes) -> bytes:
    """The file with this EXIF alone, if its pixels stay as they are; empty where they would not.

    They are looked at where a file that lies about its parts may lose some of them; JPEG, PNG, WebP
    and AVIF are taken apart as their decoders do it.
    """
    original, format = state.source.original, state.source.format
    try:
        content = FORMATS[format].remove_metadata(original, exif)
        if not content or content == original or format not in CHECKED:
            return content
        made = decode(open_image(content, sys.maxsize))
    except (Unreadable, *DECODER_ERRORS):
        return b""
    pairs = zip(state.image.frames, made.frames, strict=False)
    same = len(made.frames) == len(state.image.frames) and all(_is_equal(*pair) for pair in pairs)
    return content if same else b""


def _is_equal(one: Image.Image, other: Image.Image) -> bool:
    if (one.size, one.mode) != (other.size, other.mode):
        return False
    return one.getpalette() == other.getpalette() and one.tobytes() == other.tobytes()


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


def protect_flat_graphics(state: State) -> None:
    """A logo, an icon or a code never loses pixels; nor does what was asked to keep them.

    A photo in a GIF may: it has so few colours only because the format has no more. A file of one
    packet never does, whatever it shows.
    """
    frame = state.image.first_frame
    is_still = len(state.image.frames) == 1
    can_be_kept = state.format in PROTECTED and state.source.is_lossless
    if can_be_kept and is_still and not frame.mode.startswith(("I", "F")):
        few = MAX_OF_GIF if state.source.format == "gif" else damage.MAX_FLAT_COLOURS
        state.is_flat = damage.is_flat(colour.to_basic_mode(frame), few)
    is_tiny = len(state.source.original) <= ONE_PACKET
    is_kept = state.options.keep_dimensions or state.is_flat or is_tiny
    keeps_pixels = is_kept or state.format == "ico"
    state.source = replace(state.source, may_lose_pixels=not keeps_pixels)


def reduce_quality_then_pixels(state: State) -> None:
    """Encode as finely as the budget allows; with fewer pixels where that would be too coarse."""

    def encode(image: DecodedImage) -> Encoding:
        return FORMATS[state.format].encode(image, state.budget, state.source)

    may_lose_pixels = state.source.may_lose_pixels
    state.results += downscale.encode_downscaled(
        state.image, encode, state.budget, may_lose_pixels=may_lose_pixels
    )


def finish(state: State) -> Compressed:
    """The best result that fits and damages nothing; else the smallest that lost nothing at all."""
    fitting = [each for each in state.results if each.encoding.fits(state.budget)]
    sound = [each for each in fitting if not _is_damaged(state, each)]
    if sound:
        return _result(state, downscale.closest(sound, state.image), "")
    missed_because = _missed_because(state, fitting)
    best = min(_without_loss(state), key=lambda each: each.encoding.size, default=None)
    if best and best.encoding.size < len(state.source.original):
        return _result(state, best, missed_because)
    unchanged = _not_encoded(state.unchanged, "original")
    if unchanged.fits(state.budget):  # only where as many bytes are allowed as it has
        missed_because = ""
    size = state.displayed_size
    return _compressed(state, unchanged, state.source.format, size, 1.0, missed_because)


def _without_loss(state: State) -> list[downscale.Result]:
    """What was made without loss, and one more where the format can pack the pixels like that.

    Where fewer pixels or another format were asked for, that comes before a result without loss.
    """
    found = [each for each in state.results if each.encoding.method == "lossless"]
    pack = FORMATS[state.format].pack
    if packed := pack(state.image, state.source) if pack else b"":
        found.append(downscale.Result(lossless(packed), state.image))
    asked = state.resize_factor < 1 or state.format != state.source.format
    if not found and asked:
        found = [each for each in state.results if each.encoding.content is not None]
        found = [each for each in found if not _is_damaged(state, each)]
    return found


def _is_damaged(state: State, result: downscale.Result) -> bool:
    """Whether a lossy result breaks the rule; a photo is not even looked at."""
    frame, encoding = state.image.first_frame, result.encoding
    if encoding.method == "lossless" or not (state.is_flat or _has_alpha(frame)):
        return False
    after = colour.to_basic_mode(Image.open(io.BytesIO(encoding.content or b"")))
    keeps_pixels = not state.source.may_lose_pixels
    before = colour.to_basic_mode(frame)
    return damage.is_damaged(before, after, flat=state.is_flat, keeps_pixels=keeps_pixels)


def _missed_because(state: State, fitting: list[downscale.Result]) -> str:
    if time_limit.is_over():
        return "took_too_long"
    if fitting:
        return "would_damage"
    if state.source.may_lose_pixels or state.format == "ico":
        return "no_smaller"
    return "keep_dimensions" if state.options.keep_dimensions else "would_damage"


def _result(state: State, best: downscale.Result, missed_because: str) -> Compressed:
    encoding, image = best
    if image.scale != state.image.scale:
        encoding = replace(encoding, method="downscale")
    return _compressed(
        state, encoding, state.format, image.displayed_size, image.scale, missed_because
    )


def _not_encoded(content: bytes, method: str) -> Encoding:
    return Encoding(content=content, size=len(content), method=method, encodes=0)


def _compressed(
    state: State,
    encoding: Encoding,
    format: str,
    size: tuple[int, int],
    scale: float,
    missed_because: str,
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
        missed_because=missed_because,
    )
