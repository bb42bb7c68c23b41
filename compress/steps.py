"""What each step of a compression does. Their order is in ``compression``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from compress import convert, downscale
from compress.decoded_image import DecodedImage, decode
from compress.encoding import Encoding, lossless
from compress.formats import FORMATS, output_format
from compress.input_image import DECODER_ERRORS, InputImage, damaged, open_image
from compress.options import Compressed, Options


@dataclass(kw_only=True)
class Job:
    """What the steps work on; ``budget`` is in bytes, ``format`` the one to write.

    ``displayed_size`` is the width and height of the input. ``results`` are the encodings so far,
    each with the image of which it was made.
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
    def factor(self) -> float:
        """The factor for the sides that brings the image within the limits; never above 1."""
        width, height = self.displayed_size
        max_width, max_height = self.options.max_width, self.options.max_height
        return min(1.0, (max_width or width) / width, (max_height or height) / height)


def start(original: bytes, options: Options, max_pixels: int) -> Job:
    """The file checked, opened and decoded."""
    try:
        source = open_image(original, max_pixels)
        image = decode(source)
    except DECODER_ERRORS as error:
        raise damaged() from error
    return Job(
        options=options,
        source=source,
        image=image,
        budget=len(original) * (100 - options.reduce_by) // 100,
        format=output_format(options.format, source.format),
        displayed_size=image.displayed_size,
    )


def remove_metadata(job: Job) -> None:
    """Done, where the file fits once its metadata is gone, with its pixels untouched."""
    remove = FORMATS[job.source.format].remove_metadata
    exif = job.image.save_options()["exif"]
    content = remove(job.source.original, exif) if remove else b""
    if not content:
        return
    job.source = replace(job.source, size_without_metadata=len(content))
    if job.format == job.source.format and job.factor == 1:
        job.results.append((lossless(content, encodes=0), job.image))
        job.is_done = len(content) <= job.budget


def convert_to_format(job: Job) -> None:
    if job.format != job.source.format:
        animates = FORMATS[job.format].animates
        job.image = convert.to_format(job.image, job.format, animates=animates)


def apply_costly_profile(job: Job) -> None:
    job.image = convert.apply_costly_profile(job.image, job.budget)


def limit_dimensions(job: Job) -> None:
    if job.factor < 1:
        job.image = job.image.scaled(job.factor)


def reduce_quality_then_pixels(job: Job) -> None:
    """Encode as finely as the budget allows, and with fewer pixels where that is too coarse."""

    def encode(image: DecodedImage) -> Encoding:
        return FORMATS[job.format].encode(image, job.budget, job.source)

    job.results += downscale.encode_downscaled(job.image, encode, job.budget)


def finish(job: Job) -> Compressed:
    """The best of the results; the original, where that is not smaller."""
    encoding, image = downscale.closest(job.results, job.image, job.budget)
    format, (width, height), scale = job.format, image.displayed_size, image.scale
    if len(encoding.content or b"") >= len(job.source.original):
        encoding = replace(lossless(job.source.original, encodes=0), method="original")
        format, (width, height), scale = job.source.format, job.displayed_size, 1.0
    elif scale != job.image.scale:
        encoding = replace(encoding, method="downscale")
    return Compressed(
        content=encoding.content or b"",
        extension=FORMATS[format].extension,
        format=format,
        width=width,
        height=height,
        method=encoding.method,
        quality=encoding.quality,
        scale=round(scale, 4),
        encodes=sum(each.encodes for each, _ in job.results),
        target_met=encoding.fits(job.budget),
    )
