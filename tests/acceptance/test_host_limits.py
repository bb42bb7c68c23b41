"""What the settings for each host do in the whole system."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import System, csv_of


def test_each_worker_process_has_its_part_of_a_host_s_connections(
    own_system: Callable[..., System],
) -> None:
    with Origin() as host:
        system = own_system(
            HOST_CONNECTIONS="1",
            CONTACT_URL="https://images.example/bot",
            ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{host.address[1]}",
        )

        status = system.completed(system.accepted(csv_of(("Cup", *photo_urls(host, 40)))))

        assert status["progress"]["completed"] == 40
        assert host.most_open <= 2  # as there are two, and each has one at least
        agents = {request.headers["User-Agent"] for request in host.received}
        assert agents == {"image-service/1 (+https://images.example/bot)"}


def test_an_image_of_a_blocked_host_fails_in_words(
    own_system: Callable[..., System], origin: Origin
) -> None:
    system = own_system(BLOCKED_HOSTS="shop.example")

    images = system.completed(
        system.accepted(csv_of(("Cup", "http://www.shop.example/cup.jpg", *photo_urls(origin, 1))))
    )["images"]

    assert [image["status"] for image in images] == ["Failed", "Completed"]
    assert images[0]["error"] == {
        "code": "blocked_host",
        "message": "The host www.shop.example is blocked in this service.",
    }
