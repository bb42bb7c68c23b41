"""The one guarded HTTP client: public addresses only, a cap on bytes, one deadline for everything.

The guard stands where a socket is made. A connection looks its host up once, judges every address
it got, and connects to one of those: there is no second look-up that could answer differently, a
redirect passes the same way, and TLS still checks the certificate for the name in the URL.

The deadline is kept by the sockets: each wait, for the first byte of a header or the last of a
body, is for what is left of it. (``timeout=`` of requests bounds one wait, not their sum.)

It is an adapter of requests without a Session: a Session would keep cookies, read proxies and
passwords from the environment, and read the body of a redirect without bound.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import string
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from io import BytesIO
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import certifi
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError

MAX_REDIRECTS = 5
MAX_RETRY_AFTER = 300.0
KEPT_HOSTS = 32  # hosts whose idle connections are kept; each keeps `connections` at most
CHUNK_BYTES = 256 * 1024
PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
LOOK_UP_TROUBLE = {socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY, socket.EAI_SYSTEM}
ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}
USER_AGENT = {"User-Agent": "image-service/1", "Accept-Encoding": "identity"}
ACCEPT = {**USER_AGENT, "Accept": "image/*"}
NO_WEB_ADDRESS = "The address, or where it is redirected to, is not a web address (http or https)."

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketAddress = tuple[socket.AddressFamily, Any]

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # the only part of IPv6 given out (RFC 4291)
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
NOT_PUBLIC = [  # beyond what ipaddress knows, which differs from one Python to the next
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared by a carrier's customers (RFC 6598); Alibaba's metadata
        "168.63.129.16/32",  # Azure's host, seen from its machines
        "192.0.0.0/24",  # protocol assignments (RFC 6890); Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "2001::/23",  # protocol assignments (RFC 2928), Teredo among them
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056), which hides an IPv4 address
        "3fff::/20",  # documentation (RFC 9637)
    )
]


class OutboundError(Exception):
    """There is no answer. ``code`` is stable, for programs; the text is a sentence, for people.

    ``permanent`` says that trying again cannot help.
    """

    retry_after: float | None = None  # only an answer can ask for a pause, see Answer

    def __init__(self, code: str, message: str, *, permanent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, whatever the status; ``url`` is where it was said, after redirects."""

    status: int
    headers: Mapping[str, str]  # upper and lower case are the same
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


def is_public(address: IpAddress) -> bool:
    """Whether anybody on the internet could be reached there, and nobody inside.

    An IPv4 address inside an IPv6 one is judged as IPv4, where IPv6 would deliver it there
    (mapped, NAT64); the other ways to hide one are not public.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(address.packed[-4:]))
        if address not in GLOBAL_UNICAST:
            return False
    special = not address.is_global or address.is_multicast or address.is_reserved
    return not special and not any(address in network for network in NOT_PUBLIC)


class Gate:
    """Which addresses may be connected to, and the look-up of names."""

    def __init__(
        self, ports: frozenset[int], private_hosts: frozenset[tuple[str, int]], lookups: int
    ) -> None:
        self.ports = ports
        self.private_hosts = private_hosts
        # The system's look-up cannot be given a deadline, but its caller can stop waiting.
        self.lookups = ThreadPoolExecutor(lookups, "look-up")

    def allows(self, address: IpAddress, port: int) -> bool:
        """An exact entry of the private hosts, or a public address with one of the ports."""
        if (str(address), port) in self.private_hosts:
            return True
        return port in self.ports and is_public(address)

    def allows_port(self, port: int) -> bool:
        return port in self.ports or any(port == open_port for _, open_port in self.private_hosts)

    def look_up(self, host: str, port: int, seconds: float) -> list[SocketAddress]:
        """Where to connect to, best first, never empty.

        Raises OutboundError if one address of the host is forbidden, without saying which, and
        TimeoutError.
        """
        answers = self._resolve(host, port, seconds)
        for _, sockaddr in answers:
            if not self.allows(ipaddress.ip_address(sockaddr[0]), port):
                raise OutboundError(
                    "forbidden_address", f"The host {host} is not at a public address."
                )
        return answers

    def _resolve(self, host: str, port: int, seconds: float) -> list[SocketAddress]:
        looking = self.lookups.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            return [(answer[0], answer[4]) for answer in looking.result(seconds)]
        except (socket.gaierror, UnicodeError) as error:
            permanent = getattr(error, "errno", None) not in LOOK_UP_TROUBLE
            raise OutboundError(
                "host_not_found", f"The host {host} was not found.", permanent=permanent
            ) from error
        finally:
            looking.cancel()


@dataclass(frozen=True, slots=True)
class Transfer:
    """What the connections that a thread uses must keep to, for the length of one call."""

    gate: Gate
    deadline: float  # of time.monotonic()

    def seconds_left(self) -> float:
        """Raises TimeoutError when there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        return seconds

    def connect(self, host: str, port: int) -> socket.socket:
        """Try the addresses of the host in turn, each with its share of the time left."""
        *others, last = self.gate.look_up(host, port, self.seconds_left())
        for tried, address in enumerate(others):
            with suppress(OSError):
                return _open(address, self.seconds_left() / (len(others) + 1 - tried))
        return _open(last, self.seconds_left())


