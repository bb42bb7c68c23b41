"""The processes of the server: started, replaced when they die, and stopped together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.context import ForkProcess
from typing import Any

from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from http_server.connections import STOP_SECONDS, Server
from settings import MIB

PROCESSES, THREADS = 2, 8
MAX_CONNECTIONS = 4000  # of a process
SPARE_FILES = 256  # for all that is not a connection
KEPT_UPLOADS = 16  # of the largest size that are buffered by a process
# Of one response, on disk, that its client has not taken: as much as no table and no image has, so
# that only an archive holds up its thread.
KEPT_RESPONSE = 64 * MIB
BACKLOG = 2048
SENT_BY_THREADS = 1024 * 1024  # from so many bytes on; less costs least if the event loop sends it
BIND_ATTEMPTS = 5  # a second apart: processes that were killed may still hold the port
PAUSE_SECONDS = 1  # before a process that died is replaced
CANNOT_LISTEN = "HOST and PORT cannot be used: the API cannot listen on {}:{}: {}."

MakeApplication = Callable[[], Any]


def serve(make_application: MakeApplication, listener: socket.socket, max_body_bytes: int) -> None:
    """Serve until SIGTERM or SIGINT; each process makes an application of its own."""
    _allow_many_files()
    asked_to_stop, ask = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(ask, b"."))
    work = (make_application, listener, max_body_bytes)
    children = [_start(work) for _ in range(PROCESSES)]
    while asked_to_stop not in (ready := _wait(asked_to_stop, children)):
        time.sleep(PAUSE_SECONDS)
        children = [_start(work) if each.sentinel in ready else each for each in children]
    _stop(children)


def _wait(asked_to_stop: int, children: list[ForkProcess]) -> list[Any]:
    """Those that are ready: the pipe, or the sentinels of children that ended."""
    return connection.wait([asked_to_stop, *(each.sentinel for each in children)])


def _start(work: tuple[MakeApplication, socket.socket, int]) -> ForkProcess:
    child = multiprocessing.get_context("fork").Process(target=_run, args=work, daemon=True)
    child.start()
    return child


def _stop(children: list[ForkProcess]) -> None:
    for child in children:
        child.terminate()
    ends_at = time.monotonic() + STOP_SECONDS + 1
    for child in children:
        child.join(max(0, ends_at - time.monotonic()))
        child.kill()


def _run(make_application: MakeApplication, listener: socket.socket, max_body_bytes: int) -> None:
    """One process, from its start to its end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent's handler came with the fork
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which stops us
    server = make_server(
        make_application(),
        listener,
        max_connections=_max_connections(),
        max_buffered=KEPT_UPLOADS * max_body_bytes,
        max_body_bytes=max_body_bytes,
    )
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    server.run()


def make_server(
    application: Any,
    listener: socket.socket,
    *,
    max_connections: int,
    max_buffered: int,
    max_body_bytes: int,
) -> Server:
    """The server of one process, with its threads; ``run`` serves until ``stop``."""
    adjustments = Adjustments(
        sockets=[listener],
        backlog=BACKLOG,
        ident=None,
        recv_bytes=64 * 1024,
        inbuf_overflow=64 * 1024,
        outbuf_overflow=256 * 1024,
        outbuf_high_watermark=KEPT_RESPONSE,
        connection_limit=sys.maxsize,  # the server itself makes room
        cleanup_interval=1,
        log_socket_errors=False,
        clear_untrusted_proxy_headers=False,  # the application reads none
        max_request_header_size=32 * 1024,
        max_request_body_size=max_body_bytes + 1,
    )
    adjustments.send_bytes = SENT_BY_THREADS  # as an option it warns that it may go one day
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns when all are busy
    threads = ThreadedTaskDispatcher()
    threads.set_thread_count(THREADS)
    return Server(
        application,
        _sock=listener,
        dispatcher=threads,
        adj=adjustments,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        bind_socket=False,
        max_connections=max_connections,
        max_buffered=max_buffered,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises SystemExit, in a sentence, when nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempts_left in reversed(range(BIND_ATTEMPTS)):
        try:
            return socket.create_server((host, port), family=family, backlog=BACKLOG)
        except socket.gaierror as error:
            raise SystemExit(CANNOT_LISTEN.format(host, port, error.strerror)) from None
        except OSError as error:
            if not attempts_left:
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise SystemExit(CANNOT_LISTEN.format(host, port, reason)) from None
        time.sleep(1)
    raise AssertionError  # one of the attempts has returned or raised


def _allow_many_files() -> None:
    """Each connection is an open file, and its body another; the usual limit is 1,024."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS + SPARE_FILES
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


def _max_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CONNECTIONS, (files - SPARE_FILES) // 2)
