"""An upload that is a workbook, turned into the CSV of one of its sheets."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from api.problems import Problem
from manifest import CsvProblem, InvalidCsv, ReadingOptions
from manifest.workbook import ReadWorkbook, may_be_workbook, to_csv
from settings import MIB, Settings

MAX_WORKBOOKS = 2  # at a time in a process; each may take a core and much memory
MAX_SHEETS_NAMED = 20
BUSY_SECONDS = "10"

slots = threading.BoundedSemaphore(MAX_WORKBOOKS)


class Table(NamedTuple):
    """A CSV and how to read it; ``hints`` are sentences about what was lost on the way to it.

    ``sheets`` are those of the workbook that it was made of; None where it was sent as a CSV.
    """

    content: IO[bytes]
    reading: ReadingOptions
    hints: Sequence[str] = ()
    sheets: Sequence[str] | None = None


@contextmanager
def as_csv(content: IO[bytes], reading: ReadingOptions, limits: Settings) -> Iterator[Table]:
    """The upload and its options as they are, or those of the CSV that is made of a workbook.

    A workbook is known by its content. Raises InvalidCsv, or a Problem where others are being read.
    """
    raw: Any = content
    buffered = io.BufferedReader(raw)
    if not may_be_workbook(buffered.peek(4)):
        if reading.sheet is not None:
            sentence = "Only a workbook has sheets, and this file is none: leave sheet out."
            raise Problem(422, "sheet_without_workbook", sentence, field="sheet")
        yield Table(buffered, reading)
        return
    with TemporaryFile() as csv:
        found = _convert(buffered, csv, reading.sheet, limits)
        hints = [*_hints(found.formulas_without_value)]
        try:
            yield Table(csv, replace(reading, is_workbook=True), hints, found.sheets)
        except InvalidCsv as error:  # perhaps for the same reason
            error.add(CsvProblem("formulas_without_values", hint) for hint in hints)
            error.sheets = found.sheets
            if reading.sheet is None:
                error.add(_other_sheets(found.sheets))
            raise


def _hints(formulas: int) -> Iterator[str]:
    if formulas:
        yield (
            f"Cells with formulas whose values the workbook does not carry: {formulas:,}. They "
            "were read as empty. Open and save it in a spreadsheet program, and upload it again."
        )


def _other_sheets(sheets: Sequence[str]) -> Iterator[CsvProblem]:
    first, *others = sheets
    if others:
        names = ", ".join(f"“{name}”" for name in others[:MAX_SHEETS_NAMED])
        message = f"This is the sheet “{first}”; the workbook also has {names}."
        yield CsvProblem("other_sheets", message, hint="sheet=… names the one to read.")


def _convert(
    content: IO[bytes], csv: IO[bytes], sheet: str | None, limits: Settings
) -> ReadWorkbook:
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
            found = to_csv(workbook, csv, sheet, max_rows=limits.max_rows, max_bytes=most)
    finally:
        slots.release()
    csv.seek(0)
    return found
