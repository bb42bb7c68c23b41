"""Who holds a slot for a long response, and who has to give it up."""

from __future__ import annotations

import time

import pytest

from api.slots import MIN_BYTES_PER_SECOND, Slot, Slots, Yielded
from settings import MIB

PIECE = bytes(64 * 1024)
TOO_LONG = MIB / MIN_BYTES_PER_SECOND + 1


def test_no_more_slots_are_given_than_there_are_and_each_once() -> None:
    slots = Slots(2)
    first, second = slots.take(), slots.take()
    assert first is not None
    assert second is not None
    assert slots.take() is None
    for _ in range(2):  # a response may be closed twice
        slots.release(first)
    assert slots.take() is not None
    assert slots.take() is None


def test_a_reader_is_slow_when_a_mib_takes_it_too_long() -> None:
    slot = Slot()
    chunks = slot.passed([PIECE] * 3)
    next(chunks)
    assert not slot.is_slow(time.monotonic() + TOO_LONG - 2)
    assert slot.is_slow(time.monotonic() + TOO_LONG)
    next(chunks)
    assert not slot.is_slow(time.monotonic() + TOO_LONG - 2)


def test_what_is_slow_to_be_made_has_no_slow_reader() -> None:
    slot = Slot()
    assert not slot.is_slow(time.monotonic() + TOO_LONG)
    assert [*slot.passed([PIECE])] == [PIECE]
    assert not slot.is_slow(time.monotonic() + TOO_LONG)


def test_a_response_breaks_off_when_its_slot_is_needed() -> None:
    slot = Slot()
    chunks = slot.passed([PIECE] * 3)
    next(chunks)
    slot.end()
    with pytest.raises(Yielded):
        next(chunks)
