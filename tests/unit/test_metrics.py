"""What is counted by a process and its forks, and how Prometheus reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import metrics
from metrics.catalogue import Histogram, counters
from metrics.exposition import _histogram as shown
from metrics.shared_counters import ENTRY, MAX_NAME, REGION, SharedCounters
from tests import starter

ROOT = Path(__file__).parents[2]
WITH_FORKS = """
import os, signal
from metrics.shared_counters import SharedCounters

counters = SharedCounters()

def in_a_fork(work):
    if not (pid := os.fork()):
        work()
        os._exit(0)
    return pid

def killed():
    counters.add("images", 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def printed(script: str) -> str:
    """What a program of its own prints: the forks of a test would be forks of pytest."""
    command = [sys.executable, "-c", WITH_FORKS + script]
    environment = starter.unmeasured(os.environ)  # noqa: TID251 - some tests fork often
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_processes_at_the_same_time_are_summed() -> None:
    script = """
pids = [in_a_fork(lambda: [counters.add("images", 1) for _ in range(10_000)]) for _ in range(8)]
counters.add("images", 1)
[os.waitpid(pid, 0) for pid in pids]
print(counters.totals())
"""
    assert printed(script) == "Counter({'images': 80001.0})\n"


def test_a_process_that_was_killed_is_counted_and_its_place_taken_over() -> None:
    script = """
for _ in range(600):
    os.waitpid(in_a_fork(killed), 0)
print(counters.totals())
"""
    assert printed(script) == "Counter({'images': 600.0})\n"


def test_a_fork_of_a_fork_is_counted_too() -> None:
    script = """
def work():
    counters.add("images", 1)
    os.waitpid(in_a_fork(lambda: counters.add("images", 1)), 0)
os.waitpid(in_a_fork(work), 0)
print(counters.totals())
"""
    assert printed(script) == "Counter({'images': 2.0})\n"


def test_what_no_longer_fits_is_not_counted_and_breaks_nothing() -> None:
    counted = SharedCounters()
    for number in range(2 * REGION // ENTRY):
        counted.add(f"code {number}", 1)
    counted.add("x" * (MAX_NAME + 1), 1)
    counted.add("code 0", 1)

    totals = counted.totals()

    assert len(totals) == REGION // ENTRY
    assert totals["code 0"] == 2


def test_a_bucket_holds_all_below_its_bound() -> None:
    histogram = Histogram("image_service_test_seconds", "…", (0.1, 1.0))
    before = counters.totals()
    for seconds in (0.05, 0.1, 0.5, 7):
        histogram.observe(seconds)
    new = counters.totals() - before
    sums: dict[tuple[str, ...], float] = {
        (name.split("\t")[1],): value for name, value in new.items() if "test_sec" in name
    }

    values = {
        sample.labels.get("le", sample.name): sample.value
        for sample in shown(histogram, sums).samples
    }
    assert values == {
        "0.1": 2,
        "1.0": 3,
        "+Inf": 4,
        "image_service_test_seconds_count": 4,
        "image_service_test_seconds_sum": pytest.approx(7.65),
    }


def test_a_number_is_shown_before_anything_has_happened() -> None:
    text, content_type = metrics.exposition("text/plain")

    assert content_type.startswith("text/plain")
    assert b"# TYPE image_service_sweeps_total counter" in text
    assert b"\nimage_service_sweeps_total 0.0\n" in text
    assert b'\nimage_service_uploads_total{outcome="failed"} 0.0\n' in text
    assert b'image_service_download_seconds_bucket{le="+Inf"}' in text


def test_a_reader_may_ask_for_openmetrics() -> None:
    text, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
