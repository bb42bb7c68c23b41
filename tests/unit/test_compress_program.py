"""Programs that help with an image get nothing, may take only so much, and may fail."""

from __future__ import annotations

import sys

import pytest

from compress import program

PYTHON = [sys.executable, "-I", "-c"]


def test_a_program_gets_the_image_and_no_environment() -> None:
    code = "import os, sys; print(dict(os.environ).keys() - {'LC_CTYPE'}, sys.stdin.read())"
    assert program.run([*PYTHON, code], b"image") == b"set() image\n"


@pytest.mark.parametrize(
    "command",
    [
        ["/no/such/program"],
        [*PYTHON, "raise SystemExit(3)"],
        [*PYTHON, "import os; os.kill(os.getpid(), 9)"],
        [*PYTHON, "import os; os.close(0); raise SystemExit(1)"],
    ],
)
def test_one_that_fails_gives_nothing(command: list[str]) -> None:
    assert program.run(command, b"image" * 100_000) == b""


def test_one_that_works_for_ever_is_ended() -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CPU), flush=True)"
    waits = f"import time; time.sleep(0.2); {code}"  # until the limit is set
    said = program.run([*PYTHON, waits], b"")
    assert said.decode().strip() == f"({program.MAX_CPU_SECONDS}, {program.MAX_CPU_SECONDS})"
