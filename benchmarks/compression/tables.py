"""Tables of pictures' figures: by class, against the peers, and of two versions side by side."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from benchmarks.compression.picture import Picture

Pictures = list[Picture]
Groups = dict[tuple[str, ...], Pictures]


def by_class(pictures: Pictures) -> str:
    rows = [
        (*key, str(len(group)), *(column(group) for column in COLUMNS.values()))
        for key, group in groups(pictures).items()
    ]
    return table(["class", "size", "files", *COLUMNS], rows)


def compared(before: Pictures, after: Pictures) -> str:
    """Each figure of an earlier version → that of this one, of the pictures that both have."""
    then = {each.name: each for each in before}
    rows = []
    for key, group in groups([each for each in after if each.name in then]).items():
        both = [then[each.name] for each in group], group
        cells = (" → ".join(column(some) for some in both) for column in COLUMNS.values())
        rows.append((*key, str(len(group)), *cells))
    return table(["class", "size", "files", *COLUMNS], rows)


def by_peer(pictures: Pictures) -> str:
    """Ours against each peer, of the pictures that it could make as small."""
    heads = ["peer", "class", "files", "ours", "peer's", "gain", "wins", "CPU: ours", "peer's"]
    kinds: Groups = defaultdict(list)
    for each in pictures:
        kinds[(each.kind,)].append(each)
        kinds[("all",)].append(each)
    rows = [
        (name, *key, *peer_cells(name, group))
        for name in sorted({name for each in pictures for name in each.peers})
        for key, group in sorted(kinds.items(), key=last_all)
        if any(name in each.peers for each in group)
    ]
    return table(heads, rows)


def peer_cells(name: str, pictures: Pictures) -> list[str]:
    pairs = [(each, each.peers[name]) for each in pictures if name in each.peers]
    gains = [each.score - peer.score for each, peer in pairs]
    naive = sum(each.naive_seconds for each, _ in pairs)
    return [
        str(len(pairs)),
        mean(each.score for each, _ in pairs),
        mean(peer.score for _, peer in pairs),
        f"{statistics.fmean(gains):+.1f}",
        f"{sum(gain > 0 for gain in gains)} of {sum(gain != 0 for gain in gains)}",
        f"{sum(each.seconds for each, _ in pairs) / naive:.2f}",
        f"{sum(peer.seconds for _, peer in pairs) / naive:.2f}",
    ]


def groups(pictures: Pictures) -> Groups:
    """The pictures by class and size, then the small ones, the larger ones and all of them."""
    found: Groups = defaultdict(list)
    for each in pictures:
        for key in ((each.kind, each.size_class), ("all", each.size_class), ("all", "")):
            found[key].append(each)
    return dict(sorted(found.items(), key=last_all))


def last_all(item: tuple[tuple[str, ...], Pictures]) -> tuple[bool, str, bool, bool]:
    key, _ = item
    kind, *size = key
    return kind == "all", kind, "" in size, "larger" in size


def mean(values: Iterable[float]) -> str:
    return f"{statistics.fmean(values):.1f}"


def reasons(pictures: Pictures) -> str:
    counts = Counter(reason for each in pictures for reason in each.damage)
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "-"


def codes(pictures: Pictures) -> str:
    had = sum(each.had_code for each in pictures)
    return f"{sum(each.has_code for each in pictures)} of {had}" if had else "-"


def at_half(pictures: Pictures) -> str:
    return f"{100 * statistics.fmean(each.at_half for each in pictures):.0f} %"


def bytes_left(pictures: Pictures) -> str:
    before = sum(each.original_size for each in pictures)
    return f"{100 * sum(each.size for each in pictures) / before:.1f} %"


def over_naive(pictures: Pictures) -> str:
    naive = sum(each.naive_seconds for each in pictures)
    return f"{sum(each.seconds for each in pictures) / naive:.2f}"


COLUMNS: dict[str, Callable[[Pictures], str]] = {
    "quality": lambda pictures: mean(each.score for each in pictures),
    "worst": lambda pictures: f"{min(each.score for each in pictures):.1f}",
    "below 50": lambda pictures: str(sum(each.score < 50 for each in pictures)),
    "damaged": lambda pictures: str(sum(bool(each.damage) for each in pictures)),
    "by": reasons,
    "codes read": codes,
    "at half": at_half,
    "bytes": bytes_left,
    "encodes": lambda pictures: f"{statistics.fmean(each.encodes for each in pictures):.2f}",
    "CPU over naive": over_naive,
}


def table(heads: list[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
