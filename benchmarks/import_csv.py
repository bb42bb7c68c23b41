"""import.csv of 100,000 rows, compared with csv.reader and csv.writer on the same file.

python -m benchmarks.import_csv [ROWS]
"""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import requests

from benchmarks.measured_system import csv_of_urls
from tests.system import System

REPEATS = 5
MAX_UPLOAD_BYTES = str(256 * 1024 * 1024)
COMPLETED = (  # as workers leave them, but for the pictures, which no table needs
    "UPDATE images SET status = 'Completed', output_name = row_number || '-1.jpg'",
    "UPDATE requests SET status = 'Completed', completed = total, completed_at = created_at",
)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    content = csv_of_urls(_urls(number))
    with tempfile.TemporaryDirectory(prefix="bench-import-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/bench.db"
        with System(folder, url, MAX_UPLOAD_BYTES=MAX_UPLOAD_BYTES) as system:
            system.stop("worker")
            request_id = system.accepted(content)
            _complete(folder / "bench.db")
            address = f"{system.url}/processed_images/{request_id}/import.csv"
            made = requests.get(address, timeout=600).text
            assert made.count("/processed_images/") == number, "some links are missing"
            pairs = [(_download_seconds(address), _bare_seconds(content)) for _ in range(REPEATS)]
    ours, bare = (median(each) for each in zip(*pairs, strict=True))
    ratio = median(other / one for one, other in pairs)
    print(f"import.csv over HTTP: {number / ours:,.0f} rows/s, in {ours:.2f} s")
    print(f"csv.reader and csv.writer: {number / bare:,.0f} rows/s, in {bare:.2f} s")
    print(f"rows/s of import.csv ÷ those of csv.reader and csv.writer: {ratio:.2f}")


def _urls(number: int) -> list[str]:
    return [f"https://img.shop.example/pictures/{each}.jpg?v=17" for each in range(number)]


def _complete(path: Path) -> None:
    with sqlite3.connect(path, timeout=60) as database:
        for statement in COMPLETED:
            database.execute(statement)
    database.close()


def _download_seconds(address: str) -> float:
    started = time.monotonic()
    with requests.get(address, stream=True, timeout=600) as answer:
        for _ in answer.iter_content(1024 * 1024):
            pass
    return time.monotonic() - started


def _bare_seconds(content: str) -> float:
    """Reads every row of the table and writes it."""
    target = io.StringIO(newline="")
    started = time.monotonic()
    csv.writer(target).writerows(csv.reader(io.StringIO(content, newline="")))
    return time.monotonic() - started


if __name__ == "__main__":
    main()
