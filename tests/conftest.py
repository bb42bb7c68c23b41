"""What the tests share: real parts, each made for the test and thrown away."""

from __future__ import annotations

import io
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image
from sqlalchemy.engine import make_url

import migrations
from database import Database
from migrations import sql_server
from tests.origin import Origin, content

hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")  # a slow machine is no failure; each run is the same


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """An empty database on the server that TEST_DATABASE_URL names, else SQLite in a new file."""
    with empty_database(tmp_path) as url:
        yield url


def server_url() -> str | None:
    """The server that the tests run on, or None for the embedded SQLite."""
    return os.environ.get("TEST_DATABASE_URL")  # noqa: TID251


@contextmanager
def empty_database(folder: Path) -> Iterator[str]:
    """A database of its own for each test, so that tests can run side by side on one server."""
    server = server_url()
    if not server:
        file = folder / "test.db"
        file.write_bytes(_migrated())
        yield f"sqlite:///{file}"
        return
    name = f"test_{uuid.uuid4().hex}"
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    sql_server.create(url)
    try:
        yield url
    finally:
        sql_server.run(make_url(server), [f"DROP DATABASE {name}"])


@cache
def _migrated() -> bytes:
    """An embedded database that was migrated once, and not for each of some hundred tests."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "test.db")
        with closing(Database(f"sqlite:///{file}")) as db:
            migrations.prepare(db)
        return file.read_bytes()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    yield db
    db.close()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


def photo(seed: int = 0, *, width: int = 160, height: int = 120, format: str = "JPEG") -> bytes:
    """A picture with the smooth parts and the grain of a photo, different for each seed."""
    grain = np.random.default_rng(seed)
    coarse = Image.fromarray(grain.integers(0, 256, (6, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noisy = smooth + grain.normal(0, 6, smooth.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, format, quality=92)
    return file.getvalue()


def photo_urls(origin: Origin, number: int, *, width: int = 160, height: int = 120) -> list[str]:
    """The URLs of that many different photos."""
    photos = (photo(n, width=width, height=height) for n in range(number))
    return [origin.on(f"/photo-{n}.jpg", content(each)) for n, each in enumerate(photos)]
