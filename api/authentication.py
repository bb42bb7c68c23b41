"""Who calls: an API key, or nobody in particular where the service is open."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, request

from api.problems import Problem
from api.service import service
from settings import Settings, is_loopback
from work_queue.api_keys import ApiKeyRow
from work_queue.models import NO_KEY

# Blueprints; files are for who has the link.
KEYED = {"upload", "status", "requests", "import_check", "webhooks", "operator"}
READING = ("GET", "HEAD", "OPTIONS")
COOKIE = "image_service_key"  # of the page, where somebody has signed in

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who sent a request; without a key, whoever reaches an open service.

    ``is_local`` where only this machine can reach it.
    """

    key: ApiKeyRow | None
    is_local: bool

    @property
    def key_id(self) -> int:
        return NO_KEY if self.key is None else self.key.id

    @property
    def sees_all(self) -> bool:
        return self.key is not None and self.key.scope == "admin"

    def may_see(self, key_id: int) -> bool:
        """Whether what belongs to a key is there for this caller."""
        return self.sees_all or key_id == self.key_id


def is_open(settings: Settings) -> bool:
    """Whether callers need no key: by the setting OPEN, else where only this machine can call."""
    return is_local(settings) if settings.open is None else settings.open


def is_local(settings: Settings) -> bool:
    """Whether only this machine can call: where links lead elsewhere, something is in front."""
    links_here = is_loopback(urlsplit(settings.public_base_url).hostname or "")
    return links_here and is_loopback(settings.host) and not settings.behind_gateway


def identify() -> None:
    """Find out who calls a route that asks for it. Raises a Problem where nobody may."""
    if request.blueprint in KEYED and request.method != "OPTIONS":
        g.caller = _caller()
        g.key_prefix = g.caller.key and g.caller.key.prefix


def caller() -> Caller:
    """Who sent the request that is answered."""
    found: Caller = g.caller
    return found


def check_still_valid() -> None:
    """Raises a Problem where the key was revoked while its request was read."""
    sent = sent_key()
    if caller().key is not None and service().known_keys.find(sent or "", fresh=True) is None:
        raise invalid_key()


def _caller() -> Caller:
    my, sent = service(), sent_key()
    local = is_local(my.settings)
    if sent is None:
        if not is_open(my.settings):
            raise missing_key()
        return Caller(None, local)
    key = my.known_keys.find(sent)
    if key is not None:
        my.known_keys.note_use(key)
        return Caller(key, local)
    if _is_of_cookie(sent) and is_open(my.settings):
        return Caller(None, local)  # the page forgets the key that ended when it is loaded again
    raise invalid_key()


def _is_of_cookie(sent: str) -> bool:
    return sent == request.cookies.get(COOKIE)


def sent_key() -> str | None:
    """The key that came with a request, in a header or in the page's cookie.

    RFC 6750, section 2.1; another scheme is somebody else's, such as of a gateway.
    """
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return sent.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE)


def missing_key() -> Problem:
    return Problem(
        401,
        "missing_key",
        "This needs an API key: send the header `Authorization: Bearer img_…`. Who runs the "
        "service makes one with `make key NAME=…`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def invalid_key() -> Problem:
    sentence = "There is no such API key, or it was revoked, or it has expired."
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, "invalid_key", sentence, headers=headers)


def audit(response: Response) -> Response:
    """A line for what a caller did, or was not let do."""
    if request.blueprint in KEYED and request.method not in READING:
        logger.info("audit", extra=_deed(response))
    return response


def _deed(response: Response) -> dict[str, Any]:
    key = g.caller.key if "caller" in g else None
    arguments = request.view_args or {}
    made = response.location.rpartition("/")[2] if response.location else None
    return {
        "key": None if key is None else key.prefix,
        "key_name": None if key is None else key.name,
        "action": f"{request.method} {request.url_rule}",
        "request_id": arguments.get("request_id", made),
        **({"host": arguments["host"]} if "host" in arguments else {}),
        "status": response.status_code,
    }
