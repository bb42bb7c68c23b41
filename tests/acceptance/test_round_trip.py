"""A shop's export goes in, and comes back as the table that the shop imports: the same file, with
new URLs and nothing else changed.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import photo
from tests.origin import Origin, content
from tests.shop_exports import EVERY, SEMICOLON, WHOLE, Export, urls_in
from tests.system import ROOT, System
from tests.workbooks import cells_of, workbook

PICTURES = "/exports"
DOCUMENT = ROOT / "docs" / "tables.md"


@pytest.fixture(scope="module")
def base_url(origin: Origin) -> str:
    """Where the pictures of all exports are, each another one."""
    texts = [each.served_at(origin.url(PICTURES)).decode(each.encoding) for each in EVERY]
    found = {url for each, text in zip(EVERY, texts, strict=True) for url in each.urls(text)}
    for number, url in enumerate(sorted(found)):
        origin.on(path_of(origin, url), content(photo(number)))
    return origin.url(PICTURES)


def path_of(origin: Origin, url: str) -> str:
    return url.removeprefix(origin.url("")).partition("?")[0]


def with_old_urls(text: str, images: list[dict[str, Any]]) -> str:
    """A table with the old URL, as it was written, in place of each new one."""
    for image in images:
        old = image["input_url"]
        written = old if "," not in old else old.replace(",", "\\,")
        text = text.replace(image["output_url"], written)
    return text


@pytest.mark.parametrize("export", EVERY, ids=lambda export: export.shop)
def test_an_export_comes_back_with_new_urls_and_nothing_else_changed(
    system: System, base_url: str, export: Export
) -> None:
    sent = export.served_at(base_url)

    answer = system.upload(sent, names="sku").json()
    images = system.completed(answer["request_id"])["images"]
    made = system.get(f"/processed_images/{answer['request_id']}/import.csv").content

    assert (answer["rows"], answer["images"]) == (export.rows, export.pictures)
    assert [image["status"] for image in images] == ["Completed"] * export.pictures
    new = [image["output_url"] for image in images]
    old = [image["input_url"] for image in images]
    text = made.decode()
    assert with_old_urls(text, images).encode() == sent.decode(export.encoding).encode()
    assert export.urls(sent.decode(export.encoding)) == old
    assert export.urls(text) == new
    again = system.upload(made, dry_run="1").json()
    assert [url for row in again["first_rows"] for url in row["urls"]] == new
    assert again["problems"] == []


@pytest.mark.parametrize(
    ("header", "row", "images", "options"),
    [
        (["Handle", "Title", "Image Src"], ["hat", "@Hat", "{0}/a.jpg;{0}/b.jpg"],
         {"Image Src": SEMICOLON}, {}),
        (["product_id", "name(en-gb)", "image_name"], [42, "Hat", "catalog/demo/hat.jpg"],
         {"image_name": WHOLE}, {"base_url": "{0}", "url_column": "image_name"}),
    ],
    ids=["Matrixify", "OpenCart"],
)  # fmt: skip
def test_a_workbook_comes_back_with_new_urls_and_nothing_else_changed(
    system: System,
    origin: Origin,
    header: list[str],
    row: list[Any],
    images: dict[str, str],
    options: dict[str, str],
) -> None:
    base = origin.url("/workbooks")
    for number, name in enumerate(("a.jpg", "b.jpg", "catalog/demo/hat.jpg")):
        origin.on(f"/workbooks/{name}", content(photo(number)))
    row = [str(cell).format(base) for cell in row]
    asked = {name: text.format(base) for name, text in options.items()}

    request_id = system.accepted(workbook([header, row]), names="sku", **asked)
    status = system.completed(request_id)
    made = system.get(f"/processed_images/{request_id}/import.xlsx").content

    assert status["progress"]["failed"] == 0
    first, second = cells_of(made)
    assert (first, second[:2]) == (header, row[:2])
    assert urls_in(header, [second], images) == [each["output_url"] for each in status["images"]]
    assert re.sub("https?://[^;]*", "", second[2]) == (";" if ";" in row[2] else "")


def test_the_document_says_of_every_export_what_was_seen() -> None:
    document = DOCUMENT.read_text()

    for each in EVERY:
        assert f"| {each.shop} | {each.rows} | {each.pictures} |" in document
