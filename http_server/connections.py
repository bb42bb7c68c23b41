"""Connections that wait for their clients without a thread, and not for ever."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from api.problems import INCOMPLETE_UPLOAD
from http_server.parsing import StrictParser
from http_server.refusals import MALFORMED, TOO_SLOW, ProblemTask

STALL_SECONDS = 10  # without a byte; also for all of the headers, and between two requests
MIN_BYTES_PER_SECOND = 4096  # of a body or a response, on average
MAX_PIECE = 128 * 1024  # of a file, read at once to be sent: a slow reader takes little of it
STOP_SECONDS = 8  # for what is under way when the server is asked to stop
ACCEPTED_OF = 100  # with so many connections open, one more is accepted at a time


class Connection(HTTPChannel):
    """A client's connection; the event loop alone reads and writes it."""

    parser_class = StrictParser
    error_task_class = ProblemTask
    request: Any  # the StrictParser of the request that comes in; None between two
    close_when_flushed: bool
    sendbuf_len: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._start_waiting()
        self._is_refused = self._is_draining = self._holds_up_thread = False
        super().__init__(*arguments, **options)
        self.sendbuf_len = min(self.sendbuf_len, MAX_PIECE)

    def _start_waiting(self) -> None:
        """From now on it is the client's turn: to send a request, or to take a response."""
        self.waits_since = self.last_activity = time.time()
        self._moved = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn."""
        return (not self.requests or self._holds_up_thread) and not self.will_close

    @property
    def is_under_way(self) -> bool:
        """Whether a request or a response is."""
        return bool(self.requests or self.total_outbufs_len or self.request)

    @property
    def buffered(self) -> int:
        """Bytes that are kept for the client, in memory or in temporary files."""
        body = self.request and self.request.body_rcv
        responses = (len(each) for each in self.outbufs if isinstance(each, OverflowableBuffer))
        return (len(body) if body else 0) + sum(responses)

    def is_too_slow(self, now: float) -> bool:
        """Whether the client has stalled, or is below MIN_BYTES_PER_SECOND."""
        allowed = STALL_SECONDS + self._moved / MIN_BYTES_PER_SECOND
        has_stalled = now - self.last_activity > STALL_SECONDS
        return self.is_waiting and (has_stalled or now - self.waits_since > allowed)

    def give_up(self) -> None:
        """End the wait, with a response if there is a request to respond to."""
        if self.request is None or self.total_outbufs_len:
            self.abandon()
        else:
            self._refuse(TOO_SLOW)

    def abandon(self) -> None:
        """Close it, when the event loop is done with the events that it knows: a new connection
        may get the same number, and must not be taken for this one.
        """
        self.will_close = True
        self.server.abandoned.append(self)

    def _refuse(self, error: Any) -> None:
        with self.requests_lock:
            self.request.error = error
            self._dispatch()

    def _dispatch(self) -> None:
        """Hand the request to a thread."""
        request, self.request, self.sent_continue = self.request, None, False
        self._is_refused = request.error is not None
        self.requests.append(request)
        self.server.add_task(self)

    # --- called by the event loop -------------------------------------------------------------

    def handle_read(self) -> None:
        try:
            data = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if data and not self._is_draining:
            self.received(data)
        elif not data and self.request:  # whoever sends no more may still read
            self._refuse(INCOMPLETE_UPLOAD if self.request.has_headers else MALFORMED)
        elif not data:
            self.handle_close()

    def received(self, data: bytes) -> None:
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return
            self.last_activity = time.time()
            while data and not self.requests:
                data = data[self._parse(data) :]

    def _parse(self, data: bytes) -> int:
        """Let the parser have a look; returns how many bytes it took."""
        if self.request is None:
            self._start_waiting()
            self.request = self.parser_class(self.adj)
        self._moved += len(data) if self.request.has_headers else 0
        consumed: int = self.request.received(data)
        if self.request.empty:
            self.request = None
        elif self._expects_to_be_told():
            self.send_continue()
        elif self.request.completed:
            if consumed < len(data):  # nobody pipelines; many responses would need a bound, too
                self.request.headers["CONNECTION"] = "close"
            self._dispatch()
        return consumed

    def _expects_to_be_told(self) -> bool:
        """Whether the client sends its body when it is told to, by ``100 Continue``."""
        request = self.request
        is_asking = request.expect_continue and request.headers_finished
        return is_asking and not self.sent_continue and not request.error

    def writable(self) -> bool:
        """Whether the event loop has something to write now. Of a response that is being made it
        writes no less than ``send_bytes``; to poll for less would be to spin. So a client that
        goes away meanwhile is noticed with the next ``send_bytes``, or at the end.
        """
        is_being_made = bool(self.requests) and not (self.will_close or self.close_when_flushed)
        if is_being_made and self.total_outbufs_len < self.adj.send_bytes:
            return False
        return bool(super().writable())

    def handle_write(self) -> None:
        """As waitress does, but for the end of a request that was not read to its end: closing on
        unread bytes would take the response from the client (RFC 9112, section 9.6).
        """
        if not (self._is_refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self.close_when_flushed, self._is_draining = False, True
            self._start_waiting()
            self.socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close=do_close)
        self._moved += sent
        return sent

    def handle_close(self) -> None:
        if self.request:
            self.request.close()
        super().handle_close()

    # --- called by the thread of a request ----------------------------------------------------

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait, where the client is so far behind that the rest of its response has no room."""
        self._holds_up_thread = True
        try:
            super()._flush_outbufs_below_high_watermark()
        finally:
            self._holds_up_thread = False

    def write_soon(self, data: Any) -> int:
        self._start_waiting()
        written: int = super().write_soon(data)
        return written


