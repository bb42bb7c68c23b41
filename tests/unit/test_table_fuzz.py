"""However a table is written, the URLs that are found are those that stand in its cells."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from api import json_upload
from api.problems import Problem
from manifest import ReadingOptions, Row, open_manifest
from manifest.url_cells import CellRules, spans, split

HOSTS = st.sampled_from(["a.example", "cdn-1.a.example:8080", "bücher.example", "192.0.2.1", "x"])
ENDS = st.sampled_from(["", "/1.jpg", "/w_300,h_200/é.png?v=1;2|3", "/fetch/https://b.example/2"])
MIDDLES = st.text("aZ09,;|~%&=+()'", max_size=12).map("/{}z".format)
URLS = st.builds("https://{}{}{}".format, HOSTS, MIDDLES, ENDS)
SEPARATORS = st.sampled_from([",", ", ", " , ", ";", "|", " | ", " ", "\n", "\r\n", ",,"])
# Python's writer leaves a lone CR without the quotes that it needs.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
REMARKS = st.sampled_from([[], ["# exported by, the shop"], ["#INFO", "Version=0.0.2"]])


def written(rows: Sequence[Sequence[str]], delimiter: str, quoting: int, ends: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ends)  # type: ignore[arg-type]
    writer.writerows(row for row in rows if row)
    return text.getvalue()


def read(content: bytes, options: ReadingOptions | None = None) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.csv"
        path.write_bytes(content)
        return [*open_manifest(path, options)]


@given(
    st.lists(st.tuples(TEXTS, st.lists(URLS, max_size=4), st.lists(URLS, max_size=2)), max_size=5),
    REMARKS,
    st.sampled_from(",;\t"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    SEPARATORS,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
)
def test_the_urls_of_any_table_are_found(
    products: list[tuple[str, list[str], list[str]]],
    remark: list[str],
    delimiter: str,
    quoting: int,
    ends: str,
    separator: str,
    encoding: str,
    escapes: bool,
) -> None:
    products = [*products, ("Hat", ["https://a.example/hat.jpg"], [])]

    def cell(urls: list[str]) -> str:
        escaped = [url.replace(",", "\\,") for url in urls] if escapes else urls
        return separator.join(escaped)

    rows = [[f"{n}", name, cell(a), cell(b)] for n, (name, a, b) in enumerate(products)]
    text = written([remark, ["SKU", "Name", "Images", "Image 2"], *rows], delimiter, quoting, ends)
    found = read(text.encode(encoding))
    assert [row.urls for row in found] == [(*a, *b) for _, a, b in products]
    assert [row.product_name for row in found] == [name for name, *_ in products]
    assert [list(row.cells) for row in found] == rows


@given(st.lists(st.tuples(TEXTS, URLS), min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_a_column_whose_name_is_not_known_is_found_by_its_pictures(
    products: list[tuple[str, str]], delimiter: str
) -> None:
    rows = [[f"{n}", name, f"{url}/1.webp"] for n, (name, url) in enumerate(products)]
    text = written([["Nr", "Artikel", "Bild"], *rows], delimiter, csv.QUOTE_MINIMAL, "\n")
    assert [row.urls for row in read(text.encode())] == [(f"{url}/1.webp",) for _, url in products]


@given(
    st.lists(st.text("aü0 _-()", min_size=1, max_size=9).filter(str.strip), min_size=1, max_size=4),
    st.sampled_from([",", ", ", ";", " | ", "\n"]),
)
def test_all_file_names_of_a_cell_are_joined_to_the_base_url(
    stems: list[str], separator: str
) -> None:
    names = [f"{stem.strip()}.jpg" for stem in stems]
    text = written([["Name", "Images"], ["Hat", separator.join(names)]], ",", csv.QUOTE_ALL, "\n")
    [row] = read(text.encode(), ReadingOptions(base_url="https://a.example/i/"))
    cell = separator.join(names)
    assert [cell[start:end] for start, end, _ in spans(cell, CellRules("https://a/"))] == names
    assert row.urls == tuple(f"https://a.example/i/{n.replace(' ', '%20')}" for n in names)


@given(st.lists(URLS, max_size=4), SEPARATORS, st.booleans(), st.sampled_from(["", "/m/b/hat.jpg"]))
def test_each_url_is_found_at_its_place(
    urls: list[str], separator: str, escapes: bool, path: str
) -> None:
    as_written = [url.replace(",", "\\,") for url in urls] if escapes else urls
    cell = separator.join(filter(None, [path, *as_written]))
    found = spans(cell, CellRules(keeps_paths=True))
    assert [cell[start:end] for start, end, _ in found] == as_written
    assert [url for *_, url in found] == urls == split(cell, CellRules(keeps_paths=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | URLS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["images", "products", "urls", "sku", "name", "format"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON | st.dictionaries(st.sampled_from(["images", "products"]), JSON))
def test_any_json_is_a_table_or_a_problem_with_its_place(value: object) -> None:
    with suppress(Problem):
        assert json_upload.read(json.dumps(value).encode()).content.decode()


@given(st.lists(st.tuples(TEXTS, TEXTS, st.lists(URLS, max_size=3)), max_size=4))
def test_the_products_of_json_are_the_rows_of_its_table(
    products: list[tuple[str, str, list[str]]],
) -> None:
    products = [*products, ("A", "Hat", ["https://a.example/hat.jpg"])]
    sent = [{"sku": sku, "name": name, "urls": urls} for sku, name, urls in products]
    rows = read(json_upload.read(json.dumps(sent).encode()).content)
    assert [(row.product_name, list(row.urls)) for row in rows] == [p[1:] for p in products]
