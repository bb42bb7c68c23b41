"""Two ways to start a process of the service: as its users do, and without waiting for libraries.

To import them takes two seconds of a core, and the tests start hundreds of processes. So one
process imports them once, and what ``fork`` starts are forks of it, which run the service's own
files from their first line, with arguments and an environment of their own. (What libraries read
from the environment while they are imported is that of the tests.) No coverage is measured in
forks, as that would double what each start takes. Not for several threads at a time.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[1]
LIBRARIES = [  # of others only: what our modules read from the environment is each process's own
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.worker.worker",
    "flask",
    "kombu.transport.redis",
    "obstore.store",
    "oxipng",
    "PIL.AvifImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.WebPImagePlugin",
    "prometheus_client",
    "publicsuffixlist",
    "requests",
    "sqlalchemy.dialects.mssql",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
    "standardwebhooks",
    "waitress.server",
    "xlsxwriter",
]
COVERAGE = "COVERAGE_PROCESS_CONFIG"  # by which coverage.py has processes measure themselves
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, *LIBRARIES])


class Process(Protocol):
    """What multiprocessing says of a process."""

    @property
    def pid(self) -> int | None: ...
    @property
    def exitcode(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that measures no coverage."""
    return {name: value for name, value in environment.items() if name != COVERAGE}


def run(arguments: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Process:
    """``python ARGUMENTS`` in a session of its own; its output goes to the end of the log."""
    with log.open("ab") as output:
        return _Run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


class _Run(subprocess.Popen[bytes]):
    @property
    def exitcode(self) -> int | None:
        return self.poll()

    def join(self, timeout: float | None = None) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(timeout)


def fork(arguments: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Process:
    """The same, from its libraries on."""
    _import_libraries()
    process = _forks.Process(
        target=_as_run, name="MainProcess", args=(arguments, unmeasured(environment), log)
    )
    process.start()
    return process


@cache
def _import_libraries() -> None:
    """In a process that measures no coverage."""
    measured = os.environ.pop(COVERAGE, None)  # noqa: TID251
    forkserver.ensure_running()
    if measured:
        os.environ[COVERAGE] = measured  # noqa: TID251


def ended(
    arguments: tuple[str, ...], environment: Mapping[str, str], *, within: float
) -> tuple[int, str]:
    """The exit code of a fork that ends by itself in so many seconds, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        process = fork(arguments, environment, output)
        return wait_for(process, within=within), output.read_text()


def wait_for(process: Process, *, within: float) -> int:
    """Its exit code; one that does not end is killed, and fails the test."""
    process.join(within)
    if process.exitcode is None:
        process.kill()  # or multiprocessing would wait for it at the end of all tests
        process.join()
        pytest.fail(f"a process has not ended within {within} s")
    return process.exitcode


def _as_run(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    os.setsid()
    with log.open("ab") as output:
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()  # noqa: TID251
    os.environ.update(environment)  # noqa: TID251
    os.chdir(ROOT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if arguments[0] == "-m":
            sys.argv = list(arguments[1:])
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out
