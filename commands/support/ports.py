"""Which ports something listens on, and which ports can be listened on."""

from __future__ import annotations

import os
import socket


def listen_error(host: str, port: int) -> str | None:
    """Why nothing can listen there, in the system's words; None when something can."""
    try:
        _listen(host, port).close()
    except socket.gaierror as error:
        return error.strerror
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return None


def accepts_connections(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def free_port(preferred: int = 0) -> int:
    """The preferred port of loopback when it is free, otherwise any other."""
    port = preferred if listen_error("127.0.0.1", preferred) is None else 0
    with _listen("127.0.0.1", port) as listener:
        number: int = listener.getsockname()[1]
        return number


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
