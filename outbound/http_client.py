"""GET and POST with redirects, a cap on bytes, and errors in words."""

from __future__ import annotations

import ssl
import string
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from io import BytesIO
from urllib.parse import quote, urljoin, urlsplit

import certifi
from requests import PreparedRequest
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError, HTTPError, LocationValueError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

from outbound.address_policy import NOBODY, AddressPolicy, BlockedHosts
from outbound.errors import OutboundError
from outbound.load_limits import WAIT_SECONDS, LoadLimits, site_of
from outbound.transport import Pools, Transfer, current_transfer

MAX_REDIRECTS = 5
MAX_RETRY_AFTER = 300.0
FIRST_BYTE_SECONDS = 10.0  # for a connection and the first byte of each answer to get()
CHUNK_BYTES = 256 * 1024
PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}
USER_AGENT = "image-service/1"
NO_WEB_ADDRESS = "The address, or where it is redirected to, is not a web address (http or https)."


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answered, whatever the status; ``url`` is the last one, after redirects."""

    status: int
    headers: Mapping[str, str]  # their names in any case
    body: bytes
    url: str

    @property
    def retry_after(self) -> float | None:
        """The pause asked for, in seconds, MAX_RETRY_AFTER at most (RFC 9110, section 10.2.3)."""
        seconds = _pause(self.headers.get("Retry-After", "").strip())
        return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _pause(text: str) -> float | None:
    if text.isascii() and text.isdecimal():
        return float(text)
    with suppress(ValueError, OverflowError):
        return parsedate_to_datetime(text).timestamp() - time.time()
    return None


class HttpClient:
    """Safe to share among the threads of a process; make it after a fork, not before.

    ``ca_file`` holds certificates in PEM that are trusted beside the system's. Without ``limits``
    there are none. ``accept`` is what get() asks for.
    """

    def __init__(
        self,
        *,
        allowed_ports: frozenset[int],
        allowed_private_hosts: frozenset[tuple[str, int]],
        connections: int,
        limits: LoadLimits | None = None,
        contact_url: str = "",
        blocked_hosts: BlockedHosts = NOBODY,
        first_byte_seconds: float = FIRST_BYTE_SECONDS,
        accept: str = "image/*",
        ca_file: str = certifi.where(),
    ) -> None:
        self._first_byte_seconds = first_byte_seconds
        self._policy = AddressPolicy(
            allowed_ports, allowed_private_hosts, connections, blocked_hosts
        )
        self._limits = limits or LoadLimits()
        contact = f" (+{contact_url})" if contact_url else ""
        self._headers = {"User-Agent": USER_AGENT + contact, "Accept-Encoding": "identity"}
        self._accept = accept
        self._pools = Pools(connections, ca_file)

    def get(self, url: str, *, seconds: float, max_bytes: int) -> Response:
        """The response at the end of at most MAX_REDIRECTS redirects, all within ``seconds``.

        Raises OutboundError, also for a body over ``max_bytes``.
        """
        with self._transfer(seconds, patience=WAIT_SECONDS, minds_pauses=True) as transfer:
            for _ in range(MAX_REDIRECTS + 1):
                request = self._prepare("GET", url, {**self._headers, "Accept": self._accept})
                transfer.await_answer(self._first_byte_seconds)
                response = self._exchange(request, lambda raw: _read(raw, max_bytes))
                host = urlsplit(response.url).hostname or ""
                self._limits.note_status(host, response.status, response.retry_after)
                if response.status not in REDIRECTS or not response.headers.get("Location"):
                    return response
                url = _redirected(response)
        raise OutboundError(
            "too_many_redirects", f"The address was redirected more than {MAX_REDIRECTS} times."
        )

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        seconds: float,
        max_bytes: int = 64 * 1024,
    ) -> Response:
        """The response to ``body``; no redirect is followed, and no connection kept.

        It has the first ``max_bytes`` of its body, as they were sent: who posts wants to
        know the status, and a long page of thanks must not become a failure.
        """
        all_headers = {**self._headers, "Connection": "close", **headers}
        request = self._prepare("POST", url, all_headers, body)
        with self._transfer(seconds, patience=seconds, minds_pauses=False):
            return self._exchange(request, lambda raw: raw.read(max_bytes))

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()
        self._policy.lookups.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _transfer(
        self, seconds: float, *, patience: float, minds_pauses: bool
    ) -> Iterator[Transfer]:
        deadline = time.monotonic() + seconds
        transfer = Transfer(self._policy, self._limits, deadline, patience, minds_pauses)
        before = current_transfer.set(transfer)
        try:
            yield transfer
        finally:
            current_transfer.reset(before)

    def _prepare(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> PreparedRequest:
        try:
            request = PreparedRequest()  # by its parts: cookies, hooks and the rest cost time
            request.prepare_method(method)
            request.prepare_url(url, "")
            request.prepare_headers(headers)
            if body is not None:
                request.prepare_body(body, None)
            parts = urlsplit(str(request.url))
            standard_port = PORTS[parts.scheme]
            port = parts.port or standard_port
        except (ValueError, KeyError) as error:
            raise OutboundError("invalid_url", NO_WEB_ADDRESS) from error
        if parts.username is not None:
            raise OutboundError("invalid_url", "The address must not have a user or a password.")
        self._policy.check_port(parts.hostname or "", port)
        self._policy.check_name(parts.hostname or "")
        return request

    def _exchange(
        self, request: PreparedRequest, read: Callable[[BaseHTTPResponse], bytes]
    ) -> Response:
        transfer = current_transfer.get()
        try:
            transfer.acquire(site_of(urlsplit(str(request.url)).hostname or ""))
            return self._send(request, read)
        finally:
            transfer.release()

    def _send(
        self, request: PreparedRequest, read: Callable[[BaseHTTPResponse], bytes]
    ) -> Response:
        url = str(request.url)
        parts = urlsplit(url)
        try:
            pool = self._pools.connection_from_host(parts.hostname, parts.port, parts.scheme)
            with pool.urlopen(
                str(request.method),
                request.path_url,
                body=request.body,
                headers=request.headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            ) as raw:
                return Response(raw.status, raw.headers, read(raw), url)
        except HTTPError as error:
            raise _explain(error, parts.hostname or url) from error


def _redirected(response: Response) -> str:
    """http.client reads a header as Latin-1, so here are its bytes again, in ASCII."""
    location = quote(response.headers["Location"].encode("latin-1"), safe=string.punctuation)
    try:
        return urljoin(response.url, location)
    except ValueError as error:
        raise OutboundError("invalid_url", NO_WEB_ADDRESS) from error


def _read(raw: BaseHTTPResponse, max_bytes: int) -> bytes:
    encoding = raw.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise OutboundError("unknown_encoding", "The file is packed in a way unknown here.")
    body = BytesIO()
    is_whole = False
    while True:
        if body.tell() + (raw.length_remaining or 0) > max_bytes:
            raise OutboundError("too_large", f"The file is larger than {max_bytes:,} bytes.")
        if is_whole:
            return body.getvalue()
        chunk = raw.read(CHUNK_BYTES, decode_content=True)
        body.write(chunk)
        is_whole = len(chunk) < CHUNK_BYTES  # urllib3 gives less only at the end


def _explain(error: Exception, host: str) -> OutboundError:
    """In our words; an error of any kind after a deadline is the deadline's doing."""
    is_late = isinstance(_first_cause(error), TimeoutError | Urllib3TimeoutError)
    if is_late or time.monotonic() >= current_transfer.get().deadline:
        return OutboundError("timed_out", f"{host} took too long to answer.", permanent=False)
    if isinstance(error, LocationValueError):
        return OutboundError("invalid_url", NO_WEB_ADDRESS)
    if isinstance(error, DecodeError):
        return OutboundError("bad_encoding", f"{host} sent a file that cannot be unpacked.")
    match _first_cause(error):
        case ssl.SSLCertVerificationError():
            return OutboundError("tls_failed", f"The certificate of {host} is not valid.")
        case ssl.SSLError():
            code, sentence = "tls_failed", f"There is no secure connection to {host}."
        case IncompleteRead():
            code, sentence = "short_body", f"{host} sent only a part of the file."
        case _:
            code, sentence = "connection_failed", f"{host} could not be reached, or broke off."
    return OutboundError(code, sentence, permanent=False)


def _first_cause(error: BaseException) -> BaseException:
    """requests wraps what urllib3 wrapped, each time as the last argument."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    return error
