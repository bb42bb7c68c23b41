"""The guarded client against real servers, most of which misbehave."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from outbound import MAX_KEPT_HOSTS, HttpClient, OutboundError
from tests import origin as origins
from tests.origin import Origin, Resolver, closed_port, content, head, raw, redirect

pytestmark = pytest.mark.integration

PICTURE = bytes(range(256)) * 40
MIB = 1024 * 1024


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def client(origin: Origin) -> Iterator[HttpClient]:
    made = client_of(origin.address)
    yield made
    made.close()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for shop.example that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl") or "openssl"
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.example"
    names = ["-addext", "subjectAltName=DNS:shop.example"]
    files = ["-out", f"{folder}/cert.pem", "-keyout", f"{folder}/key.pem"]
    command = [openssl, *options.split(), *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[Origin]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Origin(tls=context) as running:
        yield running


def client_of(*private_hosts: tuple[str, int], **options: Any) -> HttpClient:
    hosts = frozenset(private_hosts)
    return HttpClient(
        allowed_ports=frozenset({80}), allowed_private_hosts=hosts, connections=8, **options
    )


def get(client: HttpClient, url: str, max_bytes: int = MIB) -> bytes:
    return client.get(url, seconds=10, max_bytes=max_bytes).body


def refusal(client: HttpClient, url: str, *, seconds: float = 10, max_bytes: int = MIB) -> str:
    with pytest.raises(OutboundError) as caught:
        client.get(url, seconds=seconds, max_bytes=max_bytes)
    return caught.value.code


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


# What a good server sends


def test_an_answer_has_its_status_headers_body_and_url(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", content(PICTURE, headers={"X-Shop": "yes"}))
    answer = client.get(url, seconds=10, max_bytes=MIB)
    assert (answer.status, answer.body, answer.url) == (200, PICTURE, url)
    assert answer.headers["x-shop"] == "yes"


@pytest.mark.parametrize("status", [204, 206, 304, 400, 404, 429, 500, 503, 999])
def test_any_status_is_an_answer(origin: Origin, client: HttpClient, status: int) -> None:
    url = origin.on("/cup.jpg", content(status=status))
    assert client.get(url, seconds=10, max_bytes=MIB).status == status


def test_a_server_is_told_that_a_picture_is_wanted(origin: Origin, client: HttpClient) -> None:
    get(client, origin.on("/cup.jpg", content(PICTURE)))
    headers = origin.received[0].headers
    assert (headers["Accept"], headers["User-Agent"]) == ("image/*", "image-service/1")


def test_one_connection_serves_many_pictures(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", content(PICTURE))
    assert [get(client, url) for _ in range(5)] == [PICTURE] * 5
    assert origin.connections == 1


def test_threads_share_a_client_and_its_connections(origin: Origin, client: HttpClient) -> None:
    urls = [origin.on(f"/{number}", content(b"%d" % number)) for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda url: get(client, url), urls))
    assert bodies == [b"%d" % number for number in range(200)]
    assert origin.connections <= 8


def test_no_thread_is_left_behind_by_a_transfer(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", origins.close_at_once())
    before = threading.active_count()
    for _ in range(30):
        refusal(client, url)
    origins.until(lambda: threading.active_count() <= before + 8)


def test_idle_connections_are_kept_for_some_hosts_only(
    origin: Origin, client: HttpClient, resolver: Resolver
) -> None:
    origin.on("/cup.jpg", content(PICTURE))
    for number in range(MAX_KEPT_HOSTS + 10):
        resolver[f"{number}.example"] = ["127.0.0.1"]
        get(client, origin.url("/cup.jpg", host=f"{number}.example"))
    origins.until(lambda: origin.open_connections == MAX_KEPT_HOSTS)


def test_a_body_in_chunks_arrives_whole(origin: Origin, client: HttpClient) -> None:
    chunks = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    url = origin.on("/cup.jpg", raw(head(200, {"Transfer-Encoding": "chunked"}), chunks))
    assert get(client, url) == b"hello world"


def test_a_body_that_ends_with_the_connection_arrives_whole(
    origin: Origin, client: HttpClient
) -> None:
    assert get(client, origin.on("/cup.jpg", raw(head(200, {}), PICTURE))) == PICTURE


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_packed_body_is_unpacked(
    origin: Origin, client: HttpClient, encoding: str, pack: type[bytes]
) -> None:
    url = origin.on("/cup.jpg", content(pack(PICTURE), headers={"Content-Encoding": encoding}))
    assert get(client, url) == PICTURE


# What is cut off


def test_a_body_may_be_as_long_as_the_limit(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", content(PICTURE))
    assert get(client, url, max_bytes=len(PICTURE)) == PICTURE


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(len(PICTURE))}])
def test_a_body_one_byte_over_the_limit_is_too_large(
    origin: Origin, client: HttpClient, headers: dict[str, str]
) -> None:
    url = origin.on("/cup.jpg", raw(head(200, headers), PICTURE))
    assert refusal(client, url, max_bytes=len(PICTURE) - 1) == "too_large"


def test_a_large_body_is_refused_by_its_length_before_it_is_read(
    origin: Origin, client: HttpClient
) -> None:
    start = head(200, {"Content-Length": str(10**12)}) + bytes(70_000)
    url = origin.on("/cup.jpg", raw(start, endlessly=b"x", pause=0.05))
    assert refusal(client, url) == "too_large"


@pytest.mark.parametrize("answer", [origins.endless_body, partial(origins.gzip_bomb, 200 * MIB)])
def test_a_body_without_end_costs_little_memory(
    origin: Origin, client: HttpClient, answer: Callable[[], origins.Response]
) -> None:
    url = origin.on("/bomb", answer())
    tracemalloc.start()
    code = refusal(client, url, max_bytes=2 * MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (code, peak < 8 * MIB) == ("too_large", True)


@pytest.mark.parametrize(
    "answer",
    [
        origins.short_body(PICTURE),
        origins.short_body(b"", missing=10),
        raw(head(200, {"Transfer-Encoding": "chunked"}), b"9\r\nhello"),
        raw(head(200, {"Transfer-Encoding": "chunked"}), b"5\r\nhello\r\n"),
    ],
)
def test_a_part_of_a_body_is_no_answer(
    origin: Origin, client: HttpClient, answer: origins.Response
) -> None:
    assert refusal(client, origin.on("/cup.jpg", answer)) == "short_body"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "rot13"])
def test_an_unknown_encoding_is_refused(origin: Origin, client: HttpClient, encoding: str) -> None:
    url = origin.on("/cup.jpg", content(PICTURE, headers={"Content-Encoding": encoding}))
    assert refusal(client, url) == "unknown_encoding"


def test_what_an_origin_writes_into_a_header_is_in_no_message(
    origin: Origin, client: HttpClient
) -> None:
    headers = {"Content-Encoding": "<script>alert(1)</script>"}
    with pytest.raises(OutboundError) as caught:
        get(client, origin.on("/cup.jpg", content(PICTURE, headers=headers)))
    assert "script" not in str(caught.value)


def test_a_body_that_cannot_be_unpacked_is_no_answer(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", content(PICTURE, headers={"Content-Encoding": "gzip"}))
    assert refusal(client, url) == "bad_encoding"


@pytest.mark.parametrize(
    "answer",
    [
        origins.close_at_once(),
        raw(b"HTTP/1.1"),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(b"\x16\x03\x01\x00\x00" * 100),
    ],
)
def test_a_server_that_breaks_off_may_be_tried_again(
    origin: Origin, client: HttpClient, answer: origins.Response
) -> None:
    with pytest.raises(OutboundError) as caught:
        get(client, origin.on("/cup.jpg", answer))
    assert (caught.value.code, caught.value.permanent) == ("connection_failed", False)


def test_a_server_that_is_down_may_be_tried_again() -> None:
    client = client_of(address := ("127.0.0.1", closed_port()))
    with pytest.raises(OutboundError) as caught:
        get(client, f"http://127.0.0.1:{address[1]}/")
    client.close()
    assert (caught.value.code, caught.value.permanent) == ("connection_failed", False)


# The deadline


@pytest.mark.parametrize(
    "answer",
    [
        origins.drip_body(),
        origins.drip_headers(),
        raw(endlessly=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
        raw(endlessly=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        raw(head(200, {"Transfer-Encoding": "chunked"}), endlessly=b"1\r\nx\r\n", pause=0.05),
        raw(head(200, {"Transfer-Encoding": "chunked"}), endlessly=b"0", pause=0.05),
        content(PICTURE, delay=60),
        raw(head(200, {"Content-Length": "9"}), b"hello", b"", pause=60),
    ],
    ids=[
        "body",
        "headers",
        "continue",
        "continue fast",
        "chunks",
        "chunk length",
        "first byte",
        "stalled",
    ],
)
def test_a_slow_server_is_left_at_the_deadline(
    origin: Origin, client: HttpClient, answer: origins.Response
) -> None:
    url = origin.on("/cup.jpg", answer)
    with within(5):
        assert refusal(client, url, seconds=0.5) == "timed_out"


def test_all_redirects_together_have_one_deadline(origin: Origin, client: HttpClient) -> None:
    for step in range(5):
        origin.on(f"/{step}", content(status=302, headers={"Location": f"/{step + 1}"}, delay=0.3))
    assert refusal(client, origin.url("/0"), seconds=0.8) == "timed_out"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_silent_server_is_left_at_the_deadline(silent: tuple[str, int], scheme: str) -> None:
    client = client_of(silent)
    with within(5):
        code = refusal(client, f"{scheme}://127.0.0.1:{silent[1]}/", seconds=0.5)
    client.close()
    assert code == "timed_out"


def test_a_receiver_that_does_not_read_is_left_at_the_deadline(silent: tuple[str, int]) -> None:
    client = client_of(silent)
    with within(5), pytest.raises(OutboundError) as caught:
        client.post(f"http://127.0.0.1:{silent[1]}/", bytes(64 * MIB), {}, seconds=0.5)
    client.close()
    assert caught.value.code == "timed_out"


def test_a_slow_look_up_is_left_at_the_deadline(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(60))
    with within(5):
        code = refusal(client, "http://shop.example/", seconds=0.5)
    answered.set()
    assert code == "timed_out"


def test_a_first_byte_that_does_not_come_ends_a_download_before_its_deadline(
    origin: Origin,
) -> None:
    client = client_of(origin.address, first_byte_seconds=0.3)
    late = origin.on("/late.jpg", content(PICTURE, delay=60))
    redirected = origin.on("/moved.jpg", redirect("/late.jpg"))
    with within(5):
        assert refusal(client, late, seconds=60) == "timed_out"
        assert refusal(client, redirected, seconds=60) == "timed_out"
    client.close()


def test_a_body_may_take_longer_than_its_first_byte(origin: Origin) -> None:
    client = client_of(origin.address, first_byte_seconds=0.3)
    slow = raw(head(200, {"Content-Length": "3"}), b"a", b"b", b"c", pause=0.25)
    url = origin.on("/slow.jpg", slow)
    assert get(client, url) == b"abc"
    client.close()


def test_a_connection_that_is_not_accepted_is_left_after_some_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):  # the queue of the listener is full, and drops what comes
            queued = waiting.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
        client = client_of(full.getsockname())
        with within(8):
            code = refusal(client, f"http://127.0.0.1:{full.getsockname()[1]}/", seconds=60)
        client.close()
    assert code == "timed_out"


def test_a_transfer_that_timed_out_leaves_the_next_one_alone(
    origin: Origin, client: HttpClient
) -> None:
    url = origin.on("/cup.jpg", origins.drip_body(), content(PICTURE))
    assert refusal(client, url, seconds=0.3) == "timed_out"
    assert get(client, url) == PICTURE


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(origin: Origin, client: HttpClient, status: int) -> None:
    url = origin.on("/old/cup.jpg", redirect("../new/cup.jpg", status=status))
    new = origin.on("/new/cup.jpg", content(PICTURE))
    answer = client.get(url, seconds=10, max_bytes=MIB)
    assert (answer.status, answer.body, answer.url) == (200, PICTURE, new)


def test_a_redirect_beyond_ascii_is_followed(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/old", redirect("/Tässe 1.jpg".encode().decode("latin-1")))
    origin.on("/T%C3%A4sse%201.jpg", content(PICTURE))
    assert get(client, url) == PICTURE


@pytest.mark.parametrize(("redirects", "ending"), [(5, PICTURE), (6, "too_many_redirects")])
def test_five_redirects_are_followed_and_no_more(
    origin: Origin, client: HttpClient, redirects: int, ending: bytes | str
) -> None:
    for step in range(redirects):
        origin.on(f"/{step}", redirect(f"/{step + 1}"))
    origin.on(f"/{redirects}", content(PICTURE))
    outcome = get if isinstance(ending, bytes) else refusal
    assert outcome(client, origin.url("/0")) == ending


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/meta-data/",
        "//[::1]/",
        "http://10.0.0.1/",
    ],
)
def test_a_redirect_to_a_private_address_is_refused_for_good(
    origin: Origin, client: HttpClient, location: str
) -> None:
    with pytest.raises(OutboundError) as caught:
        get(client, origin.on("/cup.jpg", redirect(location)))
    assert (caught.value.code, caught.value.permanent) == ("forbidden_address", True)


def test_a_redirect_does_not_reach_another_server_on_this_machine(client: HttpClient) -> None:
    with Origin() as inner, Origin() as outer:
        guarded = client_of(outer.address)
        refusal(guarded, outer.on("/cup.jpg", redirect(inner.url("/secret"))))
        guarded.close()
        assert inner.connections == 0


@pytest.mark.parametrize("location", ["ftp://shop.example/", "http://a:b@shop.example/", "//["])
def test_a_redirect_to_what_is_no_web_address_is_refused(
    origin: Origin, client: HttpClient, location: str
) -> None:
    assert refusal(client, origin.on("/cup.jpg", redirect(location))) == "invalid_url"


def test_a_redirect_to_nowhere_is_an_answer(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", content(status=302))
    assert client.get(url, seconds=10, max_bytes=MIB).status == 302


def test_the_body_of_a_redirect_is_limited_too(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/old", raw(head(302, {"Location": "/"}), endlessly=bytes(65536)))
    assert refusal(client, url) == "too_large"


# What is not carried along


def test_cookies_and_the_way_here_are_not_told(origin: Origin, client: HttpClient) -> None:
    cookie = {"Set-Cookie": "session=1", "Location": "/new"}
    get(client, origin.on("/old", content(status=302, headers=cookie)))
    headers = origin.received[1].headers
    assert (headers["Cookie"], headers["Referer"]) == (None, None)


def test_the_environment_gives_no_proxy_and_no_password(
    origin: Origin, client: HttpClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    assert get(client, origin.on("/cup.jpg", content(PICTURE))) == PICTURE
    assert origin.received[0].headers["Authorization"] is None


# Names and their addresses


def test_a_name_is_looked_up_once_for_a_connection(
    origin: Origin, client: HttpClient, resolver: Resolver
) -> None:
    resolver["shop.example"] = ["127.0.0.1"]
    origin.on("/cup.jpg", content(PICTURE))
    for _ in range(3):
        get(client, origin.url("/cup.jpg", host="shop.example"))
    assert resolver.look_ups["shop.example"] == 1


def test_a_server_is_told_the_name_and_the_port(
    origin: Origin, client: HttpClient, resolver: Resolver
) -> None:
    resolver["shop.example"] = ["127.0.0.1"]
    get(client, origin.url("/cup.jpg", host="Shop.Example"))
    assert origin.received[0].headers["Host"] == f"shop.example:{origin.address[1]}"


def test_a_name_that_turns_private_is_refused_at_its_next_connection(
    origin: Origin, client: HttpClient, resolver: Resolver
) -> None:
    url = origin.url("/cup.jpg", host="shop.example")
    origin.on("/cup.jpg", raw(head(200, {}), PICTURE))
    resolver["shop.example"] = ["127.0.0.1"]
    assert get(client, url) == PICTURE
    resolver["shop.example"] = ["127.0.0.2"]
    assert refusal(client, url) == "forbidden_address"


def test_the_next_address_is_tried_when_the_first_is_down(resolver: Resolver) -> None:
    with Origin() as running:
        port = running.address[1]
        client = client_of(running.address, ("127.0.0.9", port))
        resolver["shop.example"] = ["127.0.0.9", "127.0.0.1"]
        running.on("/cup.jpg", content(PICTURE))
        body = get(client, running.url("/cup.jpg", host="shop.example"))
        client.close()
    assert body == PICTURE


@pytest.mark.parametrize(
    ("number", "permanent"), [("EAI_NONAME", True), ("EAI_AGAIN", False), ("EAI_SYSTEM", False)]
)
def test_a_name_without_an_address_is_tried_again_only_if_the_look_up_failed(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, number: str, permanent: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(getattr(socket, number), "not today")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(OutboundError) as caught:
        get(client, "http://shop.example/")
    assert (caught.value.code, caught.value.permanent) == ("host_not_found", permanent)


# TLS


def test_a_certificate_is_checked_for_the_name_in_the_url(
    secure: Origin, resolver: Resolver, certificate: tuple[Path, Path]
) -> None:
    resolver["shop.example"] = ["127.0.0.1"]
    client = client_of(secure.address, ca_file=str(certificate[0]))
    secure.on("/cup.jpg", content(PICTURE))
    bodies = [get(client, secure.url("/cup.jpg", host="shop.example")) for _ in range(3)]
    client.close()
    assert (bodies, secure.connections) == ([PICTURE] * 3, 1)


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused_for_good(
    secure: Origin, resolver: Resolver, certificate: tuple[Path, Path], host: str
) -> None:
    resolver["other.example"] = ["127.0.0.1"]
    client = client_of(secure.address, ca_file=str(certificate[0]))
    with pytest.raises(OutboundError) as caught:
        get(client, secure.url("/cup.jpg", host=host))
    client.close()
    assert (caught.value.code, caught.value.permanent) == ("tls_failed", True)


def test_a_certificate_nobody_vouches_for_is_refused_for_good(
    secure: Origin, resolver: Resolver
) -> None:
    resolver["shop.example"] = ["127.0.0.1"]
    client = client_of(secure.address)
    with pytest.raises(OutboundError) as caught:
        get(client, secure.url("/cup.jpg", host="shop.example"))
    client.close()
    assert (caught.value.code, caught.value.permanent) == ("tls_failed", True)


def test_plain_http_where_tls_is_expected_is_no_answer(origin: Origin, client: HttpClient) -> None:
    url = origin.url("/").replace("http:", "https:")
    assert refusal(client, url) == "tls_failed"


@pytest.mark.parametrize("answer", [origins.drip_body(), origins.drip_headers()])
def test_a_slow_secure_server_is_left_at_the_deadline(
    secure: Origin, resolver: Resolver, certificate: tuple[Path, Path], answer: origins.Response
) -> None:
    resolver["shop.example"] = ["127.0.0.1"]
    secure.on("/cup.jpg", answer)
    client = client_of(secure.address, ca_file=str(certificate[0]))
    with within(5):
        code = refusal(client, secure.url("/cup.jpg", host="shop.example"), seconds=1)
    client.close()
    assert code == "timed_out"


# Posts


def test_a_post_brings_its_body_and_headers(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/hook", content(b"thanks"))
    headers = {"Content-Type": "application/json", "webhook-id": "msg_1"}
    answer = client.post(url, b'{"a": 1}', headers, seconds=10)
    received = origin.received[0]
    assert (answer.status, answer.body, received.method) == (200, b"thanks", "POST")
    assert (received.body, received.headers["webhook-id"]) == (b'{"a": 1}', "msg_1")


def test_a_post_follows_no_redirect(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/hook", redirect("/other"))
    assert client.post(url, b"{}", {}, seconds=10).status == 302
    assert origin.hits == {"/hook": 1}


def test_a_long_page_of_thanks_is_cut_and_no_failure(origin: Origin, client: HttpClient) -> None:
    answer = client.post(origin.on("/hook", origins.endless_body()), b"{}", {}, seconds=10)
    assert (answer.status, len(answer.body)) == (200, 64 * 1024)


def test_a_post_to_a_private_address_is_refused(client: HttpClient) -> None:
    with pytest.raises(OutboundError) as caught:
        client.post("http://10.0.0.1/hook", b"{}", {}, seconds=10)
    assert caught.value.code == "forbidden_address"
