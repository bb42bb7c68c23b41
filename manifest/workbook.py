"""An uploaded workbook (XLSX) → the CSV of one of its sheets, which is kept in its place.

It is read by a process of its own (``workbook_reader.py``), with limits of memory and of time: a
small file can make any reader of XML take far more of both than its size says.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, NamedTuple

from manifest.errors import CsvProblem, InvalidCsv

ROOT = Path(__file__).parents[1]
MAGIC = (
    b"PK\x03\x04",  # a ZIP archive, as a workbook is
    b"\xd0\xcf\x11\xe0",  # what Excel wrote before 2007, and what it writes with a password
)
MAX_SHEET_NAME = 31  # Excel's own
REFUSED = 3  # the exit code of the reader that says why
TOO_LARGE = "The workbook takes too much memory or time to read. Save the sheet as CSV UTF-8."
BROKEN = "The workbook is broken. Open it in a spreadsheet program, and save it as XLSX or CSV."

logger = logging.getLogger(__name__)


class ReadWorkbook(NamedTuple):
    """The names of its sheets, and how many cells of the one that was read are empty only because
    they hold formulas that were stored without their values.
    """

    sheets: list[str]
    formulas_without_value: int


def may_be_workbook(head: bytes) -> bool:
    """Whether a file that begins like this is for ``to_csv()`` to judge."""
    return head.startswith(MAGIC)


def to_csv(
    workbook: IO[bytes], csv: IO[bytes], sheet: str | None, *, max_rows: int, max_bytes: int
) -> ReadWorkbook:
    """Write a sheet, by its name or its number from 1, as a CSV; both are real files.

    Of a sheet with more than ``max_rows`` rows only so many are written that whoever reads the CSV
    will notice.

    Raises InvalidCsv for what is no workbook, is broken, or is too large.
    """
    asked = json.dumps({"sheet": sheet, "max_rows": max_rows, "max_bytes": max_bytes})
    command = [sys.executable, "-W", "ignore", "-m", "manifest.workbook_reader", asked]
    done = subprocess.run(  # noqa: S603 - our own program; the workbook goes in as stdin
        command, cwd=ROOT, stdin=workbook, stdout=csv, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise _refusal(done.returncode, done.stderr)
    return ReadWorkbook(**_told(done.stderr))


def _refusal(returncode: int, stderr: bytes) -> InvalidCsv:
    if returncode == REFUSED:
        told = _told(stderr)
        return _invalid(told["code"], told["message"])
    if returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return _invalid("workbook_too_large", TOO_LARGE)
    logger.error("workbook reader ended with %s: %s", returncode, stderr[-500:].decode())
    return _invalid("broken_workbook", BROKEN)


def _told(stderr: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(stderr.splitlines()[-1])
    return told


def _invalid(code: str, message: str) -> InvalidCsv:
    return InvalidCsv([CsvProblem(code, message)], code=code)
