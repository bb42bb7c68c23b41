"""The tables that go back into the shop differ from the upload by their URLs alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest import InvalidCsv, Manifest, ReadingOptions, Row, open_manifest
from manifest.in_place import NewUrl, failed_csv, import_csv

EXPORTS = Path(__file__).parent / "exports"
HOSTILE = (
    "Name;Bild;Images\r\n"
    '"Cup ""blue""; a";x; "https://a.example/1?q=""x"", https://a.example/2;b|https://a.example/3"\r\n'
    "\r\n"
    "=1+1;;https://a.example/4\n"
    "Pot;;\r"
    "Pan;keep https://a.example/4;https://a.example/5"
)


def manifest_of(folder: Path, content: str | bytes) -> Manifest:
    path = folder / "upload.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_manifest(path)


def replaced(manifest: Manifest, new: Callable[[Row, int, str], str | None]) -> bytes:
    """import.csv, where ``new`` gives the new URL of a row's image, or None where it failed."""

    def new_urls() -> Iterator[NewUrl]:
        for row in manifest:
            for position, url in enumerate(row.urls, start=1):
                if made := new(row, position, url):
                    yield (row.number, url, made)

    return "".join(import_csv(manifest, new_urls())).encode()


def numbered(row: Row, position: int, _: str) -> str:
    return f"https://b.example/{row.number}-{position}.jpg"


def itself(_row: Row, _position: int, url: str) -> str:
    return url


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # As in a link, and as a part of another URL of the row.
        ("https://a/1.jpg,https://a/1.jpg", "https://a/1.jpg,https://b.example/1-1.jpg"),
        ("https://a/1.jpg-page,https://a/1.jpg", "https://a/1.jpg-page,https://b.example/1-1.jpg"),
        (
            ',"https://a/1.jpg, https://a/1.jpg?v=2"',
            ',"https://b.example/1-1.jpg, https://b.example/1-2.jpg"',
        ),
        # In the image's cell in another way than elsewhere in the row.
        (
            '"https://a/w,h.jpg","https://a/w\\,h.jpg"',
            '"https://a/w,h.jpg","https://b.example/1-1.jpg"',
        ),
        ('https://a/?q="x","https://a/?q=""x"""', 'https://a/?q="x","https://b.example/1-1.jpg"'),
    ],
)
def test_the_same_url_elsewhere_in_the_row_stays(tmp_path: Path, row: str, expected: str) -> None:
    manifest = manifest_of(tmp_path, f"Link,Image\n{row}\n")
    assert replaced(manifest, numbered).decode() == f"Link,Image\n{expected}\n"


def test_a_file_name_is_replaced_and_not_the_url_that_it_is_joined_to(tmp_path: Path) -> None:
    path = tmp_path / "upload.csv"
    path.write_text("Link,Image\nhttps://a.example/hat.jpg,hat.jpg\n")
    manifest = open_manifest(path, ReadingOptions(base_url="https://a.example/"))
    assert replaced(manifest, numbered).decode().splitlines()[1] == (
        "https://a.example/hat.jpg,https://b.example/1-1.jpg"
    )


def test_each_url_is_replaced_at_its_own_place_and_nothing_else(tmp_path: Path) -> None:
    content = HOSTILE.replace('; "https', ';"https')
    assert replaced(manifest_of(tmp_path, content), numbered).decode() == (
        "Name;Bild;Images\r\n"
        '"Cup ""blue""; a";x;"https://b.example/1-1.jpg, https://b.example/1-2.jpg|https://b.example/1-3.jpg"\r\n'
        "\r\n"
        "=1+1;;https://b.example/2-1.jpg\n"
        "Pot;;\r"
        "Pan;keep https://a.example/4;https://b.example/4-1.jpg"
    )


def test_a_failed_image_keeps_its_old_url(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "Name,Image\nCup,https://a.example/1 https://a.example/2\n")

    content = replaced(manifest, lambda *image: numbered(*image) if image[1] == 2 else None)

    assert content == b"Name,Image\nCup,https://a.example/1 https://b.example/1-2.jpg\n"


def test_urls_that_are_not_quoted_though_commas_separate_them_are_replaced(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "Name,Image\nCup,https://a.example/1,https://a.example/2\n")

    assert replaced(manifest, numbered) == (
        b"Name,Image\nCup,https://b.example/1-1.jpg,https://b.example/1-2.jpg\n"
    )


def test_blanks_before_a_quote_stay(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, 'Name, Image\nCup,   "https://a.example/1"\n')

    assert replaced(manifest, numbered) == b'Name, Image\nCup,   "https://b.example/1-1.jpg"\n'


def test_a_url_that_begins_with_another_is_told_apart(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "Name,Image\nCup,https://a.example/10 https://a.example/1\n")

    content = replaced(manifest, lambda *image: numbered(*image) if image[1] == 2 else None)

    assert content == b"Name,Image\nCup,https://a.example/10 https://b.example/1-2.jpg\n"


