"""Which web pages of other sites may call: those of CORS_ORIGINS (Fetch Standard, "CORS protocol").

They may send what programs may, a key in ``Authorization`` too, but no cookies: so a star can stand
for all headers.
"""

from __future__ import annotations

from flask import Response, request

from api.service import service

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, *",  # the one that the star leaves out
    "Access-Control-Max-Age": "3600",
}


def is_listed() -> bool:
    """Whether the request comes from a page that may call."""
    return request.headers.get("Origin", "").lower() in service().settings.cors_origins


def answer_preflight() -> Response | None:
    """What a browser asks before it sends a page's request; other requests go on."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    return Response(status=204, headers=PREFLIGHT) if asks and is_listed() else None


def allow(response: Response) -> Response:
    """Let the page read the response; caches must keep it for this page alone."""
    if service().settings.cors_origins:
        response.vary.add("Origin")
    if is_listed():
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = "*"
    return response
