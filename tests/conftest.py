"""What the tests share: real parts, each made for the test and thrown away."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

import tables
from engine import Database
from tests.origin import Origin, content

hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")  # a slow machine is no failure; each run is the same


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An empty database: the one that TEST_DATABASE_URL names, else SQLite in a new file."""
    return empty_database(tmp_path)


def empty_database(folder: Path) -> str:
    url = os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{folder}/test.db"  # noqa: TID251
    db = Database(url)
    tables.Base.metadata.drop_all(db.engine)
    tables.Base.metadata.create_all(db.engine)
    db.engine.dispose()
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    yield db
    db.engine.dispose()


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


def photo_urls(origin: Origin, number: int) -> list[str]:
    """The URLs of that many different photos."""
    return [origin.on(f"/photo-{n}.jpg", content(photo(n))) for n in range(number)]
