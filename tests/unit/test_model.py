"""The model of many worker processes: what its simulation must do to be believed."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.model import KINDS, SECONDS, Assumed, Kind, Seen, Simulation, alone, shared
from pipeline.result_writer import BATCH

THUMBNAILS, _, PHOTOS = KINDS


def rate(seen: Seen) -> float:
    return seen.images / SECONDS


def together(kind: Kind, assumed: Assumed, requests: int) -> float:
    return rate(Simulation(kind, assumed, processes=10, requests=requests).run())


def test_a_process_alone_works_nearly_as_fast_as_it_compresses() -> None:
    assert 0.95 < rate(alone(PHOTOS, Assumed())) * PHOTOS.cpu_ms / 1000 <= 1


def test_a_process_stores_a_batch_at_a_time_and_no_faster() -> None:
    assert rate(alone(THUMBNAILS, Assumed(put_ms=100))) <= BATCH / 0.1


def test_a_request_s_row_lets_no_more_than_a_batch_through_at_a_time() -> None:
    slow = Assumed(hold_ms=100)
    assert together(THUMBNAILS, slow, 1) <= BATCH / 0.1
    assert together(THUMBNAILS, slow, 1) < together(THUMBNAILS, replace(slow, hold_ms=10), 1)


def test_many_requests_at_once_spread_what_waits_for_their_rows() -> None:
    slow = Assumed(hold_ms=100)
    assert together(THUMBNAILS, slow, 100) > 1.3 * together(THUMBNAILS, slow, 1)


def test_ten_times_the_processes_ask_for_ten_times_as_much() -> None:
    ten, hundred, _ = shared(PHOTOS, Assumed())
    assert float(hundred[2].replace(",", "")) == 10 * float(ten[2].replace(",", ""))
