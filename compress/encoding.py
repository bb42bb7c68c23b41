"""An encoded image: its bytes or their predicted number, and Pillow's ``save`` that makes them."""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image

# Pillow holds the interpreter's lock while it encodes into a BytesIO, but not while it encodes
# into a real file. Up to this many pixels the lock is held for less than 5 ms, and a real file
# would add a tenth to the time of the encode.
MAX_IN_MEMORY = 600_000


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """The best encoding that a format found for one image at one size.

    ``content`` is None where a sample already showed that nothing fits; ``size``, in bytes, is then
    predicted, otherwise measured. ``acceptable`` is false below the format's quality floor, where
    an image with fewer pixels may look better.
    """

    content: bytes | None
    size: int
    method: str
    quality: int | None = None
    encodes: int = 1
    acceptable: bool = True

    def fits(self, budget: int) -> bool:
        return self.content is not None and self.size <= budget


def lossless(content: bytes) -> Encoding:
    return Encoding(content=content, size=len(content), method="lossless")


def save_to_bytes(frame: Image.Image, pillow_format: str, **parameters: Any) -> bytes:
    """The frame as a file's bytes; ``parameters`` are those of Pillow's ``save``."""
    small = frame.width * frame.height <= MAX_IN_MEMORY
    with io.BytesIO() if small else scratch_file() as file:
        frame.save(file, pillow_format, **parameters)
        file.seek(0)
        return file.read()


def scratch_file() -> IO[bytes]:
    """A file in memory where the system has them, otherwise a temporary file without a name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("image"), "w+b")
    return tempfile.TemporaryFile()
