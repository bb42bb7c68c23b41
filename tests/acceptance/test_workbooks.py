"""A workbook in, workbooks out."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests

from storage import XLSX_TYPE
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import PATIENCE, System, csv_of
from tests.workbooks import cells_of, with_part, workbook

HEADER = ["SKU", "Name", "Price", "Images"]
BOMB = with_part(workbook([HEADER]), "xl/media", bytes(20_000_000))


def sheet_at(url: str) -> list[list[object]]:
    answer = requests.get(url, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, XLSX_TYPE)
    assert ".xlsx" in answer.headers["Content-Disposition"]
    return cells_of(answer.content)


def test_a_workbook_is_worked_on_and_comes_back_as_workbooks(
    system: System, origin: Origin
) -> None:
    (good, other), gone = photo_urls(origin, 2), origin.url("/gone.jpg")
    cup, mug = [5, "@Cup", 1.5, good], ["006", "Mug", None, f"{gone}, {other}"]

    status = system.completed(system.accepted(workbook([HEADER, cup, [], mug])))

    folder = f"{system.url}/processed_images/{status['request_id']}"
    assert status["progress"]["completed"] == 2
    assert sheet_at(status["import_xlsx_url"]) == [
        HEADER,
        ["5", "@Cup", "1.5", f"{folder}/1-1.jpg"],
        [None] * 4,
        ["006", "Mug", None, f"{gone}, {folder}/2-2.jpg"],
    ]
    first, second, third = sheet_at(status["output_xlsx_url"])
    assert first == [*HEADER, "Output Image Urls", "Errors"]
    assert second == ["5", "'@Cup", "1.5", good, f"{folder}/1-1.jpg", None]
    assert third[4] == f",{folder}/2-2.jpg"
    assert "404" in str(third[5])
    assert system.get(urlsplit(status["output_csv_url"]).path).text.startswith("\ufeffSKU,Name")


def test_a_workbook_as_the_whole_body_is_read_at_the_sheet_that_is_named(
    system: System, origin: Origin
) -> None:
    (url,) = photo_urls(origin, 1)
    body = workbook([["Nothing"]], [["Name", "Image"], ["Cup", url]], names=("Notes", "Products"))

    answer = requests.post(
        f"{system.url}/upload?sheet=products",
        data=body,
        headers={"Content-Type": XLSX_TYPE},
        timeout=PATIENCE,
    )

    status = system.completed(answer.json()["request_id"])
    assert (status["file_name"], status["progress"]["completed"]) == ("upload.xlsx", 1)


def test_the_sheets_of_a_workbook_are_told(system: System) -> None:
    content = workbook([["Nothing"]], [HEADER], names=("Notes", "Products"))

    found = system.upload(content, dry_run="1").json()
    refused = system.upload(content).json()

    assert found["sheets"] == refused["sheets"] == ["Notes", "Products"]
    last = refused["errors"][-1]
    assert last["code"] == "other_sheets"
    assert last["message"] == "This is the sheet “Notes”; the workbook also has “Products”."


def test_a_csv_has_no_sheet(system: System, origin: Origin) -> None:
    answer = system.upload(csv_of(("Cup", *photo_urls(origin, 1))), sheet="Products")

    assert (answer.status_code, answer.json()["code"]) == (422, "sheet_without_workbook")


def test_it_is_said_where_formulas_were_stored_without_their_values(
    system: System, origin: Origin
) -> None:
    (url,) = photo_urls(origin, 1)
    said = "Cells with formulas whose values the workbook does not carry: 2. They were read as"
    content = workbook([HEADER, ["A", "Cup", "=1+1", url], ["B", "Mug", "=C2", ""]])

    tried, sent = system.upload(content, dry_run="1"), system.upload(content)
    refused = system.upload(workbook([HEADER, ["A", "Cup", 1, f'="{url}"']]))

    assert [answer.json()["hints"][0][: len(said)] for answer in (tried, sent)] == [said] * 2
    assert (sent.status_code, refused.status_code) == (202, 422)
    codes = [error["code"] for error in refused.json()["errors"]]
    assert codes == ["no_urls", "formulas_without_values"]
    assert "hints" not in system.upload(workbook([HEADER, ["A", "Cup", 1, url]])).json()


def test_a_dry_run_says_what_is_in_a_workbook(system: System) -> None:
    answer = system.upload(workbook([HEADER, ["A", "Cup", 1, "ftp://a/1.jpg"]]), dry_run="1")

    found = answer.json()
    assert [column["name"] for column in found["columns"]] == HEADER
    assert [problem["code"] for problem in found["problems"]] == ["not_http"]


def test_a_csv_has_no_workbooks(system: System, origin: Origin) -> None:
    status = system.completed(system.accepted(csv_of(("Cup", *photo_urls(origin, 1)))))

    assert "output_xlsx_url" not in status
    answer = system.get(f"/processed_images/{status['request_id']}/output.xlsx")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")


@pytest.mark.parametrize(
    ("content", "sheet", "status", "code"),
    [
        (workbook([HEADER])[:-50], "1", 422, "broken_workbook"),
        (workbook([HEADER]), "2", 422, "unknown_sheet"),
        (BOMB, "1", 413, "workbook_too_large"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "", 415, "not_a_csv"),
    ],
)
def test_a_workbook_that_is_not_read_is_refused_and_not_kept(
    system: System, content: bytes, sheet: str, status: int, code: str
) -> None:
    before = sorted((system.folder / "uploads").glob("*"))

    answer = system.upload(content, sheet=sheet)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sorted((system.folder / "uploads").glob("*")) == before