@pytest.mark.parametrize(
    ("encoding", "begin"),
    [
        ("utf-8", b"Name"),
        ("utf-8-sig", b"\xef\xbb\xbfName"),
        ("utf-16", b"\xef\xbb\xbfName"),
        ("cp1252", b"Name"),
    ],
)
def test_other_encodings_become_utf8_and_a_byte_order_mark_stays(
    tmp_path: Path, encoding: str, begin: bytes
) -> None:
    manifest = manifest_of(tmp_path, "Name,Image\r\nHüte,https://a.example/1\r\n".encode(encoding))

    content = replaced(manifest, itself)

    assert content.startswith(begin)
    assert content.endswith("\r\nHüte,https://a.example/1\r\n".encode())


@pytest.mark.parametrize("name", ["shopify.csv", "woocommerce.csv", "google_merchant.tsv"])
def test_an_export_comes_back_byte_for_byte(name: str) -> None:
    manifest = open_manifest(EXPORTS / name)

    assert replaced(manifest, itself) == (EXPORTS / name).read_bytes()
    assert b"a.example" not in replaced(manifest, lambda *_: "https://b.example/new.jpg")


def test_the_rows_with_failed_images_come_as_they_were_under_their_header(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "sep=;\r\n\r\n" + HOSTILE.replace('; "https', ';"https'))

    content = "".join(failed_csv(manifest, [2, 4]))

    assert content == (
        "sep=;\r\n\r\nName;Bild;Images\r\n"
        "=1+1;;https://a.example/4\n"
        "Pan;keep https://a.example/4;https://a.example/5"
    )


BLANKS = st.sampled_from(["", "", " ", "\t", "\u200b"])
URLS = st.sampled_from([
    "https://a.example/1.jpg", "http://b.example/w_300,h_200/1.jpg", 'https://c.example/"q".png',
    "https://d.example/a;b|c", "HTTPS://e.example/ü", "https://a.example/1.jpg?x=https://f.example",
    "",
])  # fmt: skip
LISTS = st.lists(
    st.tuples(URLS, st.sampled_from([", ", ",", ";", "|", "\n", " ", "\r\n", ",,"])), max_size=4
).map(lambda parts: "".join(map("".join, parts)))
TEXTS = st.text(st.sampled_from('ab"\n\r,;\t| =é\u2028\x85'), max_size=8)
FEEDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str]:
    """The text of a table as spreadsheets, shops and people write them, and its encoding."""
    delimiter = draw(st.sampled_from(",;\t"))
    header = ["Name", "Images", *draw(st.lists(st.sampled_from(["Price", "Image 2"]), max_size=2))]
    lines = [delimiter.join(header)]
    for _ in range(draw(st.integers(1, 4))):
        row = [draw(TEXTS), draw(LISTS), draw(LISTS), draw(LISTS)][: draw(st.integers(0, 4))]
        lines.append(delimiter.join(draw(cells(cell, delimiter)) for cell in row))
    text = draw(st.sampled_from(["", "", f"sep={delimiter}\r\n", "\n"]))
    text += "".join(f"{line}{draw(FEEDS)}" for line in lines[:-1]) + lines[-1]
    text += draw(st.sampled_from(["", "\n", "\r\n", "\n\n", f"{delimiter}\r\n"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return text.encode(encoding, "ignore").decode(encoding), encoding


def cells(content: str, delimiter: str) -> st.SearchStrategy[str]:
    """A cell in quotes, whether it needs them or not, or without; sometimes behind blanks."""
    in_quotes = '"' + content.replace('"', '""') + '"'
    needs_them = any(each in content for each in (delimiter, *'\r\n"'))
    if needs_them:
        return st.sampled_from([in_quotes] * 9 + [f" {in_quotes}"])
    return st.one_of(st.just(in_quotes), BLANKS.map(lambda blanks: blanks + content))


@contextmanager
def read(content: bytes) -> Iterator[tuple[Manifest, list[Row]] | None]:
    """A table and its rows; None where it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            manifest = manifest_of(Path(folder), content)
            rows = [*manifest]
        except InvalidCsv:
            yield None
        else:
            yield manifest, rows


@given(tables())
def test_urls_in_place_of_themselves_give_the_file_back(table: tuple[str, str]) -> None:
    text, encoding = table
    with read(text.encode(encoding)) as found:
        if found:
            begin = b"" if encoding in ("utf-8", "cp1252") else b"\xef\xbb\xbf"
            assert replaced(found[0], itself) == begin + text.encode()


@given(tables())
def test_what_is_read_of_the_new_table_are_the_new_urls_and_the_rest_as_it_was(
    table: tuple[str, str],
) -> None:
    text, encoding = table
    with read(text.encode(encoding)) as before:
        if before is None:
            return
        manifest, rows = before
        new = replaced(manifest, lambda row, _, url: numbered(row, row.urls.index(url), url))
    with read(new) as after:
        assert after is not None
        for old, row in zip(rows, after[1], strict=True):
            assert row.urls == tuple(numbered(old, old.urls.index(url), url) for url in old.urls)
            others = [i for i in range(len(old.cells)) if i not in manifest.url_columns]
            assert [row.cells[i] for i in others] == [old.cells[i] for i in others]
