"""Which addresses the service connects to. Everything here is judged before a packet leaves."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import settings
from outbound import HttpClient, OutboundError, is_public
from tests.origin import Origin, Resolver


def words(text: str) -> list[str]:
    return text.split()


PUBLIC = words("""
1.1.1.1 8.8.8.8 93.184.216.34 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
191.255.255.255 192.0.1.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255
198.20.0.0 223.255.255.255 2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1 2003::1
2606:4700:4700::1111 2a00:1450:4001:800::200e 3ffe:ffff::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""")

FORBIDDEN = words("""
0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.0 100.64.0.1
100.100.100.200 100.127.255.255 127.0.0.0 127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.255
168.63.129.16 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 172.16.0.0 172.16.0.1
172.17.0.1 172.31.255.255 192.0.0.0 192.0.0.1 192.0.0.8 192.0.0.170 192.0.0.192 192.0.0.255
192.0.2.0 192.0.2.1 192.88.99.0 192.88.99.1 192.88.99.255 192.168.0.0 192.168.0.1 192.168.255.255
198.18.0.0 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.0 224.0.0.1 232.0.0.1
239.255.255.250 239.255.255.255 240.0.0.0 240.0.0.1 254.255.255.255 255.255.255.255 :: ::1 ::2
::127.0.0.1 ::10.0.0.1 ::8.8.8.8 ::ffff:0:127.0.0.1 ::ffff:0.0.0.0 ::ffff:10.0.0.1
::ffff:100.64.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:172.16.0.1 ::ffff:192.168.0.1
::ffff:168.63.129.16 ::ffff:224.0.0.1 ::ffff:255.255.255.255 64:ff9b::0.0.0.0 64:ff9b::10.0.0.1
64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b::192.168.0.1 64:ff9b::100.64.0.1
64:ff9b:1::8.8.8.8 64:ff9b:1::10.0.0.1 100::1 100:0:0:1::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1
2001:db8::1 2001:db8:ffff::1 2002::1 2002:7f00:1::1 2002:a00:1::1 2002:808:808::1
2002:a9fe:a9fe::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254
fdff:ffff::1 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 feff::1 ff00::1 ff02::1 ff02::fb ff0e::1
ffff:ffff::1
""")

# To one reader of URLs or another, each of these is this machine.
TRICKY_HOSTS = words("""
127.0.0.1 127.1 127.0.1 127.000.000.001 0177.0.0.1 0177.1 00177.0.0.1 017700000001 0x7f.1
0x7f.0.0.1 0x7F000001 0x7f000001 0x7f.0x0.0x0.0x1 2130706433 0 0x0 0.0.0.0 0.0 127.0.0.1.
127.0.0.1.. 127.127.127.127 127.0.0.0x1 4294967295 0xffffffff [::] [::1] [0:0:0:0:0:0:0:1]
[0000::0001] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1]
[0:0:0:0:0:ffff:7f00:1] [::ffff:0:7f00:1] [64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [2002:7f00:1::]
[::1%25lo] [::1%lo] [fe80::1%25lo] localhost LOCALHOST LocalHost localhost. 127.0.0.%31
%3127.0.0.1 %6cocalhost 127%2e0%2e0%2e1 \uff11\uff12\uff17.0.0.1 ①②⑦.⓪.⓪.① 127。0。0。1 ⓛocalhost
127.0.0.1\\@8.8.8.8 8.8.8.8@127.0.0.1 8.8.8.8:80@127.0.0.1 user:password@127.0.0.1 :@127.0.0.1
a..b .localhost *.localhost [127.0.0.1] [::1%00] [] [v1.x] -
""")

WRONG_URLS = [
    "",
    " ",
    "cup.jpg",
    "/cup.jpg",
    "//127.0.0.1/cup.jpg",
    "127.0.0.1",
    "127.0.0.1:80",
    "http:",
    "http:/",
    "http://",
    "http:///",
    "http:///cup.jpg",
    "http:127.0.0.1",
    "http:/127.0.0.1",
    "http://?",
    "http://#127.0.0.1",
    "http://:80/",
    "http://[/",
    "http://[::1/",
    "http://127.0.0.1:port/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:80:80/",
    "http://127.0.0.1 /",
    "http://127.0.0.1\r\nHost: x/",
    "http://127.0.0.1\x00.example/",
    "http\x00://127.0.0.1/",
    "ftp://127.0.0.1/",
    "ftp://93.184.216.34:80/",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "gopher://127.0.0.1/",
    "dict://127.0.0.1/",
    "ldap://127.0.0.1/",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "httpx://127.0.0.1/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "unix:///var/run/docker.sock",
    "http://user@127.0.0.1/",
    "http://user:password@127.0.0.1/",
    "https://:password@127.0.0.1/",
]


@pytest.fixture(scope="module")
def client() -> Iterator[HttpClient]:
    made = HttpClient(
        allowed_ports=frozenset({80, 443}), allowed_private_hosts=frozenset(), connections=1
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def closed() -> Iterator[HttpClient]:
    """One that may connect to nothing."""
    made = HttpClient(allowed_ports=frozenset(), allowed_private_hosts=frozenset(), connections=1)
    yield made
    made.close()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


@pytest.fixture(scope="module")
def listening() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def refusal(client: HttpClient, url: str) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        client.get(url, seconds=5, max_bytes=1000)
    return caught.value


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_forbidden(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_url_with_a_forbidden_address_is_refused_for_good(
    client: HttpClient, address: str
) -> None:
    error = refusal(client, f"http://[{address}]/" if ":" in address else f"http://{address}/")
    assert (error.code, error.permanent) == ("forbidden_address", True)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_name_is_refused_if_one_of_its_addresses_is_forbidden(
    client: HttpClient, resolver: Resolver, address: str
) -> None:
    resolver["shop.example"] = ["93.184.216.34", address]
    error = refusal(client, "http://shop.example/")
    assert (error.code, error.permanent) == ("forbidden_address", True)


def test_the_refusal_of_a_name_does_not_tell_its_address(
    client: HttpClient, resolver: Resolver
) -> None:
    resolver["intranet.example"] = ["10.20.30.40"]
    assert "10.20.30.40" not in str(refusal(client, "http://intranet.example/"))


def test_the_same_is_said_of_a_name_inside_and_of_one_that_nobody_has(
    client: HttpClient, resolver: Resolver
) -> None:
    resolver["intranet.example"] = ["10.20.30.40"]
    inside = str(refusal(client, "http://intranet.example/"))
    nobody_s = str(refusal(client, "http://nobody-has-it.invalid/"))
    assert inside.replace("intranet.example", "X") == nobody_s.replace("nobody-has-it.invalid", "X")


@pytest.mark.parametrize("host", TRICKY_HOSTS)
def test_no_spelling_of_loopback_is_connected_to(
    listening: Origin, resolver: Resolver, host: str
) -> None:
    resolver.update({"localhost": ["127.0.0.1"], "localhost.": ["127.0.0.1"]})
    port = listening.address[1]
    client = HttpClient(
        allowed_ports=frozenset({80, port}), allowed_private_hosts=frozenset(), connections=1
    )
    error = refusal(client, f"http://{host}:{port}/")
    client.close()
    assert error.code in {"forbidden_address", "invalid_url", "host_not_found"}
    assert listening.connections == 0


@pytest.mark.parametrize("url", WRONG_URLS)
def test_what_is_no_web_address_is_refused_as_such(client: HttpClient, url: str) -> None:
    error = refusal(client, url)
    assert (error.code, error.permanent) == ("invalid_url", True)


@pytest.mark.parametrize("port", [1, 22, 25, 3306, 6379, 8081, 65535])
def test_a_port_that_is_not_open_is_refused_as_such(client: HttpClient, port: int) -> None:
    error = refusal(client, f"http://93.184.216.34:{port}/")
    assert (error.code, error.permanent) == ("forbidden_port", True)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:80/", "http://10.0.0.6:9000/", "http://[::ffff:10.0.0.5]:9000/"]
)
def test_an_entry_of_the_private_hosts_opens_nothing_else(url: str) -> None:
    entry = frozenset({("10.0.0.5", 9000)})
    client = HttpClient(allowed_ports=frozenset({80}), allowed_private_hosts=entry, connections=1)
    assert refusal(client, url).code == "forbidden_address"
    client.close()


def test_a_port_opened_for_one_private_host_is_not_open_for_the_internet() -> None:
    entry = frozenset({("10.0.0.5", 9000)})
    client = HttpClient(allowed_ports=frozenset({80}), allowed_private_hosts=entry, connections=1)
    assert refusal(client, "http://93.184.216.34:9000/").code == "forbidden_address"
    client.close()


@given(rest=st.text())
def test_any_text_as_a_url_gets_a_refusal_and_nothing_worse(closed: HttpClient, rest: str) -> None:
    assert refusal(closed, f"http://{rest}").code in {"invalid_url", "forbidden_port"}


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://10.0.0.5/a.jpg", "10.0.0.5:80"),
        ("http://192.168.1.7:8901/a.jpg", "192.168.1.7:8901"),
        ("https://[fd00::5]/a.jpg", "[fd00::5]:443"),
        ("http://LocalHost:8901/a.jpg", "127.0.0.1:8901,[::1]:8901"),
    ],
)
def test_of_an_inner_address_in_the_url_itself_the_setting_is_named(
    client: HttpClient, url: str, entry: str
) -> None:
    said = str(refusal(client, url))

    assert "is not public; the operator of the service can allow it" in said
    assert said.endswith(f"ALLOWED_PRIVATE_HOSTS={entry}.")
    assert settings.read({"ALLOWED_PRIVATE_HOSTS": entry}).allowed_private_hosts


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/"])
def test_where_clouds_keep_secrets_no_setting_is_offered(client: HttpClient, url: str) -> None:
    assert "ALLOWED_PRIVATE_HOSTS" not in str(refusal(client, url))


def test_the_log_tells_the_operator_where_a_name_inside_leads_once(
    resolver: Resolver, caplog: pytest.LogCaptureFixture
) -> None:
    resolver["intranet.example"] = ["10.20.30.40"]
    client = HttpClient(
        allowed_ports=frozenset({80}), allowed_private_hosts=frozenset(), connections=1
    )

    said = [str(refusal(client, "http://intranet.example/")) for _ in range(3)]
    client.close()

    assert not any("ALLOWED_PRIVATE_HOSTS" in sentence for sentence in said)
    (line,) = caplog.messages
    assert line.startswith("intranet.example was not asked: 10.20.30.40:80 is not public")
