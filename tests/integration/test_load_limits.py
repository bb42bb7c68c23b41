"""What one site or address gets from us, from all processes together, is bounded."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as Client

from outbound import (
    BlockedHosts,
    HttpClient,
    LoadLimits,
    OutboundError,
    SharedLimits,
    has_live_process,
)
from tests.origin import Origin, Resolver, content, retry_later
from tests.system import Redis, eventually

pytestmark = pytest.mark.integration
MIB = 1024 * 1024
Processes = Callable[..., list[HttpClient]]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    running = Redis(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


@pytest.fixture
def processes(origin: Origin, redis: Redis) -> Iterator[Processes]:
    """Makes the clients of so many processes, which know of each other."""
    with ExitStack() as stack:

        def made(
            number: int = 1, *, connections: int = 4, requests: float = 10_000, **options: Any
        ) -> list[HttpClient]:
            limits = [
                LoadLimits(connections=connections, requests_per_second=requests)
                for _ in range(number)
            ]
            for each in limits:
                stack.callback(SharedLimits(each, redis.url).start().stop)
            eventually(lambda: all(each.connections == connections // number for each in limits))
            clients = [client_of(origin, each, **options) for each in limits]
            for client in clients:
                stack.callback(client.close)
            return clients

        yield made


def client_of(origin: Origin, limits: LoadLimits, **options: Any) -> HttpClient:
    return HttpClient(
        allowed_ports=frozenset(),
        allowed_private_hosts=frozenset({origin.address}),
        connections=8,
        limits=limits,
        **options,
    )


def get_all(clients: list[HttpClient], urls: list[str]) -> int:
    """Get the URLs, divided among the clients, with 8 threads each; how many came."""
    with ThreadPoolExecutor(len(clients)) as processes:
        parts = [urls[at :: len(clients)] for at in range(len(clients))]
        return sum(processes.map(get_part, clients, parts))


def get_part(client: HttpClient, urls: list[str]) -> int:
    """As a worker process does: a URL of a busy host is tried again."""

    def get(url: str) -> int:
        with suppress(OutboundError):
            return int(client.get(url, seconds=10, max_bytes=MIB).status == 200)
        return 0

    with ThreadPoolExecutor(8) as threads:
        return sum(threads.map(lambda url: eventually(lambda: get(url)), urls))


def test_all_processes_together_have_so_many_connections_to_an_address(
    origin: Origin, processes: Processes
) -> None:
    url = origin.on("/cup.jpg", content(b"cup", delay=0.02))

    assert get_all(processes(2), [url] * 120) == 120
    assert origin.most_open <= 4
    assert origin.connections <= 4


def test_the_names_of_a_wildcard_count_together(
    origin: Origin, processes: Processes, resolver: Resolver
) -> None:
    origin.on("/cup.jpg", content(b"cup", delay=0.02))
    for number in range(60):
        resolver[f"{number}.victim.example"] = ["127.0.0.1"]
    urls = [origin.url("/cup.jpg", host=f"{number}.victim.example") for number in range(60)]

    assert get_all(processes(2), urls) == 60
    assert origin.most_open <= 6  # with two of which the origin has not seen yet that they closed


def test_sites_at_one_address_count_together(
    origin: Origin, processes: Processes, resolver: Resolver
) -> None:
    origin.on("/cup.jpg", content(b"cup", delay=0.02))
    for number in range(60):
        resolver[f"victim{number}.example"] = ["127.0.0.1"]
    urls = [origin.url("/cup.jpg", host=f"victim{number}.example") for number in range(60)]

    assert get_all(processes(2), urls) == 60
    assert origin.most_open <= 6


def test_all_processes_together_have_so_many_requests_a_second(
    origin: Origin, processes: Processes
) -> None:
    url = origin.on("/cup.jpg", content(b"cup"))
    clients = processes(2, requests=100)
    started = time.monotonic()

    assert get_all(clients, [url] * 150) == 150
    assert time.monotonic() - started > 150 / 100 - 0.2  # of which a burst of 0.1 s


def test_a_pause_that_one_process_was_asked_for_is_made_by_all(
    origin: Origin, processes: Processes
) -> None:
    url = origin.on("/cup.jpg", retry_later("60"), content(b"cup"))
    other_url = origin.on("/bowl.jpg", content(b"bowl"))
    one, other = processes(2)
    assert one.get(url, seconds=10, max_bytes=MIB).status == 429

    assert pause_of(one, url) == pytest.approx(60, abs=5)
    assert eventually(lambda: pause_of(other, other_url)) == pytest.approx(60, abs=5)
    assert origin.hits["/cup.jpg"] == 1


def pause_of(client: HttpClient, url: str) -> float | None:
    """How long a client says that a host must not be asked; None where it was asked."""
    try:
        client.get(url, seconds=10, max_bytes=MIB)
    except OutboundError as error:
        return error.retry_after
    return None


def test_a_host_that_fails_on_everything_is_asked_less_and_less(
    origin: Origin, processes: Processes
) -> None:
    url = origin.on("/cup.jpg", content(status=503))
    (client,) = processes()

    assert eventually(lambda: (pause_of(client, url) or 0) > 1.5)
    assert origin.hits["/cup.jpg"] <= 5  # 3 before the first pause, and one after each shorter one


def test_an_image_that_a_host_fails_on_holds_up_none_of_its_others(
    origin: Origin, processes: Processes
) -> None:
    broken = origin.on("/broken.jpg", content(status=500))
    url = origin.on("/cup.jpg", content(b"cup"))
    (client,) = processes()

    for _ in range(5):
        assert client.get(broken, seconds=10, max_bytes=MIB).status == 500
        assert client.get(url, seconds=10, max_bytes=MIB).status == 200


def test_while_redis_is_away_a_process_keeps_to_its_part(
    origin: Origin, processes: Processes, redis: Redis
) -> None:
    url = origin.on("/cup.jpg", content(b"cup", delay=0.02))
    client, _ = processes(2)
    redis.stop()

    assert get_all([client], [url] * 40) == 40
    assert origin.most_open <= 2
    redis.start()


def test_a_receiver_gets_its_notification_while_images_of_its_host_pause(
    origin: Origin, processes: Processes
) -> None:
    (client,) = processes()
    client.get(origin.on("/cup.jpg", retry_later("60")), seconds=10, max_bytes=MIB)

    assert client.post(origin.on("/hook", content()), b"{}", {}, seconds=10).status == 200


def test_the_user_agent_names_whom_to_ask(origin: Origin, processes: Processes) -> None:
    url = origin.on("/cup.jpg", content(b"cup"))
    (client,) = processes(contact_url="https://images.example/bot")
    client.get(url, seconds=10, max_bytes=MIB)

    (request,) = origin.received
    assert request.headers["User-Agent"] == "image-service/1 (+https://images.example/bot)"


@pytest.mark.parametrize("entry", ["shop.example", "127.0.0.0/8"])
def test_a_blocked_host_is_never_asked(
    origin: Origin, processes: Processes, resolver: Resolver, entry: str
) -> None:
    resolver["www.shop.example"] = ["127.0.0.1"]
    (client,) = processes(blocked_hosts=BlockedHosts.of([entry]))

    with pytest.raises(OutboundError) as caught:
        client.get(origin.url("/cup.jpg", host="www.shop.example"), seconds=10, max_bytes=MIB)

    assert (caught.value.code, caught.value.permanent) == ("blocked_host", True)
    assert origin.connections == 0


def test_a_process_is_known_to_live_while_it_was_heard_of_in_the_last_minute(redis: Redis) -> None:
    assert has_live_process(redis.url) is False

    stop = SharedLimits(LoadLimits(connections=4, requests_per_second=10), redis.url).start().stop
    assert has_live_process(redis.url) is True
    stop()
    last_heard(redis, seconds_ago=40)
    assert has_live_process(redis.url) is True
    last_heard(redis, seconds_ago=80)
    assert has_live_process(redis.url) is False

    redis.stop()
    assert has_live_process(redis.url) is None


def last_heard(redis: Redis, *, seconds_ago: int) -> None:
    """Write down when the processes told that they live, in place of waiting."""
    with Client.from_url(redis.url) as client:
        known = client.zrange("outbound:processes", 0, -1)
        counts_until = 1000 * (client.time()[0] - seconds_ago + 10)
        client.zadd("outbound:processes", dict.fromkeys(known, counts_until))
