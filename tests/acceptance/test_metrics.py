"""What Prometheus reads of a running service."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import requests

from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of, eventually, free_port

OwnSystem = Callable[..., System]


class Metrics(dict[str, float]):
    """The samples that stand at a URL, by name and labels, without the prefix."""

    def __init__(self, url: str) -> None:
        text = requests.get(url, timeout=PATIENCE).text
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        super().__init__((name.removeprefix("image_service_"), float(n)) for name, n in samples)


def test_a_job_is_counted_over_all_processes(own_system: OwnSystem, origin: Origin) -> None:
    port = free_port()
    system = own_system(METRICS_PORT=str(port))
    api, worker = f"{system.url}/metrics", f"http://127.0.0.1:{port}/metrics"
    missing = origin.on("/metrics-missing.jpg", content(status=404))
    odd = origin.on("/metrics-odd.jpg", content(status=799))
    hook = origin.on("/metrics-hook", content())
    table = csv_of(("Cup", *photo_urls(origin, 6)), ("Mug", missing), ("Jug", odd))

    system.completed(system.accepted(table, webhook_url=hook))
    system.upload(b"no table")
    eventually(lambda: Metrics(worker).get('webhook_attempts_total{outcome="delivered"}'))
    done = Metrics(worker)

    assert done['images_total{code="",outcome="completed"}'] == 6
    assert done['images_total{code="http_404",outcome="failed"}'] == 1
    assert done['images_total{code="http_other",outcome="failed"}'] == 1
    assert done["download_seconds_count"] == 8
    assert done["compression_seconds_count"] == 6
    assert done["compression_seconds_sum"] > 0
    assert done["image_bytes_in_total"] > 2 * done["image_bytes_out_total"] > 0
    assert done["transactions_retried_total"] >= 0
    eventually(lambda: Metrics(worker)["sweeps_total"] > 0)
    seen = Metrics(api)
    assert seen['uploads_total{outcome="accepted"}'] == 1
    assert seen['uploads_total{outcome="refused"}'] == 1
    assert seen["uploaded_images_total"] == 8
    assert seen['http_requests_total{method="POST",status="202"}'] == 1
    assert (seen["open_requests"], seen["queued_images"], seen["database_up"]) == (0, 0, 1)


def test_what_waits_is_read_from_the_database(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    system.stop("worker")
    system.accepted(csv_of(("Cup", *photo_urls(origin, 3))))

    eventually(lambda: Metrics(f"{system.url}/metrics")["oldest_due_image_seconds"] > 1)
    waiting = Metrics(f"{system.url}/metrics")

    assert (waiting["open_requests"], waiting["queued_images"]) == (1, 3)
    assert (waiting["queued_webhooks"], waiting["oldest_due_webhook_seconds"]) == (0, 0)


def test_a_process_that_is_replaced_takes_no_count_with_it(own_system: OwnSystem) -> None:
    system = own_system()
    refused = 'http_requests_total{method="GET",status="404"}'
    for _ in range(20):
        system.get("/nowhere")
    for pid in system.api_processes():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(system.api_processes()) == 2 and system.get("/healthz").ok)

    assert Metrics(f"{system.url}/metrics")[refused] == 20


def test_a_port_that_is_taken_ends_the_worker_with_a_sentence(own_system: OwnSystem) -> None:
    system = own_system()
    system.environment["METRICS_PORT"] = system.url.rsplit(":", 1)[1]
    system.stop("worker")
    system.start_worker()

    log = system.folder / "system.log"
    eventually(lambda: "METRICS_PORT: nothing can listen on 127.0.0.1:" in log.read_text())
