"""The whole system, started as a user starts it, on ports and folders of its own."""

from __future__ import annotations

import csv
import io
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import requests

from commands.support import redis_server
from tests import starter
from tests.starter import Process

ROOT = starter.ROOT
PATIENCE = 120  # seconds, for anything that should happen soon; the machine may be busy
QUICK = {  # short, so that a test sees in seconds what a user sees in minutes
    "LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "DOWNLOAD_SECONDS": "3",
    "WEBHOOK_SCHEDULE": "0,0.3,0.3,0.3",
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def eventually(holds: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """What ``holds`` returns, as soon as that is true; fails when it takes too long."""
    started = time.monotonic()
    while not (found := holds()):
        waited = time.monotonic() - started
        assert waited < within, f"did not happen within {within} s"
        time.sleep(min(0.02 + waited / 10, 0.1))  # asking takes time of what is asked
    return found


class Redis:
    """A Redis server of its own on a port of its own, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder

    def start(self) -> None:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "save": "",
            "dir": str(self._folder),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [redis_server.find(), *arguments], stdout=subprocess.DEVNULL
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def empty(self) -> None:
        """Forget all messages, as a Redis without persistence does when it is started again."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(64) == b"+OK\r\n"


class System:
    """API, worker, Redis and database; use as a context manager, which starts all of them."""

    start_process = staticmethod(starter.run)

    def __init__(self, folder: Path, database_url: str, **environment: str) -> None:
        self.folder, self.database_url = folder, database_url
        self.redis = Redis(folder)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **QUICK,
            "PORT": str(port),
            "PUBLIC_BASE_URL": self.url,
            "OPEN": "1",  # also where a test has its links lead elsewhere
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis.url,
            "UPLOAD_DIR": str(folder / "uploads"),
            "PROCESSED_DIR": str(folder / "processed"),
            **environment,
        }
        self.headers: dict[str, str] = {}  # of all requests of its users, such as a key
        self._processes: dict[str, Process] = {}
        self._orphans: list[int] = []  # descriptors, as a pid may be another process's by now

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what was started is stopped, also when the rest does not start
            stack.callback(self._stop)
            self.redis.start()
            self.start_api()
            self.start_worker()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop(self) -> None:
        with ExitStack() as stack:  # all of it, also where something does not end
            stack.callback(self.redis.stop)
            for orphan in self._orphans:
                stack.callback(_kill, orphan)
            for process in self._processes.values():
                process.terminate()
                stack.callback(starter.wait_for, process, within=PATIENCE)

    def start_api(self) -> None:
        self._start("api", "app.py")
        eventually(self._is_up)

    def start_worker(self, name: str = "worker", *, processes: int = 2) -> None:
        arguments = ("worker", "--loglevel=info", f"--concurrency={processes}", f"-n{name}@%h")
        self._start(name, "-m", "celery", "-A", "worker", *arguments)

    def pid(self, name: str) -> int:
        """Of the parent of the API's or a worker's processes."""
        pid = self._processes[name].pid
        assert pid is not None, "it was not started"
        return pid

    def has_ended(self, name: str) -> bool:
        """Whether the parent of the API's or a worker's processes has ended by itself."""
        return self._processes[name].exitcode is not None

    def _start(self, name: str, *arguments: str) -> None:
        environment = {**os.environ, **self.environment}  # noqa: TID251 - passed on
        log = self.folder / "system.log"
        self._processes[name] = self.start_process(arguments, environment, log)

    def _is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    def kill(self, name: str) -> None:
        """``kill -9`` of the API or the worker, with all their processes."""
        pid, process = self.pid(name), self._processes.pop(name)
        with suppress(ProcessLookupError):  # it has ended by itself, with all its processes
            eventually(lambda: process.exitcode is not None or os.getpgid(pid) == pid)
            os.killpg(pid, signal.SIGKILL)
        starter.wait_for(process, within=PATIENCE)

    def kill_parent(self, name: str) -> None:
        """``kill -9`` of the parent alone, as by Linux when memory is short."""
        self._orphans += [os.pidfd_open(pid) for pid in self._children(name)]
        process = self._processes.pop(name)
        process.kill()
        starter.wait_for(process, within=PATIENCE)

    def stop(self, name: str) -> None:
        """SIGTERM, as a supervisor sends it, and the time that it takes to stop well."""
        process = self._processes.pop(name)
        process.terminate()
        starter.wait_for(process, within=PATIENCE)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the parent of the API's or the worker's processes alone."""
        if not self.has_ended(name):
            os.kill(self.pid(name), number)

    def worker_processes(self, name: str = "worker") -> list[int]:
        """The pids of a worker's children, which do the work."""
        return self._children(name)

    def api_processes(self) -> list[int]:
        """The pids of the API's children, which serve."""
        return self._children("api")

    def _children(self, name: str) -> list[int]:
        parent = self.pid(name)
        try:
            listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has ended by itself
            return []
        return [int(pid) for pid in listed.split()]

    def command(self, *arguments: str) -> tuple[int, str]:
        """The exit code of `python -m commands …` on this machine, and what it printed."""
        environment = {**os.environ, **self.environment}  # noqa: TID251 - passed on
        return starter.ended(("-m", "commands", *arguments), environment, within=PATIENCE)

    def verified(self, *arguments: str) -> tuple[int, str]:
        """The exit code of `make verify`, and what it printed."""
        return self.command("verify", *arguments)

    # --- as a user ----------------------------------------------------------------------------

    def get(self, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return requests.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE, **options)

    def upload(self, content: str | bytes, **form: str) -> requests.Response:
        """What POST /upload answers to a CSV."""
        files = {"file": ("products.csv", content)}
        return requests.post(
            f"{self.url}/upload", files=files, data=form, headers=self.headers, timeout=PATIENCE
        )

    def accepted(self, content: str | bytes, **form: str) -> str:
        """The id of the request that an upload made."""
        answer = self.upload(content, **form)
        assert answer.status_code == 202, answer.text
        request_id: str = answer.json()["request_id"]
        return request_id

    def status(self, request_id: str) -> dict[str, Any]:
        """The status with the images of all its pages."""
        answer: dict[str, Any] = self.get(f"/status/{request_id}?limit=1000").json()
        following = answer["next"]
        while following:
            page = requests.get(following, timeout=PATIENCE).json()
            answer["images"] += page["images"]
            following = page["next"]
        return answer

    def completed(self, request_id: str, *, within: float = PATIENCE) -> dict[str, Any]:
        """The status once the request is completed."""
        eventually(lambda: self._is_completed(request_id), within=within)
        return self.status(request_id)

    def _is_completed(self, request_id: str) -> bool:
        answer: dict[str, Any] = self.get(f"/status/{request_id}?limit=1").json()
        return bool(answer["status"] == "Completed")

    def output_rows(self, request_id: str) -> list[dict[str, str]]:
        """The output CSV."""
        answer = self.get(f"/processed_images/{request_id}/output.csv")
        assert answer.ok, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


class ForkedSystem(System):
    """One for a single test, whose start should not take longer than the test."""

    start_process = staticmethod(starter.fork)


def _kill(process: int) -> None:
    """A process by its descriptor."""
    with suppress(ProcessLookupError):  # it has ended by itself
        signal.pidfd_send_signal(process, signal.SIGKILL)
    os.close(process)


def csv_of(*rows: tuple[str, ...]) -> str:
    """The plain three-column CSV: a row is a product's name and its URLs."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["S. No.", "Product Name", "Input Image Urls"])
    for number, (name, *urls) in enumerate(rows, start=1):
        writer.writerow([number, name, ",".join(urls)])
    return file.getvalue()
