"""``GET /openapi.json``, the description of the API; the same to read, and for Postman."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup, escape

import settings
from api.openapi import document, errors, postman
from api.service import service

routes = Blueprint("docs", __name__)


@routes.get("/openapi.json")
def description() -> Response:
    text = _description(service().settings.public_base_url)
    return _with_etag(Response(text, mimetype="application/json"))


@routes.get("/postman.json")
def collection() -> Response:
    text = _collection(service().settings.public_base_url)
    return _with_etag(Response(text, mimetype="application/json"))


@routes.get("/docs")
def docs() -> Response:
    # Links are relative, as those of the other page: the service may be behind a path of a proxy.
    root = "../" if request.path.endswith("/") else "./"
    page = _page(service().settings.public_base_url, root)
    return _with_etag(Response(page, mimetype="text/html"))


@cache
def _description(base_url: str) -> str:
    return json.dumps(document(base_url, settings.version()), ensure_ascii=False)


@cache
def _collection(base_url: str) -> str:
    made = postman.collection(json.loads(_description(base_url)))
    return json.dumps(made, ensure_ascii=False)


@cache
def _page(base_url: str, root: str) -> str:
    everywhere = {*errors.EVERYWHERE, *errors.OF_THE_API, *errors.OF_A_CHANGE}
    api = json.loads(_description(base_url))
    return render_template("docs.html", api=api, root=root, everywhere=everywhere, resolve=_resolve)


def _resolve(part: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    """A part of the description, or the one that it refers to."""
    found = api
    for name in part.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in part else part


def _with_etag(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@routes.app_template_filter("prose")
def prose(text: str) -> Markup:
    """Text of the description as HTML: paragraphs, ``code`` and **strong** words."""
    html = str(escape(text))
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    html = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", html)
    return Markup("</p><p>".join(html.split("\n\n")))  # noqa: S704 - it was escaped above


@routes.app_template_filter("as_json")
def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
