"""A real Prometheus that reads the API and two workers, and is asked what the dashboard asks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
import yaml

from database import Database
from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import PATIENCE, ROOT, System, csv_of, eventually, free_port
from work_queue.models import Image, Request

OwnSystem = Callable[..., System]
MONITORING = ROOT / "docs" / "monitoring"
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]


class Prometheus:
    """The program of Debian's package, which `make needs` gets."""

    def __init__(self, folder: Path, targets: list[str]) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder, self._targets = folder, targets

    @contextmanager
    def running(self) -> Iterator[None]:
        file, log = self._folder / "prometheus.yml", self._folder / "prometheus.log"
        file.write_text(yaml.safe_dump(self._configuration()))
        found = shutil.which("prometheus") or str(Path(sys.executable).with_name("prometheus"))
        options = [f"--config.file={file}", f"--storage.tsdb.path={self._folder}/prometheus"]
        address = f"--web.listen-address={self.url.removeprefix('http://')}"
        with log.open("wb") as output:
            process = subprocess.Popen([found, *options, address], stdout=output, stderr=output)
            try:
                eventually(self._is_ready)
                yield
            finally:
                process.terminate()
                process.wait(PATIENCE)

    def _configuration(self) -> dict[str, Any]:
        job = {"job_name": "image-service", "static_configs": [{"targets": self._targets}]}
        return {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(MONITORING / "alerts.yml")],
            "scrape_configs": [job],
        }

    def _is_ready(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        return False

    def get(self, path: str, **query: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=query, timeout=PATIENCE).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def asked(self, query: str) -> dict[str, float]:
        """The values of a query, by their only label."""
        found = self.get("query", query=query)["result"]
        return {"".join(each["metric"].values()): float(each["value"][1]) for each in found}

    def answers(self, query: str, expected: dict[str, float] | None = None) -> None:
        """It answers the query with this soon, or with anything."""
        if expected is None:
            eventually(lambda: self.asked(query))
        else:
            eventually(lambda: self.asked(query) == expected)


def counted(system: System) -> tuple[dict[str, float], int]:
    """The images by their status, and the uploads, as the database has them."""
    with closing(Database(system.database_url)) as db, db.reading.connect() as tx:
        images = tx.execute(sa.select(Image.status, sa.func.count()).group_by(Image.status))
        by_status = {status.lower(): float(number) for status, number in images}
        return by_status, tx.scalar(sa.select(sa.func.count()).select_from(Request)) or 0


def test_prometheus_counts_what_the_database_has_and_answers_the_dashboard(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    ports = [free_port(), free_port()]
    system = own_system(METRICS_PORT=str(ports[0]))
    system.environment["METRICS_PORT"] = str(ports[1])
    system.start_worker("second")
    addresses = [system.url.removeprefix("http://"), *(f"127.0.0.1:{port}" for port in ports)]
    prometheus = Prometheus(tmp_path, addresses)
    hook = origin.on("/hook-prometheus", content())
    missing = origin.on("/prometheus-missing.jpg", content(status=404))

    with prometheus.running():
        eventually(lambda: prometheus.asked("sum(up)") == {"": 3})
        for number in range(4):
            table = csv_of(("Cup", *photo_urls(origin, 40 + number)), ("Mug", missing))
            system.completed(system.accepted(table, webhook_url=hook))
        system.upload(b"no table")
        images, uploads = counted(system)

        assert images == {"completed": 4 * 40 + 6, "failed": 4}
        counts: dict[str, dict[str, float]] = {
            "sum by (outcome) (image_service_images_total) > 0": images,
            "sum by (outcome) (image_service_uploads_total) > 0": {
                "accepted": uploads,
                "refused": 1,
            },
            "sum(image_service_uploaded_images_total)": {"": sum(images.values())},
            "sum by (outcome) (image_service_webhook_attempts_total) > 0": {"delivered": uploads},
        }
        for query, expected in counts.items():
            prometheus.answers(query, expected)
        for panel in PANELS:
            for target in panel["targets"]:
                query = target["expr"].replace("$__rate_interval", "1m")
                prometheus.answers(query)
        rules = [each for group in prometheus.get("rules")["groups"] for each in group["rules"]]
        alerts = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
        assert len(rules) == sum(len(group["rules"]) for group in alerts)
        assert {(rule["health"], rule["state"]) for rule in rules} == {("ok", "inactive")}
