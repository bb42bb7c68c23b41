"""Requests read strictly: what two servers could read in two ways is refused (RFC 9112, 11.2)."""

from __future__ import annotations

from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError

from http_server.refusals import MALFORMED

MAX_CHUNK_LINE = 1024  # bytes: waitress joins a line anew with each piece of it that comes
VERSIONS = ("1.0", "1.1")


class StrictParser(HTTPRequestParser):
    """One request; ``error`` says why it is refused."""

    completed: bool
    body_rcv: Any
    command = path = ""  # also where the first line could not be read

    @property
    def has_headers(self) -> bool:
        """Whether all of its headers are there."""
        return self.body_rcv is not None or self.completed

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.chunked and not self.completed:
            body = self.body_rcv
            if max(len(body.control_line), len(body.trailer)) > MAX_CHUNK_LINE:
                self.error, self.completed = MALFORMED, True
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # such as a Content-Length of 5,000 digits
            raise ParsingError(str(error)) from error
        if self.version not in VERSIONS:
            raise ParsingError("The version is none of those that are spoken here.")
        if self.version == "1.1" and "HOST" not in self.headers:
            raise ParsingError("HTTP/1.1 needs a Host.")
        if self.version == "1.0" and "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("HTTP/1.0 has no Transfer-Encoding.")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("The body has two lengths.")
