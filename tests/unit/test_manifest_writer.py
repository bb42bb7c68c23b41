"""The output CSV, as scripts and spreadsheets read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from manifest import Manifest, open_manifest
from manifest.writer import Result, write

EXPORTS = Path(__file__).parent / "exports"
TWO_ROWS = "No,Name,Images\n1,Hat,https://a/1\n2,Cap,https://a/2 https://a/3 https://a/4\n"


def manifest_of(folder: Path, content: str | bytes) -> Manifest:
    path = folder / "upload.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_manifest(path, max_rows=1000)


def written(manifest: Manifest, results: Sequence[Result] = ()) -> bytes:
    file = io.BytesIO()
    write(manifest, results, file)
    return file.getvalue()


def lines(manifest: Manifest, results: Sequence[Result] = ()) -> list[list[str]]:
    text = io.StringIO(written(manifest, results).decode("utf-8-sig"), newline="")
    return [*csv.reader(text, delimiter=manifest.delimiter)]


def test_the_inputs_columns_come_first_then_ours(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "Images,Name,Colour\nhttps://a/1,Hat,red\n")
    assert lines(manifest, [Result(1, 1, "https://out/1.jpg", "")]) == [
        ["Images", "Name", "Colour", "Output Image Urls", "Errors"],
        ["https://a/1", "Hat", "red", "https://out/1.jpg", ""],
    ]


def test_an_image_that_failed_leaves_its_position_empty_and_says_why(tmp_path: Path) -> None:
    failed = "the server answered 404"
    results = [
        Result(1, 1, "", failed),
        Result(2, 1, "https://out/2", ""),
        Result(2, 2, "", failed),
        Result(2, 3, "https://out/4", ""),
    ]
    assert [line[3:] for line in lines(manifest_of(tmp_path, TWO_ROWS), results)[1:]] == [
        ["", "1: the server answered 404"],
        ["https://out/2,,https://out/4", "2: the server answered 404"],
    ]


def test_several_errors_of_a_row_are_told_apart(tmp_path: Path) -> None:
    results = [Result(2, 1, "", "not an image"), Result(2, 3, "", "too large")]
    assert lines(manifest_of(tmp_path, TWO_ROWS), results)[2][3:] == [
        ",,",
        "1: not an image; 3: too large",
    ]


@pytest.mark.parametrize("name", ["shopify.csv", "woocommerce.csv", "google_merchant.tsv"])
def test_every_row_and_cell_of_an_export_stands_in_the_output(name: str) -> None:
    delimiter = "\t" if name.endswith("tsv") else ","
    with (EXPORTS / name).open(encoding="utf-8", newline="") as file:
        expected = [*csv.reader(file, delimiter=delimiter)]
    assert [line[:-2] for line in lines(open_manifest(EXPORTS / name, max_rows=9))] == expected


def test_lines_end_with_crlf_and_quotes_stand_only_where_needed(
    tmp_path: Path,
) -> None:
    manifest = manifest_of(tmp_path, 'Name;Image\n"a ""b"", c";https://a/1\n')
    assert written(manifest) == (
        b'Name;Image;Output Image Urls;Errors\r\n"a ""b"", c";https://a/1;;\r\n'
    )


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        ("utf-8", b"Name"),
        ("utf-8-sig", b"\xef\xbb\xbfName"),
        ("utf-16", b"\xef\xbb\xbfName"),
        ("cp1252", b"\xef\xbb\xbfName"),
    ],
)
def test_the_output_is_utf8_with_a_byte_order_mark_for_those_who_need_one(
    tmp_path: Path, encoding: str, start: bytes
) -> None:
    output = written(manifest_of(tmp_path, "Name,Image\nHüte,https://a/1\n".encode(encoding)))
    assert output.startswith(start)
    assert "Hüte" in output.decode("utf-8")


@pytest.mark.parametrize(
    "cell", ["=1+1", "+SUM(A1)", "-cmd|'/C calc'!A0", "@x", "\t=1", "\r=1", "\uff1d1", "-", "+-1"]
)
def test_a_formula_is_defused(tmp_path: Path, cell: str) -> None:
    manifest = manifest_of(tmp_path, f'Name,Image\n"{cell}",https://a/1\n')
    assert lines(manifest)[1][0] == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["-1", "+3.5", "-1,5", "-1.234,56", "+1e5", "-5%", "a=b", "'=1", " x"]
)
def test_numbers_and_other_texts_stay_as_they_are(tmp_path: Path, cell: str) -> None:
    manifest = manifest_of(tmp_path, f'Name,Image\n"{cell}",https://a/1\n')
    assert lines(manifest)[1][0] == cell


def test_a_formula_in_the_header_is_defused(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "=1+1,Name,Image\n,Hat,https://a/1\n")
    assert lines(manifest)[0][0] == "'=1+1"


def test_our_own_output_can_be_uploaded_again(tmp_path: Path) -> None:
    results = [Result(1, 1, "https://out/1", ""), Result(2, 1, "", "not an image")]
    first = written(manifest_of(tmp_path, TWO_ROWS), results)
    again = manifest_of(tmp_path, first)
    assert [row.urls for row in again][1] == ("https://a/2", "https://a/3", "https://a/4")
    assert written(again, results) == first


def test_a_column_errors_of_the_users_own_stays(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "Errors,Name,Image\nmine,Hat,https://a/1\n")
    assert lines(manifest, [Result(1, 1, "", "ours")])[1] == [
        "mine", "Hat", "https://a/1", "", "1: ours",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "results",
    [
        [Result(2, 1, "x", ""), Result(1, 1, "x", "")],
        [Result(3, 1, "x", "")],
        [Result(1, 2, "x", "")],
        [Result(1, 0, "x", "")],
    ],
    ids=["out of order", "no such row", "no such image", "position 0"],
)
def test_results_that_belong_to_no_image_are_refused(tmp_path: Path, results: list[Result]) -> None:
    with pytest.raises(ValueError, match=r"[Rr]ow"):
        written(manifest_of(tmp_path, TWO_ROWS), results)


def test_the_file_stays_open_for_its_owner(tmp_path: Path) -> None:
    with (tmp_path / "output.csv").open("wb") as file:
        write(manifest_of(tmp_path, TWO_ROWS), [], file)
        assert file.tell() > 0