class Server(TcpWSGIServer):
    """Serves an application on a socket that listens already, until it is stopped."""

    channel_class = Connection

    def __init__(
        self, *arguments: Any, max_connections: int, max_buffered: int, **options: Any
    ) -> None:
        self._max_connections, self._max_buffered = max_connections, max_buffered
        self._parent = multiprocessing.parent_process()
        self._stops_at = float("inf")
        self.abandoned: list[Connection] = []
        super().__init__(*arguments, **options)

    def run(self) -> None:
        while not self._has_stopped():
            wasyncore.poll2(self.adj.asyncore_loop_timeout, self._map)
            while self.abandoned:
                self.abandoned.pop().handle_close()
        self.task_dispatcher.shutdown()

    def stop(self) -> None:
        """Accept no more, and let ``run`` return when all that is under way has been answered."""
        self._stops_at = min(self._stops_at, time.time() + STOP_SECONDS)
        self.pull_trigger()

    def _has_stopped(self) -> bool:
        if self._stops_at == float("inf"):
            return False
        self.accepting = False
        wasyncore.poll2(0, self._map)  # a request may have come whose bytes nobody has looked at
        is_under_way = any(each.is_under_way for each in self.active_channels.values())
        return time.time() > self._stops_at or not is_under_way

    def handle_accept(self) -> None:
        """When all connections are taken, one that waits makes room: a new one is never refused.

        One at a time, so that processes share them; but the more are open, the longer a look at
        all of them takes.
        """
        for _ in range(1 + len(self.active_channels) // ACCEPTED_OF):
            kept = len(self.active_channels) - len(self.abandoned)
            if kept < self._max_connections or self._drop_one(lambda _: 1):
                super().handle_accept()

    def maintenance(self, now: float) -> None:
        if self._parent and self._parent.pid != os.getppid():
            self.stop()  # nobody is left to do it
        for each in list(self.active_channels.values()):
            if each.is_too_slow(now):
                each.give_up()
        while self._buffered() > self._max_buffered and self._drop_one(lambda one: one.buffered):
            pass

    def _buffered(self) -> int:
        kept = (each for each in self.active_channels.values() if not each.will_close)
        return sum(each.buffered for each in kept)

    def _drop_one(self, size: Callable[[Connection], int]) -> bool:
        """Close a connection that waits: of the client that has most of them, the largest, and of
        those the oldest. Says whether there was one.
        """
        waiting = [each for each in self.active_channels.values() if each.is_waiting]
        held: Counter[str] = Counter()
        for each in waiting:
            held[each.addr[0]] += size(each)
        if not waiting:
            return False
        (address, _), *_ = held.most_common(1)
        of_client = (each for each in waiting if each.addr[0] == address)
        max(of_client, key=lambda each: (size(each), -each.waits_since)).abandon()
        return True
