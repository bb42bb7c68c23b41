"""What a CSV means: whose export it is, how it is encoded, and what stands in its cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifest import Manifest, Row, open_manifest

EXPORTS = Path(__file__).parent / "exports"
PLAIN = (
    "S. No.,Product Name,Input Image Urls\r\n"
    '1,SKU1,"https://a.example/1.jpg,https://a.example/2.jpg"\r\n'
    '2,SKU2,"https://b.example/1.jpg"\r\n'
)
FIRST = Row(
    1,
    "1",
    "SKU1",
    ("https://a.example/1.jpg", "https://a.example/2.jpg"),
    ("1", "SKU1", "https://a.example/1.jpg,https://a.example/2.jpg"),
)


def opened(folder: Path, content: str | bytes, *url_columns: str, max_rows: int = 1000) -> Manifest:
    path = folder / "upload.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_manifest(path, url_columns=url_columns, max_rows=max_rows)


def urls(folder: Path, content: str | bytes, *url_columns: str) -> list[tuple[str, ...]]:
    return [row.urls for row in opened(folder, content, *url_columns)]


def test_the_plain_file_is_read(tmp_path: Path) -> None:
    first, second = opened(tmp_path, PLAIN)
    assert first == FIRST
    assert second[:4] == (2, "2", "SKU2", ("https://b.example/1.jpg",))


def test_reading_again_gives_the_same_rows(tmp_path: Path) -> None:
    manifest = opened(tmp_path, PLAIN)
    assert [*manifest] == [*manifest]


def test_a_shopify_export_is_read_with_its_variants_and_further_pictures() -> None:
    rows = [*open_manifest(EXPORTS / "shopify.csv", max_rows=10)]
    assert [row.product_name for row in rows] == ["Linen Shirt", "", ""]
    assert [row.serial_number for row in rows] == ["LS-W-S", "LS-W-M", "LS-S-S"]
    assert [[url.rsplit("/")[-1][:16] for url in row.urls] for row in rows] == [
        ["linen-white-fron", "linen-white.jpg?"],
        ["linen-white-back"],
        [],
    ]
    assert rows[2].cells[9] == "Sand"


def test_a_row_without_a_sku_has_the_handle_of_its_product(tmp_path: Path) -> None:
    (tmp_path / "upload.csv").write_text(
        "Handle,Title,Variant SKU,Image Src\n"
        "cup,Cup,CUP-1,https://a/1\ncup,,,https://a/2\n,, ,https://a/3\n"
    )
    rows = [*open_manifest(tmp_path / "upload.csv")]
    assert [row.serial_number for row in rows] == ["CUP-1", "cup", "3"]


def test_a_woocommerce_export_is_read_with_its_galleries() -> None:
    rows = [*open_manifest(EXPORTS / "woocommerce.csv", max_rows=10)]
    assert [row.serial_number for row in rows] == [
        "woo-vneck-tee",
        "woo-vneck-tee-red",
        "woo-beanie",
    ]
    assert rows[0].product_name == "V-Neck T-Shirt"
    assert [len(row.urls) for row in rows] == [3, 0, 1]
    assert rows[0].urls[1].endswith("/2017/12/vnech-tee-green-1.jpg")


def test_a_google_merchant_feed_is_read_main_picture_first() -> None:
    rows = [*open_manifest(EXPORTS / "google_merchant.tsv", max_rows=10)]
    assert [row.serial_number for row in rows] == ["SKU-1", "SKU-2"]
    assert rows[0].urls == tuple(f"https://img.shop.example/oak/{n}.jpg" for n in (1, 2, 3))
    assert rows[0].cells[2] == '15" legs, solid oak'


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\r\n", "\n").encode(),
        PLAIN.replace("\r\n", "\r").encode(),
        PLAIN.removesuffix("\r\n").encode(),
        PLAIN.replace("\r\n", "\r\n\r\n , ,\r\n").encode(),
        ("\n,,\n" + PLAIN).encode(),
        PLAIN.replace("Urls\r\n", "Urls,,,\r\n").replace('"\r\n', '",,,\r\n').encode(),
        PLAIN.replace('"https://b', '"\u00a0https://b').encode(),
        PLAIN.replace(",", ", ").replace(", https", ",https").encode(),
    ],
    ids=[
        "UTF-8 BOM", "UTF-16 LE", "UTF-16 BE", "LF", "CR", "no newline at the end", "blank lines",
        "blank lines before the header", "trailing commas", "no-break space", "blanks after commas",
    ],
)  # fmt: skip
def test_the_same_file_in_another_dress_gives_the_same_rows(tmp_path: Path, content: bytes) -> None:
    first, second = opened(tmp_path, content)
    assert first == FIRST
    assert second.urls == ("https://b.example/1.jpg",)


@pytest.mark.parametrize("start", ["", "sep={}\r\n", "SEP={}\n", '"sep={}"\n'])
@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_delimiters_are_told_from_the_header_or_excels_sep_line(
    tmp_path: Path, delimiter: str, start: str
) -> None:
    lines = [["Name", '"Input; Image, Urls"'], ["Söckchen", "https://a.example/1,2;3.jpg"]]
    lines[1][1] = f'"{lines[1][1]}"'
    text = start.format(delimiter) + "\n".join(delimiter.join(line) for line in lines)
    [row] = opened(tmp_path, text, "Input; Image, Urls")
    assert row.cells == ("Söckchen", "https://a.example/1,2;3.jpg")


def test_a_bar_is_a_delimiter_when_the_sep_line_says_so(tmp_path: Path) -> None:
    assert urls(tmp_path, "sep=|\nName|Image\nx|https://a.example/1.jpg\n") == [
        ("https://a.example/1.jpg",)
    ]


def test_what_is_not_utf8_is_windows_1252_as_browsers_read_it(tmp_path: Path) -> None:
    content = b"Name,Image\nCaf\xe9 \x80 5 \x81,https://a.example/1.jpg\n"
    [row] = opened(tmp_path, content)
    assert row.product_name == "Café € 5 \x81"


def test_the_encoding_is_told_by_the_whole_file_not_by_its_beginning(tmp_path: Path) -> None:
    rows = b"x,https://a.example/1.jpg\n" + (b"y" * 1000 + b",\n") * 3000 + b"\xe9,\n"
    *_, last = opened(tmp_path, b"Name,Image\n" + rows, max_rows=5000)
    assert last.product_name == "é"


@pytest.mark.parametrize(
    "names",
    [
        ("S. No.", "Product Name", "Input Image Urls"),
        ("S.No.", "product_name", "Input Image URL(s)"),
        ("S.No", "PRODUCT NAME", "Input URLs"),
        ("S. No", "Product", "InputImageUrls"),
        ("Sr. No.", "Name", "Image URL(s)"),
        ("Serial Number", "Title", "Images"),
        ("SerialNumber", "Product\u00a0Name", "Image"),
        ("ID", " name ", "Image Src"),
        ("SKU", "\ufeffName", "Variant Image"),
        ("Handle", "Na\u200bme", "image_link"),
        ("sku", "product-name", "additional_image_link"),
        ("id", "TITLE", "base_image"),
        ("serial_number", "title", "additional_images"),
        ("S No", "name", "Image 1"),
        ("s.no", "name", "Image URL 2"),
        ("URL handle", "Title", "Product image URL"),
    ],
)
def test_columns_are_known_by_any_of_their_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    [row] = opened(tmp_path, f"{','.join(names)}\nA-7,Hat,https://a.example/1.jpg\n")
    assert (row.product_name, row.urls) == ("Hat", ("https://a.example/1.jpg",))


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    [row] = opened(tmp_path, "Images,Colour,Title,S. No.\nhttps://a.example/1.jpg,red,Hat,9\n")
    assert row[1:4] == ("9", "Hat", ("https://a.example/1.jpg",))


def test_all_columns_of_urls_are_taken_in_their_order(tmp_path: Path) -> None:
    text = "Image 2,Name,Image 1,Image 1\nhttps://a/2,x,https://a/1,https://a/1b\n"
    assert urls(tmp_path, text) == [("https://a/2", "https://a/1", "https://a/1b")]


def test_columns_about_images_that_hold_no_urls_are_left_alone(tmp_path: Path) -> None:
    text = "Name,Image Src,Image Position,Image Alt Text\nx,https://a/1,1,A hat\n"
    assert urls(tmp_path, text) == [("https://a/1",)]


def test_url_columns_stand_in_for_the_known_ones(tmp_path: Path) -> None:
    text = "Name,Image,Photo,Back\nx,none,https://a/1,https://a/2\n"
    assert urls(tmp_path, text, "back", "photo") == [("https://a/1", "https://a/2")]


@pytest.mark.parametrize(
    ("header", "serial"),
    [("Handle,SKU,ID,S. No.", "4"), ("Handle,SKU,ID", "2"), ("Handle,ID", "2"), ("SKU,SKU", "1")],
)
def test_the_best_name_wins_for_the_serial_number(tmp_path: Path, header: str, serial: str) -> None:
    cells = ",".join("1234"[: header.count(",") + 1])
    [row] = opened(tmp_path, f"{header},Name,Image\n{cells},x,https://a/1\n")
    assert row.serial_number == serial


@pytest.mark.parametrize("text", ["Name,Image\n{}", "SKU,Name,Image\n ,{}", "SKU,Name,Image\n,{}"])
def test_a_missing_serial_number_is_the_rows_number(tmp_path: Path, text: str) -> None:
    [row] = opened(tmp_path, text.format("x,https://a/1\n"))
    assert row.serial_number == "1"


def test_names_stay_as_they_came(tmp_path: Path) -> None:
    [row] = opened(tmp_path, 'Name,Image\n"  =Hat\nred ",https://a/1\n')
    assert row.product_name == "  =Hat\nred "


@pytest.mark.parametrize(
    "between", [",", ", ", " , ", "\n", "\r\n", ";", "; ", "|", " | ", ",,", ",\u200b\u00a0", " "]
)
def test_a_cell_may_hold_several_urls(tmp_path: Path, between: str) -> None:
    cell = between.join(["https://a.example/1.jpg", "HTTP://b.example/2.jpg", "https://c/3"])
    assert urls(tmp_path, f'Name,Image\nx,"{cell}"\n') == [
        ("https://a.example/1.jpg", "HTTP://b.example/2.jpg", "https://c/3")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/w_300,h_200;q|80/1.jpg",
        "https://cdn.example/fetch/https://a.example/1.jpg",
        "https://münchen.example/bücher/größe.jpg",
        "https://xn--mnchen-3ya.example/1.jpg?a=1&b=%20#top",
        "http://[2001:db8::1]:8080/1.jpg",
        "http://192.0.2.1:/1.jpg",
        "https://cdn_1.example./1.jpg",
        "https://a",
    ],
)
def test_an_unusual_url_stays_whole(tmp_path: Path, url: str) -> None:
    assert urls(tmp_path, f'Name,Image\nx," {url} , https://z/1"\n') == [(url, "https://z/1")]


def test_separators_and_invisible_characters_around_urls_are_dropped(tmp_path: Path) -> None:
    assert urls(tmp_path, 'Name,Image\nx,"\ufeff, https://a/1.jpg,\u200b "\n') == [
        ("https://a/1.jpg",)
    ]


@pytest.mark.parametrize("width", ["", ",,"])
def test_urls_that_were_not_quoted_are_understood(tmp_path: Path, width: str) -> None:
    text = f"No,Name,Images{width}\n1,SKU1,https://a/1.jpg, https://a/2.jpg,https://a/3.jpg,\n"
    [row] = opened(tmp_path, text)
    assert row.urls == ("https://a/1.jpg", "https://a/2.jpg", "https://a/3.jpg")
    assert row.cells == ("1", "SKU1", "https://a/1.jpg, https://a/2.jpg,https://a/3.jpg")


def test_a_short_row_is_filled_up(tmp_path: Path) -> None:
    [row, _] = opened(tmp_path, "Name,Colour,Image\nx\ny,,https://a/1\n")
    assert row.cells == ("x", "", "")


def test_an_inch_sign_in_an_unquoted_cell_is_no_quote(tmp_path: Path) -> None:
    [row] = opened(tmp_path, 'Name,Image\n15" Monitor,https://a/1\n')
    assert row.product_name == '15" Monitor'


def test_a_very_long_description_is_no_obstacle(tmp_path: Path) -> None:
    [row] = opened(tmp_path, f'Name,Body,Image\nx,"{"long, " * 100_000}",https://a/1\n')
    assert len(row.cells[1]) == 600_000
