"""Start programs, watch them, and stop all of them however the command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parents[2]
GRACE_SECONDS = 10  # from SIGTERM to SIGKILL, for all programs together
POLL_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal is closed


class Died(SystemExit):
    """A program that should keep running has ended by itself."""


@dataclass(frozen=True)
class Program:
    name: str
    process: subprocess.Popen[bytes]
    is_needed: bool  # by the others, so it is stopped after them


class Programs:
    """Use as a context manager: leaving it stops every program that was started.

    A signal only sets a flag, which ``pause`` checks. So no signal can interrupt between the start
    of a program and the line that records it.
    """

    def __init__(self, output: IO[bytes] | None = None) -> None:
        self._output = output  # None: the terminal
        self._programs: list[Program] = []
        self._is_asked_to_stop = False

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        for is_needed in (False, True):
            _stop([each for each in self._programs if each.is_needed is is_needed], deadline)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        is_needed: bool = False,
    ) -> None:
        """Start a program in its own process group: Ctrl-C reaches only this process, which then
        stops the programs in order. Raises SystemExit when the program cannot be started.
        """
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )
        except OSError as error:  # such as the wheel's Redis on another kind of processor
            raise SystemExit(f"{name} cannot be started: {command[0]}: {error.strerror}") from None
        self._programs.append(Program(name, process, is_needed))

    def pause(self, seconds: float = POLL_SECONDS) -> None:
        """Sleep. Raises SystemExit when asked to stop, and Died when a program has ended."""
        time.sleep(seconds)
        if self._is_asked_to_stop:
            print("Stopping")
            raise SystemExit(0)
        for program in self._programs:
            if (code := program.process.poll()) is not None:
                raise Died(f"{program.name} ended by itself (exit code {code}): all is stopped.")

    def watch(self) -> None:
        """Wait until a signal asks to stop, or a program ends; raises as ``pause`` does."""
        while True:
            self.pause()

    def _ask_to_stop(self, *_: Any) -> None:
        self._is_asked_to_stop = True


def _stop(programs: Sequence[Program], deadline: float) -> None:
    for program in programs:
        program.process.terminate()
    for program in programs:
        with suppress(subprocess.TimeoutExpired):
            program.process.wait(max(0, deadline - time.monotonic()))
        _kill_group(program.process.pid)
        program.process.wait()


def _kill_group(group: int) -> None:
    """What a program left behind, such as the pool of a worker that was killed."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: the group's last one is a zombie
        os.killpg(group, signal.SIGKILL)
