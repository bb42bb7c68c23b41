"""What the routes work with: made by ``app.py``, found by each request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from api.response_cache import ResponseCache
from database import Database
from settings import Settings
from storage import Storage


@dataclass(frozen=True)
class Service:
    """``wake_workers`` takes how many to wake; ``redis_answers`` says whether that can work now."""

    settings: Settings
    database: Database
    storage: Storage
    wake_workers: Callable[[int], None]
    redis_answers: Callable[[], bool]
    response_cache: ResponseCache


def install(app: Flask, made: Service) -> None:
    app.extensions["service"] = made


def service() -> Service:
    """The one of the application that answers this request."""
    found: Service = current_app.extensions["service"]
    return found
