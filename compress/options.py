"""What the user asks for, what the user gets, and why an image can be refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for, already validated.

    ``reduce_by`` is in percent of the input's bytes, 1 to 95. ``format`` is one of keep, jpeg, png,
    webp, avif and compatible. ``max_width`` and ``max_height`` are in pixels and never enlarge the
    image. ``keep_dimensions`` forbids fewer pixels than these two ask for. With ``max_bytes`` that
    number of bytes is the budget, whatever ``reduce_by`` would be; or the input's own, where it has
    fewer.
    """

    reduce_by: int = 50
    format: str = "keep"
    max_width: int | None = None
    max_height: int | None = None
    keep_dimensions: bool = False
    max_bytes: int | None = None

    def budget(self, original_bytes: int) -> int:
        """The most bytes that the output may take."""
        if self.max_bytes is not None:
            return min(self.max_bytes, original_bytes)
        return original_bytes * (100 - self.reduce_by) // 100


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """The smaller image and how it was made.

    ``width`` and ``height`` are in pixels as displayed, after the orientation is applied.
    ``method`` is one of lossless, quality, palette, downscale and original. ``quality`` is 1 to 100
    on libjpeg's scale or the encoder's own, None where there is none. ``scale`` is the output's
    width divided by the input's; 1.0 keeps the dimensions. ``encodes`` counts full encodes, not
    those of samples. ``missed_because`` is empty where the target was met, else one of
    would_damage (every smaller result was refused, see ``damage``), keep_dimensions (only fewer
    pixels would fit), took_too_long (of the searches, before one fitted) and no_smaller (no
    encoding of it is small enough).
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
    missed_because: str

    @property
    def target_met(self) -> bool:
        return not self.missed_because


class Unreadable(Exception):  # noqa: N818 - says what the image is, not what failed here
    """The bytes cannot be read as an image; ``str()`` is a sentence for the shop's owner.

    ``code`` is empty_image, not_an_image, broken_image or image_too_large.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
