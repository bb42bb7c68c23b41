"""``POST /webhooks/test``: whether a receiver gets what is sent, before a job needs it."""

from __future__ import annotations

import json
import threading
import time

from flask import Blueprint, Response, jsonify, request

import webhook
from api import form
from api.authentication import caller
from api.problems import Problem
from api.service import service

MAX_AT_ONCE = 2  # of a process: each takes a thread for up to 15 s

routes = Blueprint("webhooks", __name__)
slots = threading.BoundedSemaphore(MAX_AT_ONCE)


@routes.post("/webhooks/test")
def test() -> Response:
    """One attempt, signed as all are; the response says what the receiver answered."""
    url = form.webhook_url(request.values.get("webhook_url", "").strip() or None)
    if url is None:
        raise Problem(422, "missing_webhook_url", "The field webhook_url is missing.")
    if not slots.acquire(blocking=False):
        headers = {"Retry-After": "5"}
        raise Problem(429, "too_many_tests", "Other tests are under way.", headers=headers)
    try:
        return _attempt(url)
    finally:
        slots.release()


def _attempt(url: str) -> Response:
    my, started = service(), time.monotonic()
    body = json.dumps({"type": "webhook.test", "status_url": my.settings.public_base_url}).encode()
    key = caller().key
    secret = (key and key.webhook_secret) or my.settings.webhook_secret
    headers = webhook.signed_headers(secret, webhook.new_message_id(), body)
    made = webhook.attempt(my.client, url, body, headers)
    return jsonify(
        webhook_url=url,
        delivered=made.error is None,
        status_code=made.status_code,
        duration_ms=round(1000 * (time.monotonic() - started)),
        error=made.error,
        signed=bool(secret),
    )
