"""What is refused, and how the answer tells where and why."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from api import problems
from api.problems import Problem
from manifest import InvalidCsv, Row, open_manifest

HEADER = "S. No.,Product Name,Image\n"
BODY = "long" * 2500
GOOD = "1,Hat,https://a.example/1.jpg\n"


def refused(folder: Path, content: str | bytes, *url_columns: str, max_rows: int = 1000) -> Problem:
    path = folder / "upload.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidCsv) as caught:
        list(open_manifest(path, url_columns=url_columns, max_rows=max_rows))
    return problems.of_csv(caught.value)


def errors(folder: Path, content: str | bytes, *url_columns: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = refused(folder, content, *url_columns).extra["errors"]
    return found


def places(folder: Path, content: str | bytes) -> list[tuple[Any, ...]]:
    return [
        (error["row"], error["line"], error["column"], error["code"])
        for error in errors(folder, content)
    ]


def read_and_measured(path: Path) -> tuple[int, Problem | None]:
    """The most bytes that reading held at once, and what it ended with."""
    answer = None
    tracemalloc.start()
    try:
        for _ in open_manifest(path, max_rows=1_000_000):
            pass
    except InvalidCsv as caught:
        answer = problems.of_csv(caught)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak_bytes, answer


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "Excel workbook (XLSX)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (gzip.compress(HEADER.encode(), mtime=0), "gzip"),
        (bytes(range(256)) * 8, "binary"),
        ((HEADER + GOOD).encode("utf-16-le"), "UTF-16 without a byte order mark"),
    ],
)
def test_what_is_no_text_is_refused_with_the_advice_to_save_it_as_csv(
    tmp_path: Path, content: bytes, words: str
) -> None:
    answer = refused(tmp_path, content)
    assert (answer.status, answer.code) == (415, "not_a_csv")
    assert words in answer.detail
    assert "Save it as CSV" in answer.detail


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("\ufeff", "empty_file"),
        ("\r\n\r\n", "empty_file"),
        (",,,\n , ,\n", "empty_file"),
        (HEADER, "no_rows"),
        (HEADER + "\n,,\n \n", "no_rows"),
        (HEADER + "1,Hat,\n2,Cap\n", "no_urls"),
    ],
)
def test_a_file_without_content_is_refused(tmp_path: Path, content: str, code: str) -> None:
    answer = refused(tmp_path, content)
    assert (answer.status, answer.code) == (422, "invalid_csv")
    assert [error["code"] for error in answer.extra["errors"]] == [code]


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfName,Image\n\xff", b"\xff\xfeN\x00a\x00\x00\xd8", b"\xff\xfeN"]
)
def test_a_file_that_is_not_in_the_encoding_it_claims_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    [error] = errors(tmp_path, content)
    assert error["code"] == "wrong_encoding"


def test_missing_columns_are_named_with_those_found_and_those_known(tmp_path: Path) -> None:
    answer = refused(tmp_path, "Colour,Preis\nred,9\n")
    assert [error["code"] for error in answer.extra["errors"]] == ["missing_column"]
    assert answer.extra["columns_found"] == ["Colour", "Preis"]
    assert "Product Name" in answer.extra["columns_known"]["product_name"]
    assert "known to hold image URLs; it has Colour, Preis." in answer.detail
    assert (answer.extra["errors"][0]["row"], answer.extra["errors"][0]["line"]) == (0, 1)


def test_a_table_with_neither_names_nor_urls_lacks_urls_and_no_name(tmp_path: Path) -> None:
    [error] = errors(tmp_path, "Colour,Image\nred,\n")
    assert (error["code"], error["message"]) == ("no_urls", "No row of the file has an image URL.")


def test_the_line_of_the_header_is_told_also_after_blank_lines(tmp_path: Path) -> None:
    assert places(tmp_path, "sep=;\n\nColour;Size\n") == [(0, 3, None, "missing_column")]


def test_a_url_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    [error] = errors(tmp_path, HEADER + GOOD, "Image", "Photo")
    assert (error["code"], error["column"]) == ("unknown_url_column", "Photo")


def test_a_header_cell_that_is_too_long_is_refused(tmp_path: Path) -> None:
    header = "Name,Image," + "😀" * 128
    assert [place[3] for place in places(tmp_path, f"{header}\n{GOOD}")] == ["too_long"]


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    assert [error["code"] for error in errors(tmp_path, HEADER.strip() + ",x" * 998)] == [
        "too_many_columns"
    ]


def test_too_many_rows_are_refused_at_the_first_too_many(tmp_path: Path) -> None:
    answer = refused(tmp_path, HEADER + GOOD * 4 + '"never looked at', max_rows=3)
    assert (answer.status, answer.code) == (413, "too_many_rows")
    assert answer.extra["errors"][0]["row"] == 4
    assert "more than 3 rows" in answer.detail


def test_too_many_images_are_refused_at_the_first_row_with_too_many(tmp_path: Path) -> None:
    (tmp_path / "upload.csv").write_text(HEADER + GOOD * 3)
    rows = iter(open_manifest(tmp_path / "upload.csv", max_images=2))
    assert len([next(rows), next(rows)]) == 2
    with pytest.raises(InvalidCsv, match="row 3, line 4: The CSV has more than 2 images") as raised:
        next(rows)
    assert raised.value.code == "too_many_images"


def test_as_many_rows_as_allowed_are_taken(tmp_path: Path) -> None:
    (tmp_path / "upload.csv").write_text(HEADER + GOOD * 3)
    assert len([*open_manifest(tmp_path / "upload.csv", max_rows=3)]) == 3


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("ftp://a.example/1.jpg", "not_http", "begins with ftp:"),
        ("//cdn.example/1.jpg", "not_http", "write https: in front of it"),
        ("/media/1.jpg", "not_http", "not a full URL"),
        ("hat.jpg", "not_http", "not a full URL"),
        ("http:/a.example/1.jpg", "not_http", "not a full URL"),
        ("data:image/png;base64,iVBORw0KGgo=", "not_http", "the picture itself"),
        ("javascript:alert(1)", "not_http", "begins with javascript:"),
        ("https://", "no_host", "no host"),
        ("https:///1.jpg", "no_host", "no host"),
        ("https://:443/1.jpg", "no_host", "no host"),
        ("https://?q", "no_host", "no host"),
        ("http://[::1", "bad_host", "host"),
        ("http://[::1]x:80/", "bad_host", "host"),
        ("http://[v1.a]/", "bad_host", "host"),
        ("http://[fe80::1%25eth0]/", "bad_host", "host"),
        ("https://a..example/", "bad_host", "host"),
        (f"https://{'a' * 64}.example/", "bad_host", "host"),
        (f"https://{'a.' * 127}aa/", "bad_host", "host"),
        ("https://a%2eexample/", "bad_host", "host"),
        ("https://a\\b.example/", "bad_host", "host"),
        ("https://a.example:0/", "bad_port", "1 to 65535"),
        ("https://a.example:65536/", "bad_port", "1 to 65535"),
        ("https://a.example:http/", "bad_port", "1 to 65535"),
        ("https://a.example/my hat.jpg", "bad_character", "%20"),
        ("https://a.example/1.jpg and more", "bad_character", "blank"),
        ("https://a.example/\x07.jpg", "bad_character", "invisible"),
        ("https://a.example/a\u200bb.jpg", "bad_character", "invisible"),
        (f"https://a.example/{'x' * 3983}", "too_long", "4000"),
        (f"https://a.example/{'😀' * 1992}", "too_long", "4000"),
    ],
)
def test_a_url_that_cannot_be_fetched_is_refused_with_its_place(
    tmp_path: Path, url: str, code: str, words: str
) -> None:
    [error] = errors(tmp_path, f'{HEADER}{GOOD}\n2,Cap,"{url}"\n')
    assert (error["row"], error["line"], error["column"]) == (2, 4, "Image")
    assert error["code"] == code
    assert words in error["message"]


def test_a_url_of_the_greatest_length_is_taken(tmp_path: Path) -> None:
    url = f"https://a.example/{'😀' * 1991}"
    (tmp_path / "upload.csv").write_text(f"{HEADER}1,Hat,{url}\n", encoding="utf-8")
    [row] = open_manifest(tmp_path / "upload.csv", max_rows=3)
    assert row.urls == (url,)


def test_a_password_in_a_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    answer = refused(tmp_path, HEADER + "1,Hat,https://shop:s3cret@a.example/1.jpg\n")
    assert answer.extra["errors"][0]["code"] == "url_has_credentials"
    assert "s3cret" not in str(answer.extra) + answer.detail


def test_every_bad_url_of_a_cell_is_told(tmp_path: Path) -> None:
    cell = '"https://a.example/1.jpg, ftp://a/2.jpg, https://a.example:0/3.jpg"'
    found = errors(tmp_path, f"{HEADER}1,Hat,{cell}\n")
    assert [error["code"] for error in found] == ["not_http", "bad_port"]
    assert "ftp://a/2.jpg" in found[0]["message"]


def test_a_row_may_not_hold_more_than_a_thousand_urls(tmp_path: Path) -> None:
    columns = [f"Image {n}" for n in range(4)]
    cells = ['"' + ",".join(["https://a.b/x"] * 251) + '"'] * 4
    text = f"Name,{','.join(columns)}\nHat,{','.join(cells)}\n"
    assert places(tmp_path, text) == [(1, 2, None, "too_many_urls")]


@pytest.mark.parametrize(
    ("column", "longest"), [("S. No.", 400), ("Product Name", 2000)], ids=["serial", "name"]
)
def test_a_text_longer_than_its_column_is_refused_not_cut(
    tmp_path: Path, column: str, longest: int
) -> None:
    text = f"{column},Title,Image\n{{}},Hat,https://a.example/1.jpg\n"
    (tmp_path / "fits.csv").write_text(text.format("x" * longest))
    assert len([*open_manifest(tmp_path / "fits.csv", max_rows=3)]) == 1
    too_long = "😀" * (longest // 2) + "x"
    assert places(tmp_path, text.format(too_long)) == [(1, 2, column, "too_long")]


@pytest.mark.parametrize(
    ("text", "row", "line"),
    [
        (GOOD + '2,"Cap,https://a.example/1.jpg\n', 2, 3),
        (GOOD + '2,"Cap,https://a.example/1.jpg\n' + GOOD * 5, 2, 3),
        ('2,"15" Monitor",https://a.example/1.jpg\n' + GOOD, 1, 2),
        ('1,"Hat\n2,"Cap",https://a.example/1.jpg\n' + GOOD, 1, 2),
    ],
    ids=["at the end", "in the middle", "not doubled", "met by another quote"],
)
def test_an_unbalanced_quote_is_found_where_its_row_begins(
    tmp_path: Path, text: str, row: int, line: int
) -> None:
    assert places(tmp_path, HEADER + text) == [(row, line, None, "unbalanced_quotes")]


def test_an_unbalanced_quote_in_the_header_is_found(tmp_path: Path) -> None:
    assert places(tmp_path, '"Name,Image\nx,https://a/1\n') == [(0, 1, None, "unbalanced_quotes")]


def test_an_open_quote_does_not_take_the_file_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "upload.csv"
    path.write_text(HEADER + '1,"Hat,https://a.example/1.jpg\n' + GOOD * 600_000)
    peak_bytes, answer = read_and_measured(path)
    assert answer is not None
    assert [error["code"] for error in answer.extra["errors"]] == ["row_too_long"]
    assert peak_bytes < path.stat().st_size / 2


def test_a_file_of_blank_lines_is_given_up(tmp_path: Path) -> None:
    text = HEADER + GOOD + "\n" * 1_100_000
    assert [place[3] for place in places(tmp_path, text)] == ["too_many_blank_lines"]


def test_a_nul_byte_is_found_in_its_cell(tmp_path: Path) -> None:
    text = HEADER + GOOD + "2,C\0ap,https://a.example/1.jpg\n"
    assert places(tmp_path, text) == [(2, 3, "Product Name", "nul_byte")]


def test_a_nul_byte_in_the_header_is_found(tmp_path: Path) -> None:
    found = errors(tmp_path, "S. No.,Product Name,Image,Col\0our\n" + GOOD)
    assert [error["code"] for error in found] == ["nul_byte"]


@pytest.mark.parametrize(
    "row",
    ["1,Hat, red,https://a.example/1.jpg\n", "1,Hat,https://a.example/1.jpg,red\n"],
    ids=["a comma in the name", "a text after the URL"],
)
def test_a_row_with_too_many_cells_is_refused(tmp_path: Path, row: str) -> None:
    [error] = errors(tmp_path, HEADER + row)
    assert (error["row"], error["code"]) == (1, "too_many_cells")
    assert "needs quotes" in error["message"]


def test_urls_spill_only_from_the_last_column(tmp_path: Path) -> None:
    text = "Name,Image,Colour\nHat,https://a/1,https://a/2,red\n"
    assert [place[3] for place in places(tmp_path, text)] == ["too_many_cells"]


def test_the_lines_of_rows_are_counted_through_cells_of_several_lines(tmp_path: Path) -> None:
    text = HEADER + '1,"Hat\nred\r\nlarge",https://a.example/1.jpg\n\n2,Cap,cap.jpg\n'
    assert places(tmp_path, text) == [(2, 6, "Image", "not_http")]


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = HEADER + '1,Hat,hat.jpg\n2,"15" TV",\n3,Cap,https://\n' + GOOD
    answer = refused(tmp_path, text)
    codes = [error["code"] for error in answer.extra["errors"]]
    assert codes == ["not_http", "unbalanced_quotes", "no_host"]
    assert answer.detail.startswith("The CSV has 3 problems. The first: row 1, line 2, column")


def test_a_hundred_problems_are_listed_at_most(tmp_path: Path) -> None:
    answer = refused(tmp_path, HEADER + "1,Hat,hat.jpg\n" * 150)
    assert len(answer.extra["errors"]) == 100
    assert answer.detail.startswith("The CSV has 100 or more problems.")


def test_no_row_comes_after_the_first_problem(tmp_path: Path) -> None:
    (tmp_path / "upload.csv").write_text(HEADER + GOOD + "2,Cap,cap.jpg\n" + GOOD)
    came: list[Row] = []
    with pytest.raises(InvalidCsv):
        came.extend(open_manifest(tmp_path / "upload.csv", max_rows=1000))
    assert [row.number for row in came] == [1]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for rows in (300, 3000):
        path = tmp_path / f"{rows}.csv"
        path.write_text(HEADER.replace("\n", ",Body\n") + GOOD.replace("\n", f",{BODY}\n") * rows)
        peaks.append(read_and_measured(path)[0])
    assert peaks[1] < peaks[0] * 1.1
