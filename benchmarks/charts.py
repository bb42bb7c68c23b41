"""Plain SVG charts that show their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LABELS, MARGIN = 720, 170, 24
LINE = 22  # pixels from one bar to the next
COLOURS = ("#2563eb", "#94a3b8", "#cbd5e1", "#e2b714")
OPEN = "fill='none' stroke-width='2'"
LINES = ("#2563eb", "#d97706", "#059669", "#7c3aed")


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars, one group after the other; a name has the same colour in every group."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    largest = max(value for group in groups.values() for value in group.values())
    scale = (WIDTH - LABELS - 4 * MARGIN) / largest
    parts, top = [], 2 * MARGIN
    for group, values in groups.items():
        parts.append(_text(MARGIN, top + 14, group, "font-weight='bold'"))
        top += LINE
        for name, value in values.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(_bar(top, name, value, round(value * scale), colour))
            top += LINE
        top += MARGIN // 2
    return _svg(title, top + MARGIN // 2, parts)


def _bar(top: int, name: str, value: float, length: int, colour: str) -> str:
    box = f"<rect x='{LABELS}' y='{top}' width='{length}' height='{LINE - 5}' fill='{colour}'/>"
    named = _text(LABELS - 8, top + 13, name, "text-anchor='end'")
    return named + box + _text(LABELS + length + 6, top + 13, f"{value:.3g}")


def lines(title: str, xs: Sequence[int], series: Mapping[str, Sequence[float]]) -> str:
    """Lines over tenfold steps of x; the y axis starts at zero."""
    left, right, top, bottom = 60, WIDTH - 230, 2 * MARGIN, 300
    highest = 1.2 * max(max(values) for values in series.values())
    columns = [left + 30 + n * (right - left - 60) / (len(xs) - 1) for n in range(len(xs))]
    parts = [_grid(left, right, _height(value, highest, top, bottom), value) for value in (0, 1)]
    parts += [
        _text(x, bottom + 20, f"{number:,}", "text-anchor='middle'")
        for x, number in zip(columns, xs, strict=True)
    ]
    for row, (name, values) in enumerate(series.items()):
        colour = LINES[row % len(LINES)]
        ys = [_height(value, highest, top, bottom) for value in values]
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(columns, ys, strict=True))
        parts.append(f"<polyline points='{points}' stroke='{colour}' {OPEN}/>")
        parts += [
            f"<circle cx='{x:.0f}' cy='{y:.0f}' r='4' fill='{colour}'/>"
            for x, y in zip(columns, ys, strict=True)
        ]
        label = f"{name}: {', '.join(f'{value:.2f}' for value in values)}"
        parts.append(_text(right + 10, top + 20 + row * LINE, label, f"fill='{colour}'"))
    return _svg(title, bottom + 2 * MARGIN, parts)


def _height(value: float, highest: float, top: int, bottom: int) -> float:
    return bottom - value / highest * (bottom - top)


def _grid(left: int, right: int, y: float, value: float) -> str:
    line = f"<line x1='{left}' x2='{right}' y1='{y:.0f}' y2='{y:.0f}' stroke='#cbd5e1'/>"
    return line + _text(left - 8, y + 4, f"{value:g}", "text-anchor='end'")


def _text(x: float, y: float, words: str, attributes: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' {attributes}>{escape(words)}</text>"


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    """On white, so that it is readable on a dark page too."""
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' "
        f"width='{WIDTH}' font-family='sans-serif' font-size='13' fill='#1e293b'>"
    )
    ground = f"<rect width='{WIDTH}' height='{height}' fill='#fff'/>"
    named = _text(MARGIN, MARGIN + 4, title, "font-size='15' font-weight='bold'")
    return "\n".join([head, ground, named, *parts, "</svg>", ""])
