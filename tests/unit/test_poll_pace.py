"""Who polls a status is told when to come again: later where many others do so, too."""

from __future__ import annotations

from api.poll_pace import MAX_KEPT, MAX_SECONDS, MIN_SECONDS, POLLS_PER_SECOND, PollPace


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def crowd(pace: PollPace, clock: Clock, pollers: int, seconds: float) -> list[int]:
    """What pollers are told that come one after another and keep to what they are told."""
    begin = clock.now
    next_at = [begin + MIN_SECONDS * n / pollers for n in range(pollers)]
    told = []
    while min(next_at) < begin + seconds:
        who = next_at.index(min(next_at))
        clock.now = next_at[who]
        told.append(pace.seconds("job"))
        next_at[who] += told[-1]
    return told


def rush(pace: PollPace, clock: Clock) -> None:
    """Somebody who polls without a pause."""
    for _ in range(10_000):
        clock.now += 0.01
        pace.seconds("job")


def test_a_few_pollers_come_every_two_seconds() -> None:
    clock = Clock()

    assert set(crowd(PollPace(clock), clock, 2 * POLLS_PER_SECOND, 60)) == {MIN_SECONDS}


def test_a_crowd_comes_as_often_together_as_a_process_bears() -> None:
    clock = Clock()
    pace = PollPace(clock)
    crowd(pace, clock, 100, 30)

    told = crowd(pace, clock, 100, 60)

    assert len(told) / 60 < 1.3 * POLLS_PER_SECOND
    assert max(told) < MAX_SECONDS + 1


def test_when_the_crowd_has_gone_those_who_stay_come_often_again() -> None:
    clock = Clock()
    pace = PollPace(clock)
    crowd(pace, clock, 200, 60)

    assert crowd(pace, clock, 3, 3 * MAX_SECONDS)[-1] == MIN_SECONDS


def test_who_polls_without_a_pause_makes_others_wait_for_some_seconds_at_most() -> None:
    clock = Clock()
    pace = PollPace(clock)
    rush(pace, clock)

    assert pace.seconds("job") == MAX_SECONDS
    assert pace.seconds("another job") == MIN_SECONDS


def test_requests_that_nobody_polls_any_more_are_forgotten() -> None:
    clock = Clock()
    pace = PollPace(clock)
    rush(pace, clock)
    assert pace.seconds("job") == MAX_SECONDS

    for number in range(MAX_KEPT):
        pace.seconds(number)

    assert pace.seconds("job") == MIN_SECONDS
