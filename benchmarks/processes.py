"""The CPU time and the memory of processes, as Linux counts them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their children that ended (proc(5))."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in pids) / TICKS


def peak_mib(pids: Iterable[int]) -> float:
    """The highest peak memory of any of these processes (VmHWM)."""
    return max(_peak_kib(pid) for pid in pids) / 1024


def resident_mib(pids: Iterable[int]) -> float:
    """The memory of all these processes now, pages that they share counted once (Pss)."""
    return sum(_pss_kib(pid) for pid in pids) / 1024


def with_children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, listed)]


def _stat(pid: int) -> list[str]:
    """The fields after the process's name, which may contain spaces (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _peak_kib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def _pss_kib(pid: int) -> int:
    found = re.search(r"Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
    assert found
    return int(found[1])
