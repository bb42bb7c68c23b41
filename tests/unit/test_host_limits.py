"""How many downloads of one host a process may have under way."""

from __future__ import annotations

import sys
import time

from pipeline.host_limits import MAX_PAUSES, QUICK_SECONDS, HostLimits, Pauses


def downloading(limits: HostLimits, host: str, number: int) -> None:
    for _ in range(number):
        limits.add(host)


def downloaded(limits: HostLimits, host: str, *, seconds: float = 0.0) -> None:
    """One download from the host that took so long."""
    limits.start(1, host)
    time.sleep(seconds)
    limits.finish(1, is_download=True)


def test_a_host_that_is_not_known_has_half_of_the_threads() -> None:
    limits = HostLimits(threads=8)
    downloading(limits, "a.example", 3)

    assert limits.free_slots("a.example") == 1
    assert limits.saturated_hosts() == set()

    downloading(limits, "a.example", 1)
    assert limits.saturated_hosts() == {"a.example"}


def test_a_quick_host_has_no_limit_until_it_keeps_a_download_waiting() -> None:
    limits = HostLimits(threads=8)
    downloaded(limits, "quick.example")
    downloading(limits, "quick.example", 8)
    assert limits.free_slots("quick.example") == sys.maxsize

    limits.start(2, "quick.example")
    time.sleep(QUICK_SECONDS + 0.05)

    assert limits.saturated_hosts() == {"quick.example"}


def test_a_slow_host_alone_gets_what_all_threads_do_in_a_moment() -> None:
    limits = HostLimits(threads=8)
    assert limits.free_slots_alone("slow.example") == 4

    downloaded(limits, "slow.example", seconds=0.2)

    assert 1 <= limits.free_slots_alone("slow.example") <= 10


def test_a_refusal_says_nothing_of_a_host_s_speed() -> None:
    limits = HostLimits(threads=8)
    limits.start(1, "a.example")
    limits.finish(1, is_download=False)

    assert limits.free_slots("a.example") == 4


def test_a_host_whose_downloads_have_arrived_is_not_saturated() -> None:
    limits = HostLimits(threads=2)
    downloading(limits, "a.example", 1)
    assert limits.saturated_hosts() == {"a.example"}

    limits.remove("a.example")

    assert limits.saturated_hosts() == set()
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
