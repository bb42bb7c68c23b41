"""The description of the API says what the application has: no route, field or code is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openapi_schema_validator
import pytest
from flask import Flask
from openapi_spec_validator import validate

import manifest.errors
from api import form, openapi, status_response
from api.openapi import errors, inputs, postman, schemas
from api.problems import Problem
from app import create_app
from settings import Settings

ROOT = Path(__file__).parents[2]
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}  # HEAD and OPTIONS come with every route
API = openapi.document("https://images.example", "1.2.3")
OPERATIONS = [each for methods in API["paths"].values() for each in methods.values()]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    url = f"sqlite:///{tmp_path}/a.db"
    made = create_app(Settings(database_url=url, upload_dir=tmp_path, processed_dir=tmp_path))
    with closing(made.extensions["service"].database):
        yield made


def test_it_is_openapi() -> None:
    validate(API)


def test_it_has_every_route_with_its_methods_and_no_other(app: Flask) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in METHODS & (rule.methods or set())
    }

    assert routes == {(path, each.upper()) for path in API["paths"] for each in API["paths"][path]}


def test_it_is_served_and_so_is_its_page(app: Flask) -> None:
    client = app.test_client()

    served, page = client.get("/openapi.json"), client.get("/docs")

    assert served.get_json()["paths"].keys() == API["paths"].keys()
    assert page.status_code == 200
    for each in OPERATIONS:
        assert f'id="{each["operationId"]}"' in page.get_data(as_text=True)
    unchanged = client.get("/docs", headers={"If-None-Match": page.headers["ETag"]})
    assert unchanged.status_code == 304


def test_its_examples_name_the_service_as_its_links_do() -> None:
    (upload,) = API["paths"]["/upload"].values()

    assert "https://images.example/upload" in upload["x-codeSamples"][0]["source"]
    assert "127.0.0.1" not in str(API)


def test_the_page_asks_nobody_else_for_anything(app: Flask) -> None:
    page = app.test_client().get("/docs").get_data(as_text=True)

    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith(("./", "#")), address
    assert "<script" not in page
    assert "style=" not in page
    assert 'href="../static/docs.css"' in app.test_client().get("/docs/").get_data(as_text=True)


def test_an_upload_has_the_fields_of_its_form() -> None:
    assert inputs.OPTIONS.keys() == form.FIELDS.keys()
    assert inputs.FILE["description"].count("`") == 2 * (len(form.FILE_FIELDS) - 1)


def test_a_status_shows_the_options_that_are_described() -> None:
    assert set(schemas.SCHEMAS["Options"]["properties"]) == set(status_response.OPTIONS)


@pytest.mark.parametrize(
    "name", [name for name, schema in inputs.OPTIONS.items() if schema["type"] == "integer"]
)
def test_a_number_has_the_bounds_that_are_described(name: str) -> None:
    parse, schema = form.FIELDS[name], inputs.OPTIONS[name]

    for number in (schema["minimum"], schema["maximum"]):
        assert parse(str(number), name) == number
    for number in (schema["minimum"] - 1, schema["maximum"] + 1):
        with pytest.raises(Problem):
            parse(str(number), name)
    assert parse(None, name) == schema.get("default")


@pytest.mark.parametrize("name", ["format", "keep_dimensions"])
def test_a_choice_has_the_values_that_are_described(name: str) -> None:
    parse, schema = form.FIELDS[name], inputs.OPTIONS[name]

    for value in schema["enum"]:
        parse(value, name)
    with pytest.raises(Problem):
        parse("another", name)
    assert parse(None, name) == parse(schema["default"], name)


def problems_of_the_source() -> dict[str, int]:
    """The code and the status of each Problem that is written out somewhere."""
    found = {}
    for path in [ROOT / "app.py", *ROOT.glob("api/*.py"), *ROOT.glob("http_server/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name("Problem"),
                    args=[ast.Constant(int(status)), ast.Constant(str(code)), *_],
                ):
                    found[code] = status
    return found


def test_every_error_is_described_with_its_status() -> None:
    found = problems_of_the_source()

    assert len(found) > 20
    for code, status in found.items():
        assert code in errors.ERRORS, f"{code} is missing in api/openapi/errors.py"
        assert errors.ERRORS[code].status == status, code


def test_every_wrong_field_has_its_error() -> None:
    assert {f"invalid_{name}" for name in form.FIELDS} <= errors.ERRORS.keys()


def test_every_error_is_one_of_some_route() -> None:
    answered = set(re.findall(r"#/components/examples/(\w+)", str(API["paths"])))

    assert errors.ERRORS.keys() - answered == {"method_not_allowed"}


def test_every_problem_of_a_csv_is_described() -> None:
    listed = re.findall(r"``([a-z_]+)``", (manifest.errors.__doc__ or "").partition("- of")[2])

    assert sorted(listed) == sorted(schemas.CSV_CODES)


def examples() -> Iterator[tuple[dict[str, Any], Any]]:
    """Every example of JSON, with its schema."""
    hooks = [each["post"] for each in API["webhooks"].values()]
    parts = [part for each in OPERATIONS for part in each["responses"].values()]
    for part in [*parts, *(hook["requestBody"] for hook in hooks)]:
        for content in part.get("content", {}).values():
            for example in content.get("examples", {}).values():
                code = example.get("$ref", "").rpartition("/")[2]
                shown = API["components"]["examples"][code] if code else example
                yield content["schema"], shown["value"]


def test_every_example_is_as_its_schema_says() -> None:
    pairs = list(examples())

    assert len(pairs) > 100
    for schema, value in pairs:
        openapi_schema_validator.validate(
            value,
            {**schema, "components": API["components"]},
            cls=openapi_schema_validator.OAS31Validator,
        )


def test_the_collection_for_postman_has_every_operation_and_a_job_with_names_of_their_own() -> None:
    job, *folders = postman.collection(API)["item"]

    assert len([each for folder in folders for each in folder["item"]]) == len(OPERATIONS)
    steps = [each["name"] for each in job["item"]]
    assert len(set(steps)) == len(steps)  # a request is sent again by its name
