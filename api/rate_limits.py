"""How many requests a key may send in a minute, and a caller without one by its address.

A gateway counts by addresses itself, and hides them; where only this machine can call, callers
without a key are not counted.
"""

from __future__ import annotations

from flask import Response, g, request

from api.authentication import KEYED, caller
from api.problems import Problem
from api.service import service


def check() -> None:
    """Count the request that is answered. Raises a Problem where it is one too many."""
    if request.blueprint not in KEYED or request.method == "OPTIONS":
        return
    my, who = service(), caller()
    if name := _name():
        _count(name, my.settings.rate_limit, "requests")
    if who.key and who.key.uploads_per_minute and request.endpoint == "upload.upload":
        _count(f"uploads:{who.key_id}", who.key.uploads_per_minute, "uploads")


def _name() -> str | None:
    """By whom a request is counted; None where it isn't."""
    my, who = service().settings, caller()
    if my.rate_limit == 0:
        return None
    if who.key is not None:
        return f"key:{who.key_id}"
    return None if who.is_local or my.behind_gateway else f"address:{request.remote_addr}"


def _count(name: str, limit: int, what: str) -> None:
    counted = service().rate_counters.count(name, limit)
    if counted is None:
        return
    g.counted = counted
    if counted.is_over:
        raise Problem(
            429,
            "too_many_requests",
            f"More than {limit} {what} in a minute: go on in {counted.seconds} s.",
            headers={"Retry-After": str(counted.seconds), **counted.headers()},
        )


def tell(response: Response) -> Response:
    """What is left of the limit, in headers."""
    if "counted" in g:
        response.headers.update(g.counted.headers())
    return response
