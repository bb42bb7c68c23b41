"""What the running service answers and sends is as GET /openapi.json says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import openapi_schema_validator
import pytest

from tests import starter
from tests.conftest import photo
from tests.origin import Origin, content
from tests.system import ROOT, System, csv_of, eventually


def check(system: System, schema: str, value: Any) -> None:
    """Raises where a value is not as described, or has a member that is not described."""
    components = system.get("/openapi.json").json()["components"]
    for each in components["schemas"].values():
        each.setdefault("additionalProperties", False)
    described = {"$ref": f"#/components/schemas/{schema}", "components": components}
    openapi_schema_validator.validate(
        value,
        described,
        cls=openapi_schema_validator.OAS31Validator,
        format_checker=openapi_schema_validator.oas31_format_checker,
    )


def test_a_job_from_its_upload_to_its_webhook_is_as_described(
    system: System, origin: Origin
) -> None:
    image = origin.on("/described.jpg", content(photo(77)))
    receiver = origin.on("/described", content(status=204))
    csv = csv_of(("Cup", image, origin.url("/not-there.jpg")))

    accepted = system.upload(csv, webhook_url=receiver, format="webp")
    request_id = accepted.json()["request_id"]
    system.completed(request_id)
    eventually(lambda: system.status(request_id)["webhook"]["status"] == "Delivered")

    check(system, "Accepted", accepted.json())
    status = system.get(f"/status/{request_id}").json()
    assert {each["status"] for each in status["images"]} == {"Completed", "Failed"}
    check(system, "Status", status)
    check(system, "Requests", system.get("/requests?limit=1").json())
    (sent,) = [each for each in origin.received if each.path == "/described"]
    check(system, "RequestCompleted", json.loads(sent.body))


def test_a_csv_that_is_refused_is_as_described(system: System) -> None:
    for csv in ("no,such,columns\n1,2,3\n", csv_of(("Cup", "ftp://x/1.jpg")), b"PK\x03\x04"):
        check(system, "Problem", system.upload(csv).json())
    check(system, "Problem", system.upload("", format="bmp", reduce_by="99", colour="1").json())


@pytest.mark.timeout(300)
def test_requests_made_up_from_the_description_are_answered_as_it_says() -> None:
    """The first few of those that `make api-check` makes."""
    program = [sys.executable, "-m", "tests.api_check"]
    options = ["--max-examples=3", "--generation-deterministic", "--no-color"]

    done = subprocess.run(
        [*program, *options],
        cwd=ROOT,
        env=starter.unmeasured(os.environ),  # noqa: TID251 - passed on
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) generated, \1 passed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= 300
