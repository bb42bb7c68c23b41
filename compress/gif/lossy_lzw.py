"""GIF's variant of LZW (GIF89a specification, appendix F), with matches that need not be exact.

Wherever a pixel tolerates several symbols, the dictionary is followed along all of them at once,
and the longest match is written; of equally long ones the one with the smallest error. The idea is
that of lossy GIF by Kornel Lesinski.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_CODES = 4096
MAX_CODE_BITS = 12
# A limit for the matches that are followed at once, best first.
MAX_FOLLOWED = 12
REFUSED = 1 << 16  # as an error: a symbol that the pixel does not tolerate

Match = tuple[int, int]  # (code, error)


class Tolerance(NamedTuple):
    """What one pixel tolerates.

    ``errors`` has an entry a symbol, REFUSED for those that are not allowed. ``starts`` are those
    that are allowed, each with its error, best first; there is at least one.
    """

    errors: tuple[int, ...]
    starts: tuple[tuple[int, int], ...]


def lossy_lzw(pixels: Sequence[Tolerance], bits: int) -> tuple[bytes, bytes]:
    """(code stream, symbols): the pixels packed, and what they become.

    Symbols are of 0 to 2^``bits`` - 1; ``bits`` are at least 2.
    """
    clear = 1 << bits
    codes: list[int] = []
    symbols: list[bytes] = []
    at = 0
    while at < len(pixels):
        codes.append(clear)
        at = _until_full(pixels, at, clear, codes, symbols)
    return _packed([*codes, clear + 1], bits), b"".join(symbols)


def _until_full(
    pixels: Sequence[Tolerance], at: int, clear: int, codes: list[int], symbols: list[bytes]
) -> int:
    """Write with a new dictionary until it is full, or to the end; the place behind is returned."""
    strings = [*(bytes([each]) for each in range(clear)), b"", b""]
    children: list[list[tuple[int, int]]] = [[] for _ in strings]
    before = -1
    while at < len(pixels) and len(strings) < MAX_CODES:
        code, at = _longest_match(pixels, at, children)
        string = strings[code]
        codes.append(code)
        symbols.append(string)
        if before >= 0:  # the entry that was made in advance gets its true last symbol
            children[before][-1] = (string[0], len(strings) - 1)
            strings[-1] = strings[before] + string[:1]
        # The next match can be the entry that it completes, if it starts like this one.
        children[code].append((string[0], len(strings)))
        children.append([])
        strings.append(string + string[:1])
        before = code
    return at


def _longest_match(
    pixels: Sequence[Tolerance], at: int, children: list[list[tuple[int, int]]]
) -> tuple[int, int]:
    """(its code, the place behind it)."""
    followed: Sequence[Match] = pixels[at].starts
    for place in range(at + 1, len(pixels)):
        errors = pixels[place].errors
        longer = [
            (child, error + errors[symbol])
            for code, error in followed
            for symbol, child in children[code]
            if errors[symbol] < REFUSED
        ]
        if not longer:
            return min(followed, key=_error)[0], place
        if len(longer) > MAX_FOLLOWED:
            longer = sorted(longer, key=_error)[:MAX_FOLLOWED]
        followed = longer
    return min(followed, key=_error)[0], len(pixels)


def _error(match: Match) -> int:
    return match[1]


def _packed(codes: Sequence[int], bits: int) -> bytes:
    """The codes, lowest bits first; their width grows with the dictionary."""
    clear = 1 << bits
    packed, held, held_bits = bytearray(), 0, 0
    width, entries = bits + 1, clear + 1
    for code in codes:
        held |= code << held_bits
        held_bits += width
        while held_bits >= 8:
            packed.append(held & 255)
            held >>= 8
            held_bits -= 8
        entries += 1
        if code == clear:
            width, entries = bits + 1, clear + 1
        elif entries == 1 << width and width < MAX_CODE_BITS:
            width += 1
    return bytes(packed) + (bytes([held]) if held_bits else b"")
