"""Which ports can be listened on, said before anything is started."""

from __future__ import annotations

import os
import socket


def reason_against(host: str, port: int) -> str | None:
    """Why nothing can listen there, in the system's words; None when something can."""
    try:
        listen(host, port).close()
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return None


def is_answered(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def free_port(preferred: int = 0) -> int:
    """The preferred port of loopback where it is free, else any other."""
    port = preferred if reason_against("127.0.0.1", preferred) is None else 0
    with listen("127.0.0.1", port) as listener:
        number: int = listener.getsockname()[1]
        return number


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
