"""An upload that is a workbook, turned into the CSV of one of its sheets."""

from __future__ import annotations

import io
import shutil
import threading
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


def as_csv(
    content: IO[bytes], reading: ReadingOptions, limits: Settings
) -> tuple[IO[bytes], ReadingOptions]:
    """The upload and its options as they are, or those of the CSV that is made of a workbook.

    A workbook is known by its content. Raises InvalidCsv, or a Problem where others are being read.
    """
    raw: Any = content
    buffered = io.BufferedReader(raw)
    if not may_be_workbook(buffered.peek(4)):
        return buffered, reading
    if not slots.acquire(blocking=False):
        raise Problem(
            503,
            "too_many_workbooks",
            "Other workbooks are being read just now. Please try again.",
            headers={"Retry-After": BUSY_SECONDS},
        )
    try:
        return _converted(buffered, reading.sheet, limits), replace(reading, is_workbook=True)
    finally:
        slots.release()


def _converted(content: IO[bytes], sheet: str | None, limits: Settings) -> IO[bytes]:
    csv: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it goes away with the request
    with TemporaryFile() as workbook:
        shutil.copyfileobj(content, workbook, MIB)
        workbook.flush()
        workbook.seek(0)
        to_csv(workbook, csv, sheet, max_rows=limits.max_rows, max_bytes=limits.max_upload_bytes)
    csv.seek(0)
    return csv
