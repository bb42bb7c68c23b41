"""How many downloads of one host a process may have under way."""

from __future__ import annotations

import sys
import time

from pipeline.host_limits import (
    MAX_PAUSES,
    QUICK_SECONDS,
    SLOW_SECONDS,
    HostLimits,
    Pauses,
    Slots,
)


def downloading(limits: HostLimits, host: str, number: int, *, request: int = 1) -> None:
    for _ in range(number):
        limits.add(request, host)


def downloaded(limits: HostLimits, host: str, *, seconds: float = 0.0) -> None:
    """One download from the host that took so long."""
    limits.start(1, host)
    time.sleep(seconds)
    limits.finish(1, is_download=True)


def timed_out(limits: HostLimits, host: str) -> None:
    limits.start(1, host)
    limits.finish(1, is_download=False, is_timeout=True)


def test_a_host_that_has_not_answered_yet_has_two_downloads_while_others_are_due() -> None:
    limits = HostLimits(8)
    downloading(limits, "a.example", 1)

    assert Slots(limits).beside_others(1, "a.example") == 1
    assert Slots(limits).saturated_hosts() == set()

    downloading(limits, "a.example", 1)
    assert Slots(limits).saturated_hosts() == {"a.example"}


def test_a_quick_host_has_no_limit_until_it_keeps_a_download_waiting() -> None:
    limits = HostLimits(8)
    downloaded(limits, "quick.example")
    downloading(limits, "quick.example", 8)
    assert Slots(limits).beside_others(1, "quick.example") == sys.maxsize

    limits.start(2, "quick.example")
    time.sleep(QUICK_SECONDS + 0.05)

    assert Slots(limits).saturated_hosts() == {"quick.example"}


def test_a_steady_host_alone_gets_what_all_threads_do_in_a_moment() -> None:
    limits = HostLimits(8)
    assert Slots(limits).alone(1, "steady.example") == 4

    downloaded(limits, "steady.example", seconds=0.2)

    assert 1 <= Slots(limits).alone(1, "steady.example") <= 10
    assert Slots(limits).beside_others(1, "steady.example") == 4


def test_a_host_that_timed_out_has_one_download() -> None:
    limits = HostLimits(8)
    downloaded(limits, "a.example")
    timed_out(limits, "a.example")

    assert Slots(limits).beside_others(1, "a.example") == 1
    assert Slots(limits).alone(1, "a.example") == 1

    downloading(limits, "a.example", 1)
    assert Slots(limits).saturated_hosts() == {"a.example"}


def test_all_slow_hosts_together_have_half_of_the_threads() -> None:
    limits = HostLimits(2)
    for host in ("a.example", "b.example"):
        timed_out(limits, host)
        downloading(limits, host, 1)

    assert limits.threads == 4
    assert limits.slow_downloads() == 2
    assert Slots(limits).barred_hosts() == {"a.example", "b.example"}


def test_a_host_that_keeps_a_download_waiting_is_slow() -> None:
    limits = HostLimits(8)
    downloading(limits, "a.example", 1)
    limits.start(2, "a.example")
    assert limits.slow_downloads() == 0

    time.sleep(SLOW_SECONDS + 0.05)

    assert limits.slow_downloads() == 1


def test_a_request_of_dead_hosts_has_half_of_the_threads_and_the_next_one_half_of_the_rest() -> (
    None
):
    limits = HostLimits(8)
    for request, number in ((1, 8), (2, 4), (3, 2), (4, 1)):
        assert request not in Slots(limits).capped_requests()
        assert Slots(limits).alone(request, f"of-{request}.example") == min(number, 4)
        downloading(limits, f"of-{request}.example", number, request=request)

    assert Slots(limits).capped_requests() >= {1, 2, 3}


def test_a_capped_request_still_uses_the_hosts_that_have_answered() -> None:
    limits = HostLimits(2)
    downloaded(limits, "a.example")
    downloading(limits, "dead.example", 2)

    assert Slots(limits).capped_requests() == {1}
    assert Slots(limits).known_hosts() == ["a.example"]


def test_a_refusal_says_nothing_of_a_host_s_speed() -> None:
    limits = HostLimits(8)
    limits.start(1, "a.example")
    limits.finish(1, is_download=False)

    assert Slots(limits).beside_others(1, "a.example") == 2


def test_a_host_whose_downloads_have_arrived_is_not_saturated() -> None:
    limits = HostLimits(2)
    downloading(limits, "a.example", 1)
    assert Slots(limits).saturated_hosts() == {"a.example"}

    limits.remove(1, "a.example")

    assert Slots(limits).saturated_hosts() == set()
    assert limits.total() == 0


def test_a_pause_ends() -> None:
    pauses = Pauses()
    pauses.add("a.example", 0.05)
    assert pauses.hosts() == {"a.example"}

    time.sleep(0.1)

    assert pauses.hosts() == set()


def test_only_the_newest_pauses_are_kept() -> None:
    pauses = Pauses()
    for number in range(MAX_PAUSES + 5):
        pauses.add(f"{number}.example", 60)

    assert len(pauses.hosts()) == MAX_PAUSES
    assert "4.example" not in pauses.hosts()
