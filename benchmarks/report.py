"""The results of a benchmark: figures with their goals, charts, and the page that shows them."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import PIL

ROOT = Path(__file__).parents[1]
QUICK_WARNING = "A quick run with small numbers: its ratios do not count towards the goals."


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number; most are ratios (``unit`` is x), and some have a goal."""

    what: str
    value: float
    unit: str = "x"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def shown(self) -> str:
        return f"{self.value:.3g} {self.unit}"

    @property
    def goal(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}"
        return "" if self.at_most is None else f"≤ {self.at_most:g} {self.unit}"

    @property
    def reached(self) -> str:
        if not self.goal:
            return ""
        is_high_enough = self.at_least is None or self.value >= self.at_least
        is_low_enough = self.at_most is None or self.value <= self.at_most
        return "yes" if is_high_enough and is_low_enough else "no"


@dataclass(frozen=True, kw_only=True)
class Result:
    """``details`` are sentences about the figures; ``charts`` are SVGs by name."""

    figures: list[Figure]
    details: list[str] = field(default_factory=list)
    charts: Mapping[str, str] = field(default_factory=dict)


def table(figures: Iterable[Figure]) -> str:
    """The figures in Markdown, aligned for a terminal; empty if there are none."""
    rows = [("what", "figure", "goal", "reached")]
    rows += [(each.what, each.shown, each.goal, each.reached) for each in figures]
    if len(rows) == 1:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def machine() -> dict[str, Any]:
    """What the figures were measured on, when, and its load average before the run."""
    cpuinfo, meminfo = Path("/proc/cpuinfo").read_text(), Path("/proc/meminfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    memory = re.search(r"MemTotal:\s+(\d+) kB", meminfo)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "cpu": model[1] if model else platform.machine(),
        "memory_gib": round(int(memory[1]) / 1024**2) if memory else None,
        "python": platform.python_version(),
        "pillow": PIL.__version__,
    }


def _commit() -> str:
    git = shutil.which("git")
    if not git or not (ROOT / ".git").exists():
        return "an unknown commit"
    described = subprocess.run(  # noqa: S603
        [git, "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return described.stdout.strip()


class FiguresPage:
    """The page with the latest figures, next to a folder with its charts and results.json.

    A benchmark that is run alone replaces only its own part; a quick run starts an empty page.
    """

    def __init__(self, folder: Path, order: Sequence[str], *, is_quick: bool) -> None:
        self.file = folder.with_suffix(".md")
        self._folder, self._order, self._is_quick = folder, order, is_quick
        self._machine = machine()  # before this run changes files that git tracks
        self._results = folder / "results.json"
        self._parts: dict[str, Any] = {}
        if self._results.exists() and not is_quick:
            self._parts = json.loads(self._results.read_text())

    def add(self, name: str, result: Result) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for chart, svg in result.charts.items():
            (self._folder / f"{chart}.svg").write_text(svg)
        self._parts[name] = {
            "machine": self._machine,
            "figures": [asdict(figure) for figure in result.figures],
            "details": result.details,
            "charts": list(result.charts),
        }
        self._results.write_text(json.dumps(self._parts, indent=1, ensure_ascii=False) + "\n")
        self.file.write_text(self._text())

    def summary(self) -> str:
        """How many of the goals on the page are reached."""
        figures = (Figure(**each) for part in self._parts.values() for each in part["figures"])
        verdicts = [figure.reached for figure in figures if figure.goal]
        return f"Goals reached: {verdicts.count('yes')} of {len(verdicts)}."

    def _text(self) -> str:
        warning = QUICK_WARNING if self._is_quick else ""
        head = ["# Figures", warning, INTRODUCTION, self.summary()]
        parts = [self._part(name, self._parts[name]) for name in self._order if name in self._parts]
        return "\n\n".join([*filter(None, head), *parts]) + "\n"

    def _part(self, name: str, part: dict[str, Any]) -> str:
        figures = [Figure(**figure) for figure in part["figures"]]
        charts = [f"![{chart}]({self._folder.name}/{chart}.svg)" for chart in part["charts"]]
        details = "\n".join(f"- {sentence}" for sentence in part["details"])
        measured = MEASURED_ON.format(**part["machine"])
        title = name.replace("_", " ").capitalize()
        parts = (f"## {title}", table(figures), *charts, details, measured)
        return "\n\n".join(filter(None, parts))


INTRODUCTION = (
    "This page is written by `make bench`; [benchmarks/README.md](../benchmarks/README.md) says "
    "what is measured and how to read it. A figure with x is a ratio of two measurements of the "
    "same run."
)

MEASURED_ON = (
    "Measured {date} at {commit}: {cores} cores ({cpu}), {memory_gib} GiB, Python {python}, "
    "Pillow {pillow}; load average before the run: {load}."
)
