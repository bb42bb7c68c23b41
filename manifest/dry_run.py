"""A whole table read without keeping anything: what was found, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from csv import Error
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from manifest.columns import refusal
from manifest.dialect import records
from manifest.errors import MAX_PROBLEMS, CsvProblem, InvalidCsv
from manifest.header import Header, broken, find_header
from manifest.reader import Manifest, Row
from manifest.reading_options import ReadingOptions

FIRST_ROWS = 5
WRONG_OPTIONS = {"unknown_url_column", "unknown_name_column", "unknown_serial_column"}


@dataclass
class Findings:
    """``rows`` are all, also those with problems; ``images`` are those of the other rows."""

    header: Header
    first_rows: list[Row] = field(default_factory=list)
    rows: int = 0
    images: int = 0
    problems: list[CsvProblem] = field(default_factory=list)

    def add_problems(self, problems: Iterable[CsvProblem]) -> None:
        """Those that aren't there yet, up to the limit."""
        new = (problem for problem in problems if problem not in self.problems)
        self.problems += islice(new, MAX_PROBLEMS - len(self.problems))


def dry_run(path: Path, options: ReadingOptions, *, max_rows: int, max_images: int) -> Findings:
    """Raises InvalidCsv where there is no table at all, or the options name no column of it."""
    header = find_header(path, options)
    if WRONG_OPTIONS & {problem.code for problem in header.problems}:
        raise refusal(header.problems, header.columns)
    findings = Findings(header, problems=[*header.problems])
    if header.problems:
        rows = _without_roles(path, header)
    else:
        all_rows = replace(options, skips_problems=True)
        rows = iter(Manifest(path, header, all_rows, max_rows=max_rows, max_images=max_images))
    try:
        for row in rows:
            findings.rows += 1
            findings.images += len(row.urls)
            findings.add_problems(row.problems)
            if len(findings.first_rows) < FIRST_ROWS:
                findings.first_rows.append(row)
    except InvalidCsv as error:
        findings.add_problems(error.problems)
    return findings


def _without_roles(path: Path, header: Header) -> Iterator[Row]:
    """The rows where it isn't known what their cells are."""
    data = islice(records(path, header.dialect), len(header.preamble) + 1, None)
    for number, (line, record) in enumerate(data, start=1):
        if isinstance(record, Error):
            yield Row(number, "", "", (), (), (broken(record, number, line),))
        else:
            yield Row(number, "", "", (), tuple(record))
