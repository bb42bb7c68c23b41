"""What polls see, and what they cost the database."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

import settings
from app import create_app
from database import Database
from tests.integration.conftest import Stores, completed
from work_queue.claims import claim_images
from work_queue.models import Image
from work_queue.outcomes import record_outcomes
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status

pytestmark = pytest.mark.integration


@pytest.fixture
def api(database: Database) -> Iterator[FlaskClient]:
    url = database.engine.url.render_as_string(hide_password=False)
    app = create_app(dataclasses.replace(settings.load(), database_url=url))
    yield app.test_client()
    app.extensions["service"].database.close()


def poll(api: FlaskClient, public_id: uuid.UUID) -> dict[str, Any]:
    answer: dict[str, Any] = api.get(f"/status/{public_id}").get_json()
    return answer


def test_a_poll_shows_an_image_at_once_when_it_is_recorded(
    api: FlaskClient, database: Database, store: Stores
) -> None:
    public_id = store("http://a.example/1.jpg", "http://a.example/2.jpg")
    assert poll(api, public_id)["progress"]["completed"] == 0
    (image,) = database.write(claim_images, "ann", limit=1, lease_seconds=60) or []

    database.write(record_outcomes, "ann", [completed(image)])

    answer = poll(api, public_id)
    assert answer["progress"]["completed"] == 1
    assert [each["status"] for each in answer["images"]] == ["Completed", "Pending"]


def test_polls_without_a_pause_do_not_read_the_images_each(api: FlaskClient, store: Stores) -> None:
    public_id = store(*[f"http://a.example/{n}.jpg" for n in range(100)])
    statements: list[str] = []
    engine = api.application.extensions["service"].database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    answers = [poll(api, public_id) for _ in range(5)]

    assert all(answer == answers[0] for answer in answers)
    assert sum("FROM images" in statement for statement in statements) < 5


def test_another_page_is_another_answer(api: FlaskClient, store: Stores) -> None:
    public_id = store("http://a.example/1.jpg", "http://a.example/2.jpg")

    first = api.get(f"/status/{public_id}?limit=1").get_json()
    second = api.get(f"/status/{public_id}?limit=1&after=1-1").get_json()

    assert first["images"][0]["input_url"] == "http://a.example/1.jpg"
    assert second["images"][0]["input_url"] == "http://a.example/2.jpg"


def test_readiness_says_that_the_database_is_of_another_version(
    api: FlaskClient, database: Database
) -> None:
    assert api.get("/readyz").status_code == 200
    with database.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")

    answer = api.get("/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["code"] == "wrong_database_version"
    assert "run `make migrate`" in answer.get_json()["detail"]


def test_readiness_says_for_how_long_an_image_has_been_due(
    api: FlaskClient, database: Database, store: Stores
) -> None:
    assert api.get("/readyz").get_json()["oldest_due_seconds"] is None
    store("http://a.example/1.jpg", "http://a.example/2.jpg")
    with database.engine.begin() as tx:
        earlier = sa.update(Image).values(next_attempt_at=utc_now(-60))
        tx.execute(earlier.where(Image.position == 2))
        later = sa.update(Image).values(next_attempt_at=utc_now(60))
        tx.execute(later.where(Image.position == 1))

    assert 60 <= api.get("/readyz").get_json()["oldest_due_seconds"] < 120

    database.write(claim_images, "ann", limit=1, lease_seconds=60)
    assert api.get("/readyz").get_json()["oldest_due_seconds"] is None  # the other is not due yet


def done(database: Database, place: int, **values: Any) -> None:
    """An image that ended like this."""
    usual = {"status": Status.COMPLETED, "input_bytes": 1000, "target_met": True}
    with database.engine.begin() as tx:
        tx.execute(sa.update(Image).where(Image.position == place).values(**usual | values))


@pytest.fixture
def mixed(database: Database, store: Stores) -> uuid.UUID:
    """A request of seven images that ended in different ways; the last has not."""
    public_id = store(*[f"http://a.example/{n}.jpg" for n in range(1, 8)])
    done(database, 1, output_bytes=400)
    done(database, 2, output_bytes=900, target_met=False)
    done(database, 3, status=Status.FAILED, input_bytes=None, target_met=None)
    done(database, 4, output_bytes=1000, target_met=False)
    done(database, 5, input_bytes=5_000_000, output_bytes=500_000)
    done(database, 6, status=Status.FAILED, input_bytes=None, target_met=None)
    return public_id


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("sort=row", [1, 2, 3, 4, 5, 6, 7]),
        ("sort=worst", [3, 6, 4, 2, 1, 5, 7]),
        ("sort=SAVED", [5, 1, 2, 4, 3, 6, 7]),
        ("sort=bytes", [5, 4, 2, 1, 3, 6, 7]),
        ("sort=worst&status=Completed", [4, 2, 1, 5]),
        ("sort=saved&q=/2.jpg", [2]),
    ],
)
@pytest.mark.parametrize("limit", [2, 100])
def test_images_come_in_the_order_that_is_asked_for_on_all_pages(
    api: FlaskClient, mixed: uuid.UUID, query: str, places: list[int], limit: int
) -> None:
    found: list[int] = []
    following: str | None = f"/status/{mixed}?limit={limit}&{query}"
    while following:
        page = api.get(following).get_json()
        found += [image["position"] for image in page["images"]]
        following = page["next"]

    assert found == places


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sort=best", "invalid_sort"),
        ("sort=worst&after=1-1", "invalid_after"),
        ("after=1-1-1", "invalid_after"),
    ],
)
def test_an_order_that_is_unknown_or_a_place_of_another_is_refused(
    api: FlaskClient, mixed: uuid.UUID, query: str, code: str
) -> None:
    answer = api.get(f"/status/{mixed}?{query}")

    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
