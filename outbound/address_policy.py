"""Who may be reached: public addresses with open ports, and the private ones that are allowed."""

from __future__ import annotations

import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from outbound.errors import OutboundError

TEMPORARY_FAILURES = {socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY, socket.EAI_SYSTEM}

# Of names inside and of names that nobody has: this sentence does not tell which are inside. Their
# codes differ, for the operator.
NOT_FOUND = "The host {host} was not found at a public address."

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


class AddressPolicy:
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
        found = self._resolve(host, port, seconds)
        for _, sockaddr in found:
            if not self.allows(ipaddress.ip_address(sockaddr[0]), port):
                raise OutboundError("forbidden_address", NOT_FOUND.format(host=host))
        return found

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
