"""The collection for Postman, run by newman through the gateway: a whole job, and every route."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import system_behind_gateway
from tests.acceptance.test_api_keys import new_user
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import PATIENCE, ROOT, System

NEWMAN = ROOT / "tests" / "node" / "node_modules" / "newman" / "bin" / "newman.js"


@pytest.fixture(scope="module")
def closed(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A service behind its gateway that asks for keys."""
    folder = tmp_path_factory.mktemp("postman")
    with system_behind_gateway(origin, folder, OPEN="0") as (system, _):
        yield system


def run_by_newman(system: System, folder: Path, *options: str, **variables: str) -> dict[str, Any]:
    """What newman reports of the collection as the service serves it; its variables are set."""
    node = shutil.which("node")
    assert node, "make needs installs Node.js"
    collection, report = folder / "collection.json", folder / "report.json"
    collection.write_bytes(system.get("/postman.json").content)
    values = [part for each in variables.items() for part in ("--env-var", "=".join(each))]
    output = ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    done = subprocess.run(
        [node, str(NEWMAN), "run", str(collection), *options, *values, *output],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    read: dict[str, Any] = json.loads(report.read_text())["run"]
    return read


def test_a_whole_job_runs_with_a_key(closed: System, origin: Origin, tmp_path: Path) -> None:
    key, (image,) = new_user(closed).key, photo_urls(origin, 1)

    run = run_by_newman(closed, tmp_path, "--folder", "A whole job", apiKey=key, imageUrl=image)

    asked = [each["item"]["name"] for each in run["executions"]]
    assert asked[0] == "Upload two products"
    assert asked[-1] == "Delete it, too"
    assert len(set(asked)) == 16
    assert run["stats"]["assertions"]["total"] > len(asked)
    assert closed.verified()[0] == 0


def test_a_whole_job_runs_without_a_key_where_none_is_needed(
    system: System, origin: Origin, tmp_path: Path
) -> None:
    (image,) = photo_urls(origin, 1)

    run = run_by_newman(system, tmp_path, "--folder", "A whole job", imageUrl=image)

    assert run["failures"] == []


def test_every_route_answers_as_described_also_without_a_key(
    closed: System, tmp_path: Path
) -> None:
    names = [each["name"] for each in closed.get("/openapi.json").json()["tags"]]
    folders = [part for name in names for part in ("--folder", name)]

    run = run_by_newman(closed, tmp_path, *folders)

    codes = {each["item"]["name"]: each["response"]["code"] for each in run["executions"]}
    assert codes["Upload a CSV of products"] == 401
    assert codes["Whether the API answers"] == 200
    assert codes["Figures for Prometheus"] == 403