# urllib3 makes its connections and sockets by itself and hands nothing of ours to them, but it
# does so in the thread that asked.
current_transfer: ContextVar[Transfer] = ContextVar("current_transfer")


class _Socket(socket.socket):
    """Waits until the deadline of the current transfer, however often it is asked to wait."""

    def recv_into(self, *args: Any) -> int:
        self.settimeout(current_transfer.get().seconds_left())
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        self.settimeout(current_transfer.get().seconds_left())
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self.settimeout(current_transfer.get().seconds_left())
        super().sendall(*args)


class _TlsSocket(_Socket, ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(current_transfer.get().seconds_left())
        super().do_handshake(block)


def _open(address: SocketAddress, seconds: float) -> socket.socket:
    family, sockaddr = address
    connection = _Socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(sockaddr)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return current_transfer.get().connect(self._dns_host, self.port)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return current_transfer.get().connect(self._dns_host, self.port or PORTS["https"])


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Of requests, but with guarded connections, and certificates that are read once."""

    def __init__(self, connections: int, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(KEPT_HOSTS, connections, max_retries=Retry(False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, *args: Any) -> None:
        """The context holds the certificates; requests would read them again per connection."""

    def request_url(self, request: PreparedRequest, *args: Any) -> str:
        """There is no proxy, for which it would be another."""
        return request.path_url

    def build_response(self, request: PreparedRequest, raw: Any) -> Response:
        """With nothing but what is read of it: no cookies, no headers in another dictionary."""
        response = Response()
        response.raw = raw
        return response


class Client:
    """Safe to share among the threads of a process; make it after a fork, not before.

    ``ca_file`` holds certificates in PEM that are trusted beside the system's.
    """

    def __init__(
        self,
        *,
        allowed_ports: frozenset[int],
        allowed_private_hosts: frozenset[tuple[str, int]],
        connections: int,
        ca_file: str = certifi.where(),
    ) -> None:
        context = ssl.create_default_context()
        context.load_verify_locations(ca_file)
        context.sslsocket_class = _TlsSocket
        self._gate = Gate(allowed_ports, allowed_private_hosts, connections)
        self._adapter = _Adapter(connections, context)

    def get(self, url: str, *, seconds: float, max_bytes: int) -> Answer:
        """The answer at the end of at most MAX_REDIRECTS redirects, all within ``seconds``.

        Raises OutboundError for what is no answer, too; a body over ``max_bytes`` is none.
        """
        with self._transfer(seconds):
            for _ in range(MAX_REDIRECTS + 1):
                request = self._prepare("GET", url, ACCEPT)
                answer = self._exchange(request, lambda raw: _read(raw, max_bytes))
                if answer.status not in REDIRECTS or not answer.headers.get("Location"):
                    return answer
                url = _redirected(answer)
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
    ) -> Answer:
        """The answer to ``body``; no redirect is followed, and no connection kept.

        The answer has the first ``max_bytes`` of its body, as they were sent: who posts wants to
        know the status, and a long page of thanks must not become a failure.
        """
        all_headers = {**USER_AGENT, "Connection": "close", **headers}
        request = self._prepare("POST", url, all_headers, body)
        with self._transfer(seconds):
            return self._exchange(request, lambda raw: raw.read(max_bytes))

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()
        self._gate.lookups.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _transfer(self, seconds: float) -> Iterator[None]:
        before = current_transfer.set(Transfer(self._gate, time.monotonic() + seconds))
        try:
            yield
        finally:
            current_transfer.reset(before)

    def _prepare(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> PreparedRequest:
        try:
            request = PreparedRequest()  # by its parts: cookies, hooks and the rest cost time
            request.prepare_method(method)
            request.prepare_url(url, {})
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
        if not self._gate.allows_port(port):
            raise OutboundError("forbidden_port", f"Port {port} is not open to this service.")
        return request

    def _exchange(self, request: PreparedRequest, read: Callable[[HTTPResponse], bytes]) -> Answer:
        url = str(request.url)
        try:
            with self._adapter.send(request, stream=True).raw as raw:
                return Answer(raw.status, raw.headers, read(raw), url)
        except (RequestException, HTTPError) as error:
            raise _explain(error, urlsplit(url).hostname or url) from error


def _redirected(answer: Answer) -> str:
    """http.client reads a header as Latin-1, so here are its bytes again, in ASCII."""
    location = quote(answer.headers["Location"].encode("latin-1"), safe=string.punctuation)
    try:
        return urljoin(answer.url, location)
    except ValueError as error:
        raise OutboundError("invalid_url", NO_WEB_ADDRESS) from error


def _read(raw: HTTPResponse, max_bytes: int) -> bytes:
    encoding = raw.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise OutboundError(
            "unknown_encoding", f"The file is packed in an unknown way: {encoding}."
        )
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
    """In our words; an error of any kind after the deadline is the deadline's doing."""
    if time.monotonic() >= current_transfer.get().deadline:
        return OutboundError("timed_out", f"{host} took too long to answer.", permanent=False)
    if isinstance(error, InvalidURL):
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
