"""Bad input: a clear answer as RFC 9457 problem+json, and nothing stored."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

import pytest
import requests

from tests.system import System, csv_of

NOBODYS = uuid.UUID(int=7)
GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg"))


def problem(answer: requests.Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"].endswith(body["code"])
    return body


def archive_of(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "<content/>")
    return file.getvalue()


@pytest.mark.parametrize("name", ["content.xml", "readme.txt"])
def test_an_archive_that_is_no_workbook_is_refused_with_the_advice_to_save_it_as_csv(
    system: System, name: str
) -> None:
    answer = system.upload(archive_of(name))

    assert answer.status_code == 415
    assert "CSV" in problem(answer)["detail"]


def test_wrong_columns_are_refused_with_those_found_and_those_known(system: System) -> None:
    answer = system.upload("Colour,Weight\nblue,3\n")

    assert answer.status_code == 422
    told = str(problem(answer)["errors"])
    assert all(name in told for name in ("Colour", "Weight", "Input Image Urls", "Image Src"))


def test_every_bad_url_is_named_with_its_row_and_column(system: System) -> None:
    answer = system.upload(csv_of(("Cup", "ftp://a.example/1.jpg"), ("Pot", "http:///2.jpg")))

    assert answer.status_code == 422
    errors = problem(answer)["errors"]
    assert [(e["row"], e["column"]) for e in errors] == [
        (1, "Input Image Urls"),
        (2, "Input Image Urls"),
    ]


@pytest.mark.parametrize(
    "nonsense", [b"", b"\x00" * 500, b"\xff\xd8\xff\xe0 a photo", b"{}", b"\n\n"]
)
def test_what_is_no_csv_is_refused(system: System, nonsense: bytes) -> None:
    answer = system.upload(nonsense)

    assert answer.status_code in (415, 422)
    assert problem(answer)["detail"]


def test_of_a_refused_file_nothing_is_kept(system: System) -> None:
    before = sorted((system.folder / "uploads").glob("*"))

    assert system.upload(csv_of(("Cup", "ftp://a.example/1.jpg"))).status_code == 422

    assert sorted((system.folder / "uploads").glob("*")) == before


def test_a_form_without_a_file_is_refused(system: System) -> None:
    answer = requests.post(f"{system.url}/upload", files={"other": ("a.csv", GOOD)}, timeout=10)

    assert (answer.status_code, problem(answer)["code"]) == (400, "missing_file")


def test_a_body_of_another_type_is_refused_with_how_to_send_it(system: System) -> None:
    answer = requests.post(f"{system.url}/upload", json={"csv": GOOD}, timeout=10)

    assert answer.status_code == 415
    assert "multipart" in problem(answer)["detail"]


def test_a_body_over_the_limit_is_refused(system: System) -> None:
    answer = system.upload(GOOD + "\n" * 1024 * 1024)

    assert answer.status_code == 413
    assert "1048576 bytes" in problem(answer)["detail"]


def test_a_body_over_the_limit_is_refused_without_a_declared_length(system: System) -> None:
    pieces = (b"\n" * 65536 for _ in range(32))

    answer = requests.post(
        f"{system.url}/upload", data=pieces, headers={"Content-Type": "text/csv"}, timeout=10
    )

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("webhook_url", "file:///etc/passwd"),
        ("webhook_url", "http://user:secret@a.example/"),
        ("reduce_by", "0"),
        ("reduce_by", "half"),
        ("format", "gif"),
        ("max_width", "-1"),
        ("max_height", "9" * 5000),
        ("max_bytes", "0"),
        ("keep_dimensions", "perhaps"),
        ("reduce_by", "000000000050999"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(system: System, field: str, value: str) -> None:
    answer = system.upload(GOOD, **{field: value})

    assert answer.status_code == 422
    assert problem(answer)["field"] == field


def test_an_id_that_is_no_uuid_is_refused(system: System) -> None:
    answer = system.get("/status/12")

    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_request_id")


def test_an_id_that_nobody_has_is_not_found(system: System) -> None:
    answer = system.get(f"/status/{uuid.uuid4()}")

    assert (answer.status_code, problem(answer)["code"]) == (404, "request_not_found")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=many",
        "limit=1001",
        "limit=00010000000000",
        f"limit={'1' * 3000}",
        "after=x",
        "after=1",
    ],
)
def test_a_wrong_page_is_refused(system: System, query: str) -> None:
    answer = system.get(f"/status/{uuid.uuid4()}?{query}")

    assert answer.status_code == 400
    problem(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/processed_images/x/1-1.jpg",
        f"/processed_images/{NOBODYS}/..%2f..%2fapp.py",
    ],
)
def test_an_unknown_path_is_a_problem_too(system: System, path: str) -> None:
    answer = system.get(path)

    assert answer.status_code in (400, 404)
    problem(answer)


def test_a_wrong_method_is_a_problem_too(system: System) -> None:
    answer = system.get("/upload")

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    problem(answer)


def test_all_wrong_fields_are_named_at_once_with_what_was_meant(system: System) -> None:
    fields = {"reduce_to": "50", "maxWidth": "0", "format": "bmp", "colour": "red"}

    answer = system.upload(csv_of(("Cup", "http://a.example/1.jpg")), **fields)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_fields")
    found = {each["field"]: each["code"] for each in problem["errors"]}
    assert found == {
        "colour": "unknown_field",
        "format": "invalid_format",
        "max_width": "invalid_max_width",
        "reduce_to": "unknown_field",
    }
    assert "There is no field reduce_to; did you mean reduce_by?" in problem["detail"]


def test_an_unknown_field_alone_is_named(system: System) -> None:
    answer = system.upload(csv_of(("Cup", "http://a.example/1.jpg")), webhook="http://a.example/")

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
    assert "did you mean webhook_url?" in answer.json()["detail"]
