"""The exports of shops, as they come: their rows, and the images in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifest import InvalidCsv, ReadingOptions, open_manifest

EXPORTS = Path(__file__).parent / "exports"
IMAGES = "https://img.shop.example/"


def images(name: str, options: ReadingOptions | None = None) -> list[list[str]]:
    return [
        [url.removeprefix(IMAGES) for url in row.urls]
        for row in open_manifest(EXPORTS / name, options)
    ]


@pytest.mark.parametrize(
    ("name", "products", "urls"),
    [
        ("shopify_new.csv", [("LS-W", "Linen Shirt"), ("linen-shirt", "")], [
            ["shirt-1.jpg?v=17", "shirt-white.jpg?v=17"], ["shirt-2.jpg?v=17"]]),
        ("magento.csv", [("24-MB01", "Joust Duffle Bag"), ("24-MB04", "Strive Pack")], [
            ["mb01-blue-0.jpg", "mb01-blue-1.jpg", "mb01-blue-2.jpg"], []]),
        ("prestashop.csv", [("demo_1", "Hummingbird T-shirt")], [["demo_1-1.jpg", "demo_1-2.jpg"]]),
        ("bigcommerce_v2.csv", [("SLCTBS", "Fog Linen Chambray Towel")], [
            ["foglinen-1.jpg", "foglinen-2.jpg", "foglinen-3.jpg"]]),
        ("bigcommerce_v3.csv", [("SLCTBS", "Fog Linen Towel"), ("2", ""), ("SLCTBS-B", "")], [
            [], ["foglinen-1.jpg"], ["foglinen-blue.jpg"]]),
        ("squarespace.csv", [("SQ1", "Mug"), ("SQ2", "Jug")], [
            ["mug-1.jpg", "mug-2.jpg"], ["jug-1.jpg", "jug-2.jpg"]]),
        ("wix.csv", [("SKU1", "Silver Ring"), ("SKU2", "Gold Ring")], [
            ["ring-1.jpg", "ring-2.jpg"], []]),
        ("wix_v3.csv", [("SKU1", "Silver Ring"), ("silver-ring", "")], [[], ["ring-1.jpg"]]),
        ("etsy_italian.csv", [("30", "Vaso in gres"), ("2", "Ciotola")], [
            ["vaso-1.jpg", "vaso-2.jpg"], ["ciotola-1.jpg"]]),
        ("ebay.csv", [("CAM-1", "Old Camera")], [["camera-1.jpg", "camera-2.jpg"]]),
        ("amazon.tsv", [("SH-1", "Cotton Shirt, blue")], [
            ["shirt.MAIN.jpg", "shirt.PT01.jpg", "shirt.SWCH.jpg"]]),
        ("meta.csv", [("FB-1", "Blue Facebook T-Shirt")], [
            ["t-shirt-1.jpg", "t-shirt-2.jpg", "t-shirt-3.jpg"]]),
        ("pinterest.tsv", [("P-1", "Vase")], [["vase-1.jpg", "vase-2.jpg", "vase-3.jpg"]]),
        ("shopware.csv", [("SW-1", "Marble Vinyl")], [
            ["marble-1.jpg", "marble-1.jpg", "marble-2.jpg", "maker.png"]]),
        ("medusa.csv", [("SHIRT-S", "Medusa Shirt"), ("MUG", "Medusa Mug")], [
            ["shirt-1.png", "shirt-1.png"], []]),
        ("medusa_v1.csv", [("MUG-1", "Mug")], [["mug-1.png", "mug-2.png"]]),
        ("bagisto.csv", [("BG-1", "Cozy Beanie")], [["beanie-1.webp", "beanie-2.webp"]]),
        ("spree.csv", [("DS-1", "Denim Shirt")], [["denim-1.jpg", "denim-3.jpg"]]),
        ("saleor.csv", [("AJ-1", "Apple Juice")], [["apple-1.png", "apple-2.png", "apple-3.png"]]),
        ("ecwid.csv", [("00001", "Apple")], [["apple-1.jpg", "apple-2.jpg"]]),
    ],
)  # fmt: skip
def test_an_export_is_read_as_it_comes(
    name: str, products: list[tuple[str, str]], urls: list[list[str]]
) -> None:
    rows = [*open_manifest(EXPORTS / name)]
    assert [(row.serial_number, row.product_name) for row in rows] == products
    assert images(name) == urls


def test_the_rows_before_the_header_are_given_back_as_they_came() -> None:
    ebay, amazon = open_manifest(EXPORTS / "ebay.csv"), open_manifest(EXPORTS / "amazon.tsv")
    assert [record[0][:12] for record in ebay.preamble] == ["#INFO", "#INFO Action"]
    assert [len(record) for record in ebay.preamble] == [6, 6]
    assert [record[0] for record in amazon.preamble] == ["TemplateType=fptcustom", "Seller SKU"]
    assert amazon.columns[2] == "main_image_url"
    assert open_manifest(EXPORTS / "shopify.csv").preamble == ()


def test_paths_of_a_shop_are_images_where_their_base_url_is_given() -> None:
    media = ReadingOptions(base_url=f"{IMAGES}media/")
    assert images("magento.csv", media)[1] == [
        "media/m/b/mb04-black-0.jpg",
        "media/m/b/mb04-black-0.jpg",
        "media/m/b/mb04-black-0.jpg",
        "media/m/b/mb04-black-1.jpg",
    ]
    assert [url[:14] for url in images("wix.csv", media)[1]] == ["media/2f1e6b_0", "media/2f1e6b_1"]


def test_a_comma_that_woocommerce_escapes_belongs_to_its_url(tmp_path: Path) -> None:
    cell = r"https://a.example/w_300\,h_200/1.jpg, https://a.example/2\,https://b.example/3.jpg"
    (tmp_path / "upload.csv").write_text(f'ID,Name,Images\n1,Hat,"{cell}"\n')
    [row] = open_manifest(tmp_path / "upload.csv")
    assert row.urls == (
        "https://a.example/w_300,h_200/1.jpg",
        "https://a.example/2,https://b.example/3.jpg",
    )
    assert row.cells[2] == cell


def read(folder: Path, text: str, options: ReadingOptions | None = None) -> list[tuple[str, ...]]:
    (folder / "upload.csv").write_text(text)
    return [row.urls for row in open_manifest(folder / "upload.csv", options)]


@pytest.mark.parametrize("name", ["Bild", "写真", "Foto url", "bildlink"])
def test_a_column_of_pictures_is_found_in_any_language(tmp_path: Path, name: str) -> None:
    text = f"Bezeichnung,Webseite,{name}\nHut,https://s.example/hut,https://s.example/hut.JPG?v=1\n"
    assert read(tmp_path, text) == [("https://s.example/hut.JPG?v=1",)]


def test_pictures_need_no_extension_where_nothing_else_can_be_one(tmp_path: Path) -> None:
    text = (
        "Titel,Link,Product URL,Download 1 URL,Video,Anleitung,Foto\n"
        "Hut,https://s.example/1,https://s.example/2,https://s.example/3,https://s.example/4.mp4,"
        "https://s.example/5.pdf,https://via.example/300x300/?text=Hut\n"
    )
    assert read(tmp_path, text) == [("https://via.example/300x300/?text=Hut",)]


@pytest.mark.parametrize("name", ["link", "Product URL", "Download 1 URL", "video_url"])
def test_what_is_named_as_a_link_is_no_image(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidCsv) as raised:
        read(tmp_path, f"Name,{name}\nHat,https://s.example/hat.jpg\n")
    assert [problem.code for problem in raised.value.problems] == ["missing_column"]


def test_numbered_columns_are_taken_all_where_some_are_filled_later(tmp_path: Path) -> None:
    text = "Titel,Bild 1,Bild 2\n" + "Hut,https://a/1.jpg,\n" * 400 + "Hut,,https://a/2.jpg\n"
    assert read(tmp_path, text)[-1] == ("https://a/2.jpg",)


def test_a_file_without_a_header_is_no_table_of_images(tmp_path: Path) -> None:
    with pytest.raises(InvalidCsv, match="No column of the file"):
        read(tmp_path, "1,Hat,https://a.example/1.jpg\n2,Cap,https://a.example/2.jpg\n")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SKU,Image\nA-7,https://a/hat.jpg\n", "A-7"),
        ("SKU,Image\n,https://a/hats/red%20hat.jpg?w=3#top\n", "red%20hat.jpg"),
        ("Image\nhttps://a/hat.jpg\n", "hat.jpg"),
        ("Image\nhttps://a/hats/\n", "hats"),
    ],
)
def test_something_stands_in_for_a_name_that_is_not_there(
    tmp_path: Path, text: str, name: str
) -> None:
    (tmp_path / "upload.csv").write_text(text)
    assert [row.product_name for row in open_manifest(tmp_path / "upload.csv")] == [name]


@pytest.mark.parametrize(
    ("cell", "urls"),
    [
        ("hat.jpg", ["https://a.example/i/hat.jpg"]),
        ("/m/b/hat.jpg", ["https://a.example/i/m/b/hat.jpg"]),
        ("a.jpg, b.jpg;c.png|d.gif", [f"https://a.example/i/{n}" for n in
                                      ("a.jpg", "b.jpg", "c.png", "d.gif")]),
        ("my hat, red.jpg", ["https://a.example/i/my%20hat,%20red.jpg"]),
        ("hat.jpg, https://b.example/2.jpg", ["https://a.example/i/hat.jpg",
                                              "https://b.example/2.jpg"]),
        ("//cdn.example/hat.jpg", ["https://cdn.example/hat.jpg"]),
        ("", []),
    ],
)  # fmt: skip
def test_file_names_are_joined_to_the_base_url(tmp_path: Path, cell: str, urls: list[str]) -> None:
    options = ReadingOptions(base_url="https://a.example/i")
    text = f'Name,Image\nHat,"{cell}"\nCap,https://z.example/1\n'
    assert read(tmp_path, text, options)[0] == tuple(urls)


def test_columns_can_be_named_whatever_they_are_called(tmp_path: Path) -> None:
    text = '"Foto, vorn",Artikel,Foto,hinten\nhttps://a/1,Hut,https://a/2,https://a/3\n'
    options = ReadingOptions(name_column="artikel", url_columns=("Foto, vorn", "Foto,hinten"))
    (tmp_path / "upload.csv").write_text(text)
    [row] = open_manifest(tmp_path / "upload.csv", options)
    assert (row.product_name, row.urls) == ("Hut", ("https://a/1", "https://a/2", "https://a/3"))


def test_the_serial_number_is_in_the_column_that_is_named_for_it(tmp_path: Path) -> None:
    text = "SKU,EAN,Image\nA,4006381333931,https://a/1\nB,,https://a/2\n"
    (tmp_path / "upload.csv").write_text(text)
    rows = [*open_manifest(tmp_path / "upload.csv", ReadingOptions(serial_column="ean"))]
    assert [row.serial_number for row in rows] == ["4006381333931", "B"]


def test_rows_with_a_problem_can_be_left_out(tmp_path: Path) -> None:
    text = 'Name,Image\nHat,hat.jpg\nCap,https://a/2\n"15" TV",x\nPot,https://a/4,red,blue\n'
    (tmp_path / "upload.csv").write_text(text)
    rows = [*open_manifest(tmp_path / "upload.csv", ReadingOptions(skips_problems=True))]
    assert [row.urls for row in rows] == [(), ("https://a/2",), (), ()]
    assert [[problem.code for problem in row.problems] for row in rows] == [
        ["not_http"],
        [],
        ["unbalanced_quotes"],
        ["too_many_cells"],
    ]
    assert [row.cells for row in rows[2:]] == [("", ""), ("Pot", "https://a/4,red,blue")]


@pytest.mark.parametrize(
    "text",
    ['Cap,https://a/2\nHat,"hat.jpg\n' + "x\n" * 600_000, "Hat,hat.jpg\n", 'Hat,"hat\n'],
    ids=["a part that is not read", "no row without a problem", "a quote that is not closed"],
)
def test_a_file_of_which_no_job_can_be_made_is_refused_all_the_same(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(InvalidCsv):
        read(tmp_path, f"Name,Image\n{text}", ReadingOptions(skips_problems=True))


def test_a_request_of_an_earlier_version_has_the_columns_that_were_known_then() -> None:
    earlier = ReadingOptions.stored(None, None)
    assert images("magento.csv", earlier)[0] == [
        "mb01-blue-0.jpg", "mb01-blue-1.jpg", "mb01-blue-2.jpg",
    ]  # fmt: skip
    with pytest.raises(InvalidCsv):
        images("etsy_italian.csv", earlier)


def test_reading_options_are_the_same_when_they_come_back_from_the_database() -> None:
    options = ReadingOptions("Título", ("Foto, vorn", "Bild"), "https://a.example/", True)
    assert ReadingOptions.stored(options.as_json(), None) == options
    assert ReadingOptions.stored(ReadingOptions().as_json(), None) == ReadingOptions()
