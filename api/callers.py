"""Who may call: under a name of this service, and no page of another site that is not listed."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

from api import cross_origin
from api.authentication import READING
from api.problems import Problem
from api.service import service
from settings import is_loopback

OWN_PAGES = ("same-origin", "none")  # of Sec-Fetch-Site; none: no page, such as the address bar


def check_host() -> None:
    """Refuse a request under any other name: a page at a name that was turned to our address
    (DNS rebinding) could otherwise read what it asks for. Browsers always name one.
    """
    if "HTTP_HOST" not in request.environ:
        return
    host = _name(request.environ["HTTP_HOST"])
    if host is None:
        raise Problem(400, "invalid_host", "The header Host must be one name, or one address.")
    settings = service().settings
    own = {_name(urlsplit(settings.public_base_url).netloc), settings.host, *settings.trusted_hosts}
    if host not in own and not is_loopback(host):
        raise Problem(
            421,
            "unknown_host",
            "The service does not know that name as its own: the settings PUBLIC_BASE_URL or "
            "TRUSTED_HOSTS must contain it.",
        )


def check_page() -> None:
    """Refuse what a page of another site sends, unless CORS_ORIGINS lists it. Browsers say so in
    Sec-Fetch-Site, older ones only by Origin; programs send neither.
    """
    if request.method in READING or cross_origin.is_listed():
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if not (site in OWN_PAGES if site else origin is None or _is_own(origin)):
        raise Problem(403, "foreign_page", "A page of another site may not send this.")


def _is_own(origin: str) -> bool:
    """Whether an Origin is where the request, or every link, goes to; TLS may end before us."""
    links = urlsplit(service().settings.public_base_url)
    return urlsplit(origin).netloc.lower() in (request.host.lower(), links.netloc.lower())


def _name(authority: str) -> str | None:
    """The host of ``host:port`` in lower case; None where it is none."""
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port  # raises where it is no port
    except ValueError:
        return None
    is_plain = not (set(authority) & set("/?#@\\, \t")) and parts.hostname
    return parts.hostname.rstrip(".") if is_plain and parts.hostname else None
