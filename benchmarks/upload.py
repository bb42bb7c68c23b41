"""The upload of 100,000 rows, compared with the least that any upload has to do."""

from __future__ import annotations

import csv
import io
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import migrations
from benchmarks.measured_system import MeasuredSystem, csv_of_urls, running
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from database import Database

TABLES = ("requests", "products", "images")
Rows = dict[str, list[tuple[Any, ...]]]


def run(setup: Setup) -> Result:
    number = setup.number(100_000)
    with Origin("small", setup.album.small_ones(10)) as origin, running(origin) as system:
        system.stop("worker")
        content = csv_of_urls(origin.urls(number))
        ours, bare = [], []
        for _ in range(setup.repeats):
            ours.append(_upload_seconds(system, content))
            bare.append(_bare_seconds(content, _stored_last(system.folder / "bench.db")))
    ratio = median(one / other for one, other in zip(ours, bare, strict=True))
    what = f"upload of {number:,} rows: seconds ÷ those of csv.reader and a bare bulk insert"
    return Result(
        figures=[Figure(what=what, value=ratio, at_most=3)],
        details=[f"The upload {median(ours):.2f} s, the bare one {median(bare):.2f} s."],
    )


def _upload_seconds(system: MeasuredSystem, content: str) -> float:
    started = time.monotonic()
    system.accepted(content)
    return time.monotonic() - started


def _stored_last(path: Path) -> Rows:
    """All columns of the rows that the last upload has written."""
    database = sqlite3.connect(path)
    (last,) = database.execute("SELECT max(id) FROM requests").fetchone()
    try:
        return {
            name: database.execute(
                f"SELECT * FROM {name} WHERE {'id' if name == 'requests' else 'request_id'} = ?",  # noqa: S608
                (last,),
            ).fetchall()
            for name in TABLES
        }
    finally:
        database.close()


def _bare_seconds(content: str, stored: Rows) -> float:
    """Reads the CSV and inserts the rows with the driver's executemany, equally durable."""
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as folder:
        migrations.prepare(Database(f"sqlite:///{folder}/bare.db"))
        database = sqlite3.connect(f"{folder}/bare.db")
        started = time.monotonic()
        for _ in csv.reader(io.StringIO(content, newline="")):
            pass
        with database:
            for name, rows in stored.items():
                marks = ", ".join("?" * len(rows[0]))
                database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608
        seconds = time.monotonic() - started
        database.close()
    return seconds
