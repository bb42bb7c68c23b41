"""Whatever is uploaded, it gives rows or an InvalidCsv, and nothing else."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from manifest import InvalidCsv, Row, open_manifest
from manifest.url_cells import read, reason_against, split
from manifest.writer import write

PIECES = st.sampled_from(
    [*',;\t|"\r\n\0\ufeff :/@[].=', "Name", "Image", "https://", "http://[", "a.example", "é", "😀"]
)
HEADERS = st.sampled_from(["", "Name,Image\n", "sep=;\nName;Image\n", "Image\tTitle\r", "Name,"])
TEXTS = st.lists(PIECES, max_size=60).map("".join)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])


def outcome(content: bytes) -> list[Row] | InvalidCsv:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.csv"
        path.write_bytes(content)
        try:
            manifest = open_manifest(path, max_rows=10)
            rows = [*manifest]
        except InvalidCsv as answer:
            return answer
        write(manifest, [], io.BytesIO())
        assert all(len(row.cells) == len(manifest.columns) for row in rows)
        return rows


def assert_sensible(outcome: list[Row] | InvalidCsv) -> None:
    if isinstance(outcome, InvalidCsv):
        assert outcome.problems
    else:
        assert any(row.urls for row in outcome)


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_problem(content: bytes) -> None:
    assert_sensible(outcome(content))


@given(HEADERS, TEXTS, ENCODINGS)
def test_anything_like_a_csv_gives_rows_or_a_problem(header: str, text: str, encoding: str) -> None:
    assert_sensible(outcome((header + text).encode(encoding)))


@given(st.one_of(st.text(max_size=40), TEXTS).map(lambda text: f"https://{text}"))
def test_a_url_that_is_taken_can_be_parsed(url: str) -> None:
    if reason_against(url) is None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port != 0
        assert parts.username is None


@given(TEXTS.map(lambda text: f"https://a.example/{text}, https://b.example/"))
def test_the_short_way_through_a_cell_finds_what_the_long_way_finds(cell: str) -> None:
    found, are_good = read(cell)
    assert found == split(cell)
    assert not are_good or not any(map(reason_against, found))
