"""``/session``: the page signs in with a key, which no script can read in the browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from api.authentication import COOKIE, invalid_key, is_local, is_open, sent_key
from api.service import service
from work_queue.api_keys import ApiKeyRow

SIGNED_IN_SECONDS = 30 * 86_400

routes = Blueprint("session", __name__)


@routes.get("/session")
def session() -> Response:
    """Who calls, and whether a key is needed; a key that ended is as none."""
    my, sent = service(), sent_key()
    key = my.known_keys.find(sent) if sent else None
    response = _who(key)
    if key is None and COOKIE in request.cookies:
        _forget(response)
    return response


@routes.post("/session")
def sign_in() -> Response:
    """Keep the key of the form's field ``key`` in a cookie. Raises a Problem for a wrong one."""
    my, sent = service(), request.values.get("key", "").strip()
    key = my.known_keys.find(sent)
    if key is None:
        raise invalid_key()
    response = _who(key)
    response.set_cookie(
        COOKIE,
        sent,
        max_age=SIGNED_IN_SECONDS,
        secure=urlsplit(my.settings.public_base_url).scheme == "https",
        httponly=True,
        samesite="Strict",  # no page of another site gets it sent
    )
    return response


@routes.delete("/session")
def sign_out() -> Response:
    response = _who(None)
    _forget(response)
    return response


def _forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict")


def _who(key: ApiKeyRow | None) -> Response:
    my = service().settings
    response = jsonify(
        key=None if key is None else {"name": key.name, "prefix": key.prefix, "scope": key.scope},
        key_needed=key is None and not is_open(my),
        local=is_local(my),
    )
    response.headers["Cache-Control"] = "no-store"
    return response
