"""Who may read the metrics, and what they say while the database is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from settings import Settings
from tests.integration.conftest import Stores

pytestmark = pytest.mark.integration
OUTSIDE = {"REMOTE_ADDR": "192.0.2.7"}
Start = Callable[..., FlaskClient]


@pytest.fixture
def api(database_url: str) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(*, behind_gateway: bool = False) -> FlaskClient:
            app = create_app(Settings(database_url=database_url, behind_gateway=behind_gateway))
            stack.callback(app.extensions["service"].database.close)
            return app.test_client()

        yield start


def test_this_machine_may_read_them(api: Start) -> None:
    assert api().get("/metrics").status_code == 200


def test_another_machine_may_not(api: Start) -> None:
    answer = api().get("/metrics", environ_base=OUTSIDE)

    assert (answer.status_code, answer.get_json()["code"]) == (403, "metrics_are_private")


def test_behind_a_gateway_the_inside_may(api: Start) -> None:
    assert api(behind_gateway=True).get("/metrics", environ_base=OUTSIDE).status_code == 200


def test_each_host_s_images_are_counted(api: Start, store: Stores) -> None:
    store("http://a.example/1", "http://b.example/1", "http://a.example/1")

    text = api().get("/metrics").get_data(as_text=True)

    assert "\nimage_service_open_requests 1.0\n" in text
    assert "\nimage_service_queued_images 3.0\n" in text


def test_while_the_database_is_away_the_rest_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "service.db"
    app = create_app(Settings(database_url=f"sqlite:///{file}"))
    app.extensions["service"].database.close()
    file.unlink()
    file.mkdir()

    answer = app.test_client().get("/metrics")
    text = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert "\nimage_service_database_up 0.0\n" in text
    assert "queued_images" not in text
    assert "image_service_sweeps_total" in text
