"""Who may be reached: public addresses with open ports, and the private ones that are allowed."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from outbound.errors import OutboundError

logger = logging.getLogger(__name__)

TEMPORARY_FAILURES = {socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY, socket.EAI_SYSTEM}

# Of names inside and of names that nobody has: this sentence does not tell which are inside. Their
# codes differ, for the operator.
NOT_FOUND = "The host {host} was not found at a public address."
# Of an address that stands in the URL itself, which tells nobody anything.
NOT_PUBLIC_ITSELF = (
    "The address {host} is not public; the operator of the service can allow it, with the setting "
    "ALLOWED_PRIVATE_HOSTS={entry}."
)
MAX_LOGGED = 100  # addresses of names inside, for the operator: each once

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
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

ALLOWABLE = [  # what an operator may mean to allow; not link-local, where clouds keep secrets
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1",
        "fc00::/7",
    )
]
LOCALHOST = ("127.0.0.1", "::1")


def private_entry(host: str, port: int) -> str | None:
    """How ALLOWED_PRIVATE_HOSTS would name an inner address, or localhost; None for other hosts."""
    is_localhost = host.lower().rstrip(".") == "localhost"
    try:
        named = [ipaddress.ip_address(each) for each in (LOCALHOST if is_localhost else (host,))]
    except ValueError:
        return None
    if not any(named[0] in network for network in ALLOWABLE):
        return None
    return ",".join(_entry(address, port) for address in named)


def _entry(address: IpAddress, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def delivered_to(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv6 one, where IPv6 would deliver it there (mapped, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(address.packed[-4:])
    return address


def is_public(address: IpAddress) -> bool:
    """Whether anybody on the internet could be reached there, and nobody inside.

    Ways to hide an IPv4 address in an IPv6 one by which it is not delivered there are not public.
    """
    address = delivered_to(address)
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    special = not address.is_global or address.is_multicast or address.is_reserved
    return not special and not any(address in network for network in NOT_PUBLIC)


@dataclass(frozen=True)
class BlockedHosts:
    """Whom the operator wants left alone: names, with all names below them, and networks."""

    names: frozenset[str] = frozenset()
    networks: frozenset[IpNetwork] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """From the setting: each entry is a network, or else a name."""
        networks = {entry for entry in entries if "/" in entry}
        names = frozenset(entries) - networks
        return cls(names, frozenset(map(ipaddress.ip_network, networks)))

    def has_name(self, host: str) -> bool:
        labels = host.lower().rstrip(".").split(".")
        return any(".".join(labels[at:]) in self.names for at in range(len(labels)))

    def has_address(self, text: str) -> bool:
        address = delivered_to(ipaddress.ip_address(text))
        return any(address in network for network in self.networks)


NOBODY = BlockedHosts()


class AddressPolicy:
    """Which addresses may be connected to, and the look-up of names."""

    def __init__(
        self,
        ports: frozenset[int],
        private_hosts: frozenset[tuple[str, int]],
        lookups: int,
        blocked: BlockedHosts = NOBODY,
    ) -> None:
        self.ports = ports
        self.blocked = blocked
        self.private_hosts = private_hosts
        self._logged: set[str] = set()
        # The system's look-up cannot be given a deadline, but its caller can stop waiting.
        self.lookups = ThreadPoolExecutor(lookups, "look-up")

    def allows(self, address: IpAddress, port: int) -> bool:
        """An exact entry of the private hosts, or a public address with one of the ports."""
        if (str(address), port) in self.private_hosts:
            return True
        return port in self.ports and is_public(address)

    def check_name(self, host: str) -> None:
        """Raises OutboundError for a name that the operator has blocked."""
        self._check_blocked(bool(self.blocked.names) and self.blocked.has_name(host), host)

    def _check_blocked(self, is_blocked: bool, host: str) -> None:
        if is_blocked:
            raise OutboundError("blocked_host", f"The host {host} is blocked in this service.")

    def look_up(self, host: str, port: int, seconds: float) -> list[SocketAddress]:
        """Where to connect to, best first, never empty.

        Raises OutboundError if one address of the host is forbidden, without saying which (the log
        does), and TimeoutError.
        """
        found = self._resolve(host, port, seconds)
        for _, sockaddr in found:
            self._check_blocked(self.blocked.has_address(sockaddr[0]), host)
            if not self.allows(address := ipaddress.ip_address(sockaddr[0]), port):
                entry = private_entry(host, port)
                if entry is None and not is_public(address):
                    self._log(host, _entry(address, port))
                sentence = NOT_PUBLIC_ITSELF if entry else NOT_FOUND
                raise OutboundError("forbidden_address", sentence.format(host=host, entry=entry))
        return found

    def _log(self, host: str, entry: str) -> None:
        """Whom the sentence for users does not tell it."""
        if entry not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(entry)
            logger.warning(
                "%s was not asked: %s is not public, and ALLOWED_PRIVATE_HOSTS lacks it",
                *(host, entry),
            )

    def check_port(self, host: str, port: int) -> None:
        """Raises OutboundError for a port that is open nowhere."""
        if port in self.ports or any(port == open_port for _, open_port in self.private_hosts):
            return
        sentence = f"Port {port} is not open to this service."
        if entry := private_entry(host, port):
            sentence = NOT_PUBLIC_ITSELF.format(host=host, entry=entry)
        raise OutboundError("forbidden_port", sentence)

    def _resolve(self, host: str, port: int, seconds: float) -> list[SocketAddress]:
        looking = self.lookups.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            return [(answer[0], answer[4]) for answer in looking.result(seconds)]
        except (socket.gaierror, UnicodeError) as error:
            permanent = getattr(error, "errno", None) not in TEMPORARY_FAILURES
            raise OutboundError(
                "host_not_found", NOT_FOUND.format(host=host), permanent=permanent
            ) from error
        finally:
            looking.cancel()
