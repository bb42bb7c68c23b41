"""A database of the first version, with jobs under way, goes on after the start of this one."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import photo_urls
from tests.earlier_database import add_request, database_at
from tests.origin import Origin
from tests.system import System


def test_what_was_under_way_ends_and_what_was_done_stays(origin: Origin, tmp_path: Path) -> None:
    urls = photo_urls(origin, 6)
    db = database_at(tmp_path / "test.db", "0001", is_versioned=False)
    finished = add_request(db, urls[:2], done=2)
    running = add_request(db, urls, done=1, held=2)
    pending = add_request(db, urls[:3])
    db.close()
    for name in ("1-1.jpg", "1-2.jpg"):
        stored = tmp_path / "processed" / str(finished) / name
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(b"a picture of before")

    hosts = {"ALLOWED_PRIVATE_HOSTS": "{}:{}".format(*origin.address)}
    with System(tmp_path, f"sqlite:///{tmp_path}/test.db", **hosts) as system:
        assert system.get("/readyz").ok
        ended = [system.completed(str(request)) for request in (finished, running, pending)]
        files = files_of(system, ended[0])

    assert [status["progress"]["completed"] for status in ended] == [2, 6, 3]
    assert files == [b"a picture of before"] * 2
    assert (tmp_path / "test.db.version-0001").exists()


def files_of(system: System, status: dict[str, object]) -> list[bytes]:
    """What the links of a request's images lead to."""
    images = status["images"]
    assert isinstance(images, list)
    return [system.get(image["output_url"].removeprefix(system.url)).content for image in images]
