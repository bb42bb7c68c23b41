"""What goes in and what comes out of the compression, beside the bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for, already validated.

    ``reduce_by`` is in percent of the input's bytes, 1 to 95; ``format`` is one of keep, jpeg,
    png, webp and avif; a maximum in pixels never enlarges.
    """

    reduce_by: int = 50
    format: str = "keep"
    max_width: int | None = None
    max_height: int | None = None


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """The smaller picture and how it was made.

    ``width`` and ``height`` are pixels as displayed, after orientation. ``method`` is one of
    lossless, quality, palette, downscale and original. ``quality`` is the 1 to 100 equivalent
    where there is one. ``scale`` is the output's width over the input's; 1.0 keeps the dimensions.
    ``encodes`` counts the full encodes it took, not those of samples.
    """

    content: bytes
    extension: str
    format: str
    width: int
    height: int
    method: str
    quality: int | None
    scale: float
    encodes: int
    target_met: bool


class Unreadable(Exception):  # noqa: N818 - what the picture is, not what went wrong here
    """The bytes cannot be taken as a picture; ``str()`` is a sentence for the shop's owner.

    ``code`` is empty_image, not_an_image, broken_image or image_too_large.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
