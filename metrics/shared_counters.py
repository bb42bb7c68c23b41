"""Sums that a process and its forks keep together.

prometheus_client's own multiprocess mode was not taken: it keeps files for each pid that ever was,
so with workers that are replaced they pile up, somebody has to remove them, and each scrape reads
all of them (its issues 204 and 367).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import threading
from collections import Counter

ENTRY = 128  # bytes: the sum, the length of its name, its name
REGION = 512 * ENTRY  # of one process; what no longer fits is not counted
REGIONS = 256  # processes at a time; more are not counted
NAME_AT = 9  # in an entry
MAX_NAME = ENTRY - NAME_AT


class SharedCounters:
    """To be made before the forks; safe to share among them and among threads.

    A process adds in a region of its own, so that it waits for no other, and one that is killed in
    the middle breaks nothing. It holds the region by a lock, which the system takes back at its
    end; then the next process goes on from the sums that are there.
    """

    def __init__(self) -> None:
        self._file = _memory_file()
        os.truncate(self._file, REGIONS * REGION)
        self._memory = mmap.mmap(self._file, REGIONS * REGION)
        self._sums = memoryview(self._memory).cast("d")
        self._start()
        os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        """Of this process nothing is known yet."""
        self._lock = threading.Lock()
        self._region: int | None = None
        self._entries: dict[str, int] = {}
        self._has_started = False

    def add(self, name: str, amount: float) -> None:
        """Add to the sum of this name, which is made when it is new."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                entry = self._new_entry(name)
            if entry is not None:
                self._sums[entry // 8] += amount

    def totals(self) -> Counter[str]:
        """The sums of all processes, also of those that have ended, by name."""
        totals: Counter[str] = Counter()
        for region in range(0, REGIONS * REGION, REGION):
            for name, entry in self._entries_of(region).items():
                totals[name] += self._sums[entry // 8]  # type: ignore[assignment]
        return totals

    def _new_entry(self, name: str) -> int | None:
        if not self._has_started:
            self._has_started = True
            self._region = self._free_region()
            self._entries = {} if self._region is None else self._entries_of(self._region)
            if name in self._entries:
                return self._entries[name]
        encoded, used = name.encode(), len(self._entries) * ENTRY
        if self._region is None or used >= REGION or len(encoded) > MAX_NAME:
            return None
        entry = self._region + used
        self._memory[entry + NAME_AT : entry + NAME_AT + len(encoded)] = encoded
        self._memory[entry + NAME_AT - 1] = len(encoded)  # from now on readers see it
        self._entries[name] = entry
        return entry

    def _free_region(self) -> int | None:
        """A region that no living process has; it is this one's until it ends."""
        for region in range(0, REGIONS * REGION, REGION):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, region)
            except OSError:
                continue
            return region
        return None

    def _entries_of(self, region: int) -> dict[str, int]:
        found = {}
        for entry in range(region, region + REGION, ENTRY):
            length = self._memory[entry + NAME_AT - 1]
            if not length:
                break
            name = self._memory[entry + NAME_AT : entry + NAME_AT + length]
            found[name.decode(errors="replace")] = entry
        return found


def _memory_file() -> int:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("metrics")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
