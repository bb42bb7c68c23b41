"""An upload that is a workbook, turned into the CSV of one of its sheets."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryFile
from typing import IO, Any

from api.problems import Problem
from manifest import ReadingOptions
from manifest.workbook import may_be_workbook, to_csv
from settings import MIB, Settings

MAX_WORKBOOKS = 2  # at a time in a process; each may take a core and much memory
BUSY_SECONDS = "10"

slots = threading.BoundedSemaphore(MAX_WORKBOOKS)


@contextmanager
def as_csv(
    content: IO[bytes], reading: ReadingOptions, limits: Settings
) -> Iterator[tuple[IO[bytes], ReadingOptions]]:
    """The upload and its options as they are, or those of the CSV that is made of a workbook.

    A workbook is known by its content. Raises InvalidCsv, or a Problem where others are being read.
    """
    raw: Any = content
    buffered = io.BufferedReader(raw)
    if not may_be_workbook(buffered.peek(4)):
        yield buffered, reading
        return
    with TemporaryFile() as csv:
        _convert(buffered, csv, reading.sheet, limits)
        yield csv, replace(reading, is_workbook=True)


def _convert(content: IO[bytes], csv: IO[bytes], sheet: str | None, limits: Settings) -> None:
    if not slots.acquire(blocking=False):
        raise Problem(
            503,
            "too_many_workbooks",
            "Other workbooks are being read just now. Please try again.",
            headers={"Retry-After": BUSY_SECONDS},
        )
    try:
        with TemporaryFile() as workbook:
            shutil.copyfileobj(content, workbook, MIB)
            workbook.seek(0)
            most = limits.max_upload_bytes
            to_csv(workbook, csv, sheet, max_rows=limits.max_rows, max_bytes=most)
    finally:
        slots.release()
    csv.seek(0)
