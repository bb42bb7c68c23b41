"""The whole system, once for the tests that leave it in order, and anew for those that break it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from tests.acceptance.page import Page, start_browser
from tests.conftest import empty_database, photo
from tests.gateway import Gateway
from tests.origin import Handler, Origin, closed_port, content
from tests.system import PATIENCE, ForkedSystem, System, eventually

SECRET = "whsec_dGhpcyBpcyBhIHRlc3QncyBvd24gc2VjcmV0IQ=="  # noqa: S105

NOBODY = f"http://127.0.0.1:{closed_port()}/"  # allowed, but nobody listens there


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="package")
def origin() -> Iterator[Origin]:
    """An image origin and webhook receiver that the system may connect to."""
    with Origin() as server:
        yield server


@pytest.fixture(autouse=True)
def each_test_counts_for_itself(origin: Origin) -> None:
    """What an earlier test had the origin receive, maybe at the same path, is forgotten."""
    origin.forget()


@contextmanager
def system_for(
    origin: Origin, folder: Path, system_class: type[System] = ForkedSystem, /, **environment: str
) -> Iterator[System]:
    host, port = origin.address
    usual = {
        "ALLOWED_PRIVATE_HOSTS": f"{host}:{port},{urlsplit(NOBODY).netloc}",
        "WEBHOOK_SECRET": SECRET,
        "MAX_UPLOAD_BYTES": str(1024 * 1024),
        "MAX_IMAGE_BYTES": str(1024 * 1024),
    }
    with (
        empty_database(folder) as url,
        system_class(folder, url, **(usual | environment)) as running,
    ):
        yield running


@contextmanager
def system_behind_gateway(
    origin: Origin, folder: Path, *, extra: str = "", **environment: str
) -> Iterator[tuple[System, str]]:
    """A system whose URL is the gateway's, and its API's own; ``extra`` are lines for conf.d."""
    gateway = Gateway(folder)
    usual = {
        "PROCESSED_DIR": str(folder / "processed_images"),
        "PUBLIC_BASE_URL": gateway.url,
        "BEHIND_GATEWAY": "1",
    }
    with system_for(origin, folder, **(usual | environment)) as system:
        api_url, system.url = system.url, gateway.url
        size = int(system.environment["MAX_UPLOAD_BYTES"])
        api = urlsplit(api_url).netloc
        with gateway.serving(api, folder, max_upload_bytes=size, extra=extra):
            yield system, api_url


@pytest.fixture(scope="package")
def system(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running API, a worker with two processes, Redis and a database, for many tests."""
    with system_for(origin, tmp_path_factory.mktemp("system"), System) as running:
        yield running


@pytest.fixture
def own_system(origin: Origin, tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Starts a system for this test alone, with settings of its own; it may be broken."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(system_for(origin, tmp_path, **settings))


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    chrome = start_browser(tmp_path_factory.mktemp("browser"))
    yield chrome
    chrome.quit()


@pytest.fixture
def page(browser: Chrome, system: System, tmp_path: Path) -> Page:
    opened = Page(browser, system.url, tmp_path)
    eventually(opened.part("start").is_displayed)  # once the service has said who is there
    return opened


@dataclass(frozen=True)
class HeldPhoto:
    url: str
    release: Callable[[], None]


@pytest.fixture
def held(origin: Origin) -> Iterator[HeldPhoto]:
    """A photo that its origin keeps back until it is released, so that a test can watch."""
    gate = threading.Event()

    def answer(handler: Handler) -> None:
        gate.wait(PATIENCE)
        content(photo(7))(handler)

    yield HeldPhoto(origin.on("/held.jpg", answer), gate.set)
    gate.set()


@pytest.fixture
def phone(browser: Chrome) -> Iterator[None]:
    """The browser's window is as small as phones have it."""
    screen = {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
