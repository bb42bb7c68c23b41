"""Python runs this at its start where this folder is in PYTHONPATH: all names of victims, and of
nobody else, are at 127.0.0.1, as if by a wildcard of their DNS."""

from __future__ import annotations

import socket
from typing import Any

_getaddrinfo = socket.getaddrinfo


def _with_victims(host: Any, *args: Any, **options: Any) -> Any:
    is_victim = isinstance(host, str) and host.endswith((".victim.example", "-victim.example"))
    return _getaddrinfo("127.0.0.1" if is_victim else host, *args, **options)


socket.getaddrinfo = _with_victims
