"""docker-compose.yml lets `docker compose up --scale worker=4` work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from app import HARDENING
from storage.names import IMAGE_TYPES, IMMUTABLE

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NGINX = (ROOT / "gateway" / "nginx.conf").read_text()
API, WORKER = COMPOSE["services"]["api"], COMPOSE["services"]["worker"]


def test_nothing_of_a_worker_is_there_only_once() -> None:
    assert WORKER.keys().isdisjoint({"container_name", "hostname", "ports", "network_mode"})


def test_without_a_bucket_all_share_the_folders() -> None:
    volumes = [f"{name}:/service/{name}" for name in ("uploads", "processed_images")]

    assert API["volumes"] == WORKER["volumes"] == [*volumes, "/tmp"]  # noqa: S108
    assert COMPOSE["volumes"].keys() >= {"uploads", "processed_images"}


def test_a_bucket_and_its_credentials_come_from_the_env_file() -> None:
    assert API["env_file"] == WORKER["env_file"] == ".env"
    assert "STORAGE_URL" not in API["environment"] | WORKER["environment"]


def test_the_service_does_not_log_in_as_the_administrator() -> None:
    for service in (API, WORKER):
        assert service["environment"]["DATABASE_URL"].startswith("mssql+pyodbc://image_service:")
        assert service["environment"]["MSSQL_SA_PASSWORD"] == ""


def test_an_earlier_database_is_migrated_before_the_service_starts() -> None:
    schema = COMPOSE["services"]["schema"]

    assert schema["command"][-1] == "python -m commands schema || python -m commands migrate"
    assert COMPOSE["services"]["login"]["depends_on"].keys() == {"schema"}
    assert API["depends_on"].keys() == WORKER["depends_on"].keys() == {"login", "redis"}


def test_only_the_gateway_is_reached_from_outside() -> None:
    published = {name for name, each in COMPOSE["services"].items() if "ports" in each}

    assert published == {"gateway"}
    assert API["environment"]["BEHIND_GATEWAY"] == "1"


def test_the_gateway_s_file_is_filled_in_completely() -> None:
    gateway = COMPOSE["services"]["gateway"]
    needed = set(re.findall(r"\$\{([A-Z_]+)\}", NGINX)) - {"NAME"}

    assert needed == gateway["environment"].keys()
    assert set(re.findall(r"\$\$\{(\w+)\}", gateway["command"][0])) == needed


def test_the_gateway_serves_the_images_that_the_service_makes() -> None:
    types = re.search(r"types \{(.*?)\}", NGINX, re.DOTALL)
    assert types
    pairs = [line.strip(" ;").split() for line in types[1].strip().splitlines()]

    assert {extension: kind for kind, extension in pairs} == IMAGE_TYPES
    assert f"\\.({'|'.join(IMAGE_TYPES)})$" in NGINX
    assert f'Cache-Control "{IMMUTABLE}"' in NGINX
    for name, value in HARDENING.items():
        if name != "Cross-Origin-Resource-Policy":
            assert re.search(rf'add_header {name} "?{re.escape(value)}"?;', NGINX), name


OURS = ("gateway", "redis", "api", "worker")


def test_what_runs_has_no_rights_that_it_does_not_need() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.keys() >= {"mem_limit", "pids_limit"}, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_redis_asks_for_a_password_and_nobody_configures_it() -> None:
    redis = COMPOSE["services"]["redis"]

    assert '--requirepass "$$REDIS_PASSWORD"' in redis["command"][-1]
    assert '--rename-command CONFIG ""' in redis["command"][-1]
    for service in (API, WORKER):
        assert service["environment"]["REDIS_URL"].startswith("redis://:${REDIS_PASSWORD:?")


def test_images_of_others_are_pinned_by_their_content() -> None:
    images = {each["image"] for each in COMPOSE["services"].values() if "build" not in each}
    (base,) = re.findall(r"^FROM (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    for image in {*images, base}:
        assert re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", image)


def test_what_the_image_downloads_is_checked() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert all("--checksum=sha256:" in line for line in re.findall(r"^ADD .*$", dockerfile, re.M))
    assert "--require-hashes" in dockerfile


def test_the_image_gets_what_docker_is_sent() -> None:
    copied = set(re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    sent = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert names == sent


def test_the_image_has_every_room() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}

    for room in rooms:
        assert f"\nCOPY {room} {room}\n" in (ROOT / "Dockerfile").read_text()
