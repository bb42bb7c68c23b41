"""The whole system, once for the tests that leave it in order, and anew for those that break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import empty_database
from tests.origin import Origin, closed_port
from tests.system import System

SECRET = "whsec_dGhpcyBpcyBhIHRlc3QncyBvd24gc2VjcmV0IQ=="  # noqa: S105

NOBODY = f"http://127.0.0.1:{closed_port()}/"  # allowed, but nobody listens there


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="session")
def origin() -> Iterator[Origin]:
    """An image origin and webhook receiver that the system may connect to."""
    with Origin() as server:
        yield server


@contextmanager
def system_for(origin: Origin, folder: Path, **environment: str) -> Iterator[System]:
    host, port = origin.address
    usual = {
        "ALLOWED_PRIVATE_HOSTS": f"{host}:{port},{urlsplit(NOBODY).netloc}",
        "WEBHOOK_SECRET": SECRET,
        "MAX_UPLOAD_BYTES": str(1024 * 1024),
        "MAX_IMAGE_BYTES": str(1024 * 1024),
    }
    with empty_database(folder) as url, System(folder, url, **(usual | environment)) as running:
        yield running


@pytest.fixture(scope="session")
def system(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running API, a worker with two processes, Redis and a database, for many tests."""
    with system_for(origin, tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def own_system(origin: Origin, tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Starts a system for this test alone, with settings of its own; it may be broken."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(system_for(origin, tmp_path, **settings))
