"""What we know of JPEG before the first encode: quantisation tables, sizes, limits of quality.

One number x, the coarseness, stands for a JPEG's quality: its tables are about 2^x times those
that jpegli uses at quality 60. All constants below were fitted, measured or read from jpegli; each
stands with the formula to which it belongs. "Points" are points of SSIMULACRA 2, measured with
benchmarks/compression.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

# 1. Quantisation tables, for each of the 64 entries:
#
#     q(x) = round(base * 2^(min(x, PIVOT) + growth * max(x - PIVOT, 0))), but 1 to 255
#
# x is rounded to 1 / STEPS, which is 2 % of the bytes.
#
# The base tables are jpegli's (libjxl, BSD-3-Clause) at quality 60, in natural order. At equal
# bytes they score 7.5 points more than the tables of the JPEG standard.
#
# With the same growth for all entries, coarse tables would show blocks in flat areas while bytes
# still go into the finest detail. So above PIVOT (about quality 77) each entry grows by a power of
# its own: less for the mean of a block, more for each higher frequency. On 46 files at equal bytes
# that scores 4 points more at quality 40 to 60, and 9 to 16 more below. A growth of the mean of 0.3
# to 0.6 and a rise of 0.07 to 0.15 for each frequency score the same.
BASE_LUMA = (
    10, 9, 17, 17, 26, 27, 30, 30, 9, 12, 17, 19, 27, 25, 32, 32,
    17, 17, 20, 23, 27, 31, 30, 33, 17, 19, 23, 27, 33, 35, 35, 36,
    26, 27, 27, 33, 36, 39, 44, 43, 27, 25, 31, 35, 39, 43, 40, 48,
    30, 32, 30, 35, 44, 40, 43, 42, 30, 32, 33, 36, 43, 48, 42, 34,
)  # fmt: skip
BASE_CHROMA = (
    9, 7, 15, 14, 21, 20, 23, 25, 7, 11, 15, 14, 19, 17, 22, 23,
    15, 15, 17, 15, 18, 20, 21, 24, 14, 14, 15, 17, 21, 20, 21, 25,
    21, 19, 18, 21, 17, 25, 19, 24, 20, 17, 20, 20, 25, 22, 25, 37,
    23, 22, 21, 21, 19, 25, 40, 36, 25, 23, 24, 25, 24, 37, 36, 255,
)  # fmt: skip
PIVOT = -1.0
STEPS = 32
GROWTH = (0.4, *(0.9 + 0.1 * (n // 8 + n % 8) for n in range(1, 64)))

# 2. Limits of x
#
# At equal bytes, fewer pixels score less than coarser tables up to FLOOR (at x = 2 on 60 % of the
# files), and more above it.
FINEST, FLOOR, COARSEST = -6.0, 2.5, 5.0

# 3. Size, as x changes:
#
#     d ln(size) / dx = SLOPE + SLOPE_PER_BITS * ln(bits for each pixel), at most FLATTEST
#
# Fitted over 250 files.
SLOPE, SLOPE_PER_BITS, FLATTEST = -0.62, -0.14, -0.3

# 4. First guess of x, from the x of the input and its chroma subsampling:
#
#     x = START + START_PER_INPUT * input x + START_OF_CHROMA + ln(share / FITTED_SHARE) / slope
#
#     where share = budget / bytes of the input without metadata / scale^2
#     and slope is that of formula 3
#
# A least-squares fit over the same 250 files, of the x that reaches 46 % of the input's bytes: that
# is the middle of what is good enough (see GOOD_ENOUGH) with a budget of FITTED_SHARE. Half of the
# guesses are within 6 % of the bytes. Subsampling in Pillow's numbers: 0 is 4:4:4, 1 is 4:2:2.
START, START_PER_INPUT, START_OF_CHROMA, FITTED_SHARE = 1.14, 0.69, {0: -0.4, 1: -0.23}, 0.51
# A result from 80 % of the budget on ends the search: with a budget of 50 % of the input that is
# (40, 50], aimed at 45 %. A second encode would take a third more time.
GOOD_ENOUGH = 0.8

# 5. Correction of x by a sample, whose budget in bytes is:
#
#     (budget - profile - HEADERS) * share of the rows * SAMPLE_EXCESS + HEADERS
#
# The sample is made of strips of SAMPLE_ROWS rows. It takes 6 to 9 % more bytes than its share,
# because a row of its chroma blocks mixes two strips; the deviation is 4 %. Strips of twice the
# height have the right mean, but a deviation of 6 %.
HEADERS = 330  # bytes, with optimised Huffman tables
SAMPLE_ROWS, SAMPLE_EXCESS = 8, 1.07
# The sample is encoded a second time when its size misses the aim by more than this, in ln(size).
SAMPLE_TOLERANCE = 0.2
# Up to this many pixels a sample of each image would cost more time than the guesses that miss.
WORTH_A_SAMPLE = 150_000

# 6. Chroma in full resolution (4:4:4)
#
# Up to this x (quality 95) 4:4:4 scores 4 to 22 points more than 4:2:0 at equal bytes, above it 0
# to 8 points less. For the same bytes it needs an x that is larger by X_OF_444.
MAX_X_FOR_444, X_OF_444 = -3.0, 0.6


@functools.cache
def quantisation_tables(steps: int) -> list[list[int]]:
    """The luma and the chroma table for x = steps / STEPS, in natural order (formula 1)."""
    x = steps / STEPS
    even, above = 2 ** min(x, PIVOT), max(x - PIVOT, 0.0)
    factors = [even * 2 ** (above * growth) for growth in GROWTH]
    return [
        [
            min(max(round(entry * factor), 1), 255)
            for entry, factor in zip(base, factors, strict=True)
        ]
        for base in (BASE_LUMA, BASE_CHROMA)
    ]


def coarseness_of(luma: Sequence[int] | None) -> float:
    """The x of a JPEG's luma table; FINEST where there is none, or none that is valid.

    From the harmonic mean of how much coarser its entries are than the base table's, because the
    small entries cost most of the bytes.
    """
    if not luma or 0 in luma:
        return FINEST
    finer = sum(base / entry for entry, base in zip(luma, BASE_LUMA, strict=False)) / len(luma)
    return min(max(-math.log2(finer), FINEST), -FINEST)


def slope_at(bits_per_pixel: float) -> float:
    """d ln(size) / dx for an image of this many bits for each pixel (formula 3)."""
    return min(SLOPE + SLOPE_PER_BITS * math.log(bits_per_pixel), FLATTEST)


def first_guess(input_x: float, subsampling: int | None, share: float, slope: float) -> float:
    """The x that makes the best use of ``share`` of the input's bytes (formula 4).

    ``subsampling`` is None for an input that is not a JPEG.
    """
    x = START + START_PER_INPUT * input_x + math.log(share / FITTED_SHARE) / slope
    return x if subsampling is None else x + START_OF_CHROMA.get(subsampling, 0.0)


def sample_budget(budget: int, profile_bytes: int, share: float) -> int:
    """The bytes that a sample of this share of the rows may take (formula 5)."""
    return round((budget - profile_bytes - HEADERS) * share * SAMPLE_EXCESS + HEADERS)


def equivalent_quality(x: float) -> int:
    """libjpeg's quality, 1 to 100: x = 0 is about quality 60, which scales its tables by 80 %.

    Up to quality 50 libjpeg scales by 5000 / quality percent, above by 200 - 2 * quality.
    """
    percent = 80 * 2**x
    quality = 100 - percent / 2 if percent < 100 else 5000 / percent
    return min(max(round(quality), 1), 100)
