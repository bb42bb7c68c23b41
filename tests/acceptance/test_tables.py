"""What a user can say of a table that isn't read by itself, and send in place of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import System, csv_of

EXPORTS = Path(__file__).parents[1] / "unit" / "exports"


def sent_json(system: System, body: Any, **options: Any) -> requests.Response:
    return requests.post(f"{system.url}/upload", json=body, timeout=10, **options)


def kept(system: System) -> list[str]:
    return sorted(each.name for each in (system.folder / "uploads").glob("*"))


def test_a_dry_run_says_what_every_column_was_taken_for_and_stores_nothing(system: System) -> None:
    before = kept(system), system.get("/requests").json()

    answer = system.upload((EXPORTS / "amazon.tsv").read_bytes(), dry_run="1")

    found = answer.json()
    assert answer.status_code == 200
    assert found["dialect"] == {"delimiter": "\t", "encoding": "utf-8", "header_row": 3}
    assert (found["rows"], found["images"], found["problems"]) == (1, 3, [])
    assert found["columns"][1] == {
        "name": "item_name",
        "index": 1,
        "role": "product_name",
        "because": "its name is known",
    }
    assert [column["role"] for column in found["columns"]][2:] == ["image_url"] * 4
    assert found["first_rows"][0]["urls"][0] == "https://img.shop.example/shirt.MAIN.jpg"
    assert (kept(system), system.get("/requests").json()) == before


def test_a_dry_run_lists_every_problem_with_what_would_help(system: System) -> None:
    text = csv_of(("Cup", "cup.jpg"), ("Pot", "ftp://a.example/1.jpg"), ("Mug", "https://a/1"))

    answer = requests.post(
        f"{system.url}/upload?dry_run=true",
        data=text.encode(),
        headers={"Content-Type": "text/csv"},
        timeout=10,
    )

    found = answer.json()
    assert (answer.status_code, found["rows"], found["images"]) == (200, 3, 1)
    assert [(each["row"], each["hint"].partition("=")[0]) for each in found["problems"]] == [
        (1, "base_url"),
        (2, "on_error"),
    ]


def test_a_dry_run_of_a_table_without_images_names_its_columns(system: System) -> None:
    found = system.upload("Farbe;Gewicht\nblau;3\nrot;4\n", dry_run="1").json()

    assert [(each["name"], each["role"]) for each in found["columns"]] == [
        ("Farbe", None),
        ("Gewicht", None),
    ]
    assert [each["cells"] for each in found["first_rows"]] == [["blau", "3"], ["rot", "4"]]
    (problem,) = found["problems"]
    assert problem["message"].startswith("No column of the file is known to hold image")
    assert problem["hint"].startswith("url_column=")


def test_a_dry_run_shows_the_lines_of_a_cell_in_one(system: System) -> None:
    text = 'Name,Text,Image\nCup,"two\nlines\tand a tab\x07",https://a/1\n'

    (row,) = system.upload(text, dry_run="1").json()["first_rows"]

    assert row["cells"][1] == "two lines and a tab\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("content", "options", "status"),
    [
        (b"%PDF-1.7", {}, 415),
        (b"\n", {}, 422),
        (b"Name,Image\nCup,https://a/1\n", {"url_column": "Foto"}, 422),
        (b"Name,Image\nCup,https://a/1\n", {"name_column": "Artikel"}, 422),
        (b"Name,Image\nCup,https://a/1\n", {"serial_column": "EAN"}, 422),
        (b"Name,Image\nCup,https://a/1\n", {"on_error": "ignore"}, 422),
    ],
)
def test_a_dry_run_of_no_table_or_with_wrong_options_is_refused(
    system: System, content: bytes, options: dict[str, str], status: int
) -> None:
    assert system.upload(content, dry_run="1", **options).status_code == status


def test_columns_are_taken_as_they_are_named(system: System, origin: Origin) -> None:
    front, back = photo_urls(origin, 2)
    text = f'"Foto, vorn",Artikel,Foto\n{front},Tasse,{back}\n'.encode()

    answer = requests.post(
        f"{system.url}/upload",
        files={"file": ("t.csv", text)},
        data={"urlColumn": ["Foto, vorn", "foto"], "nameColumn": "artikel"},
        timeout=10,
    )

    status = system.completed(answer.json()["request_id"])
    assert [image["input_url"] for image in status["images"]] == [front, back]
    assert [image["product_name"] for image in status["images"]] == ["Tasse"] * 2
    (row,) = system.output_rows(answer.json()["request_id"])
    assert row["Foto, vorn"] == front
    assert row["Output Image Urls"].count("/processed_images/") == 2


def test_file_names_are_fetched_from_the_base_url(system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    base, _, name = url.rpartition("/")

    request_id = system.accepted(csv_of(("Cup", name)), base_url=base)

    (image,) = system.completed(request_id)["images"]
    assert (image["input_url"], image["status"]) == (url, "Completed")
    (row,) = system.output_rows(request_id)
    assert row["Input Image Urls"] == name
    assert row["Output Image Urls"].endswith("/1-1.jpg")


@pytest.mark.parametrize("url", ["ftp://a.example/", "https://u:p@a.example/", "https://a/?x="])
def test_a_base_url_is_checked_as_any_url(system: System, url: str) -> None:
    answer = system.upload(csv_of(("Cup", "cup.jpg")), base_url=url)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_base_url")


def test_rows_with_a_problem_are_left_out_and_stand_in_the_output_with_their_reason(
    system: System, origin: Origin
) -> None:
    (url,) = photo_urls(origin, 1)
    text = csv_of(("Cup", "cup.jpg"), ("Pot", url), ("Mug", "http:///1.jpg"))

    answer = system.upload(text, on_error="skip")

    body = answer.json()
    assert (answer.status_code, body["rows"], body["images"], body["skipped"]) == (202, 1, 1, 2)
    assert [problem["row"] for problem in body["problems"]] == [1, 3]
    system.completed(body["request_id"])
    cup, pot, mug = system.output_rows(body["request_id"])
    assert (cup["Output Image Urls"], cup["Input Image Urls"]) == ("", "cup.jpg")
    assert "not a full URL" in cup["Errors"]
    assert (pot["Errors"], pot["Output Image Urls"][-8:]) == ("", "/2-1.jpg")
    assert "has no host" in mug["Errors"]


def test_an_upload_sent_again_says_again_what_was_left_out(system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    files = {"file": ("a.csv", csv_of(("Cup", "cup.jpg"), ("Pot", url)))}

    first, second = (
        requests.post(
            f"{system.url}/upload",
            files=files,
            data={"on_error": "skip"},
            headers={"Idempotency-Key": "left-out"},
            timeout=10,
        ).json()
        for _ in range(2)
    )

    assert first == second
    assert first["skipped"] == 1


def test_images_can_be_sent_as_json(system: System, origin: Origin) -> None:
    first, second = photo_urls(origin, 2)

    answer = sent_json(system, {"images": [first, second], "reduce_by": 60, "format": "webp"})

    status = system.completed(answer.json()["request_id"])
    assert (status["options"]["reduce_by"], status["options"]["format"]) == (60, "webp")
    assert [(i["row"], i["input_url"]) for i in status["images"]] == [(1, first), (2, second)]
    assert [i["product_name"] for i in status["images"]] == [
        url.rpartition("/")[2].partition("?")[0] for url in (first, second)
    ]


def test_products_can_be_sent_as_json(system: System, origin: Origin) -> None:
    first, second = photo_urls(origin, 2)
    products = [
        {"sku": "A-7", "name": 'Hat, "red"', "urls": [first, second]},
        {"sku": 8, "urls": []},
    ]

    request_id = sent_json(system, products).json()["request_id"]

    status = system.completed(request_id)
    assert [(i["row"], i["position"], i["serial_number"]) for i in status["images"]] == [
        (1, 1, "A-7"),
        (1, 2, "A-7"),
    ]
    assert [row["Product Name"] for row in system.output_rows(request_id)] == ['Hat, "red"', ""]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (7, ""),
        ({}, ""),
        ({"images": [], "products": []}, ""),
        ({"images": []}, "/images"),
        ({"products": []}, "/products"),
        ([], ""),
        ({"images": "https://a/1"}, "/images"),
        ({"images": ["https://a/1", 2]}, "/images/1"),
        ({"images": ["https://a/1, https://a/2"]}, "/images/0"),
        (["https://a/1", {"urls": []}], "/1"),
        ({"products": [["https://a/1"]]}, "/products/0"),
        ({"products": [{"urls": ["https://a/1"], "price/€": 9}]}, "/products/0/price~1€"),
        ({"products": [{"sku": "A"}]}, "/products/0"),
        ([{"urls": ["https://a/1", None]}], "/0/urls/1"),
        ([{"urls": ["https://a/1"], "name": True}], "/0/name"),
        ([{"urls": ["https://a/1"], "name": "\ud800"}], "/0/name"),
        ({"images": ["https://a/1"], "format": {"name": "webp"}}, "/format"),
    ],
)
def test_json_of_another_shape_is_refused_with_its_place(
    system: System, body: Any, pointer: str
) -> None:
    answer = sent_json(system, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_json")
    assert answer.json()["pointer"] == pointer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"images": ["https://a/1"], "images": []}', 400),
        (b'["https://a/1", NaN]', 400),
        (b"\xff", 400),
        (b"9" * 5000, 400),
        (b"[" * 100_000, 422),
        (b'{"images": ["https://a/1"], "colour": "red"}', 422),
        (b'["ftp://a/1"]', 422),
    ],
)
def test_what_is_no_json_or_no_table_is_a_problem(system: System, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}

    answer = requests.post(f"{system.url}/upload", data=body, headers=headers, timeout=10)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_problem_of_a_table_in_json_says_in_which_of_its_rows(system: System) -> None:
    answer = sent_json(system, ["https://a.example/1", "ftp://a.example/2"])

    (error,) = answer.json()["errors"]
    assert (error["row"], error["code"]) == (2, "not_http")


def test_json_can_be_tried_before_it_is_sent(system: System) -> None:
    answer = sent_json(system, ["https://a.example/1"], params={"dryRun": "1"})

    assert (answer.status_code, answer.json()["images"]) == (200, 1)
