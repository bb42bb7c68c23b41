"""``Content-Encoding: gzip`` of an upload: unpacked while it is read, so a bomb is never held."""

from __future__ import annotations

import io
import zlib
from typing import IO

from flask import request
from werkzeug.wsgi import get_input_stream

from api.problems import Problem, upload_too_large

GZIP = ("gzip", "x-gzip")  # RFC 9110, section 8.4.1.3
GZIP_WINDOW = 31  # of zlib: a header and a checksum of gzip are expected
READ_BYTES = 64 * 1024

BROKEN = Problem(400, "broken_encoding", "The body is not one whole gzip stream; nothing was kept.")


def unpack_body(max_bytes: int) -> None:
    """Let the request be read as if its body had come unpacked; more than ``max_bytes`` is a 413.

    Must be called before anything is read. Raises a Problem where the encoding is another one.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return
    if encoding not in GZIP:
        raise Problem(
            415,
            "unsupported_encoding",
            "A body may be packed with gzip, and with nothing else.",
            headers={"Accept-Encoding": "gzip"},  # RFC 7694
        )
    packed = get_input_stream(request.environ, max_content_length=max_bytes)
    request.environ["wsgi.input"] = io.BufferedReader(Unpacked(packed, max_bytes), READ_BYTES)
    request.environ["wsgi.input_terminated"] = True
    request.environ.pop("CONTENT_LENGTH", None)
    request.max_content_length = max_bytes + 1  # which Unpacked never lets it reach


class Unpacked(io.RawIOBase):
    """The content of one gzip stream, so much of it at a time as is read.

    Reading raises a Problem where there is more than ``max_bytes`` of it, and where the stream is
    broken, ends early, or is followed by anything: also by another stream, as many small ones would
    cost far more time than their bytes.
    """

    def __init__(self, packed: IO[bytes], max_bytes: int) -> None:
        self._packed, self._unpacker = packed, zlib.decompressobj(GZIP_WINDOW)
        self._max_bytes = self._allowed = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._unpacker.eof:
            if part := self._next_part(len(buffer)):
                self._allowed -= len(part)
                if self._allowed < 0:
                    raise upload_too_large(self._max_bytes)
                buffer[: len(part)] = part
                return len(part)
        if self._unpacker.unused_data or self._packed.read(1):
            raise BROKEN
        return 0

    def _next_part(self, most: int) -> bytes:
        """Empty where what was read does not make a byte yet."""
        packed = self._unpacker.unconsumed_tail or self._packed.read(READ_BYTES)
        if not packed:
            raise BROKEN
        try:
            return self._unpacker.decompress(packed, most)
        except zlib.error:
            raise BROKEN from None
