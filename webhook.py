"""Build, sign and deliver one notification, by the Standard Webhooks rules.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import standardwebhooks

import logs
import metrics
from database import Database, Unavailable
from manifest import ReadingOptions
from outbound import HttpClient, OutboundError
from settings import Settings
from storage import file_urls, image_url
from work_queue import read_queries
from work_queue.api_keys import webhook_secret_of
from work_queue.notifications import (
    ClaimedWebhook,
    claim_webhook,
    holds_webhook,
    record_attempt,
)
from work_queue.read_queries import RequestRow

logger = logging.getLogger(__name__)

ATTEMPT_SECONDS = 15  # the rules recommend 15 to 30
MAX_IMAGES = 100  # in a body, and as few as keep it small
MAX_BODY = 20_000  # bytes: the rules recommend less than 20 kB
CONCURRENCY = 8
JITTER = 0.1  # of a wait, more or less, so that notifications of one moment spread


@dataclass(frozen=True)
class DeliveryAttempt:
    """How one attempt went; without an ``error`` it was delivered."""

    status_code: int | None
    error: str | None
    is_final: bool = False
    retry_after: float | None = None


def payload(db: Database, settings: Settings, request: RequestRow) -> dict[str, Any]:
    """The body of ``request.completed``, as docs/api.md shows it, in less than MAX_BODY bytes."""
    base, public_id = settings.public_base_url, request.public_id
    asked = ReadingOptions.stored(request.reading, request.url_column)
    body = {
        "type": "request.completed",
        "request_id": str(public_id),
        "status": request.status,
        "progress": read_queries.progress(request),
        "bytes_in": request.bytes_in,
        "bytes_out": request.bytes_out,
        **file_urls(base, public_id, has_failed=request.failed > 0, was_workbook=asked.is_workbook),
        "status_url": f"{base}/status/{public_id}",
    }
    truncated = body | {"output_images": [], "output_images_truncated": True}
    if request.total > MAX_IMAGES:
        return truncated
    images = db.read(read_queries.find_images, request.id, after=(0, 0), limit=MAX_IMAGES)
    whole = body | {
        "output_images": [
            {
                "row": image.row_number,
                "input_url": image.input_url,
                "output_url": image.output_name and image_url(base, public_id, image.output_name),
            }
            for image in images
        ]
    }
    return whole if len(json.dumps(whole)) < MAX_BODY else truncated


def body(content: Mapping[str, Any]) -> bytes:
    """What is sent of a payload, byte for byte."""
    return json.dumps(content).encode()


def new_message_id() -> str:
    """The id of a message that is no request's."""
    return f"msg_{uuid.uuid4().hex}"


def signed_headers(secret: str, message_id: str, body: bytes) -> Mapping[str, str]:
    """The headers of one attempt; without a secret nothing is signed, with two both sign."""
    now = datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if secret:
        signers = map(standardwebhooks.Webhook, secret.split())
        signatures = (signer.sign(message_id, now, body.decode()) for signer in signers)
        headers["webhook-signature"] = " ".join(signatures)
    return headers


def attempt(
    client: HttpClient, url: str, body: bytes, headers: Mapping[str, str]
) -> DeliveryAttempt:
    """Send once. 2xx delivers, 410 ends it, a redirect is not followed and is a failure."""
    try:
        response = client.post(url, body, headers, seconds=ATTEMPT_SECONDS)
    except OutboundError as error:
        return DeliveryAttempt(None, str(error), error.permanent, error.retry_after)
    if 200 <= response.status < 300:
        return DeliveryAttempt(response.status, None)
    refused = f"The receiver answered {response.status}."
    is_final = response.status == HTTPStatus.GONE
    return DeliveryAttempt(response.status, refused, is_final, response.retry_after)


def retry_seconds(
    made: DeliveryAttempt, attempts: int, schedule: tuple[float, ...]
) -> float | None:
    """How long to wait after the ``attempts``-th attempt failed, or None when it was the last."""
    if made.is_final or attempts >= len(schedule):
        return None
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return max(schedule[attempts] * jitter, made.retry_after or 0)


def receiver_of(url: str) -> str:
    """The beginning of all URLs of the same receiver."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Deliveries:
    """Delivers what is due in threads of its own, so that no receiver holds up an image.

    A receiver gets one notification at a time from a process, so that one that never answers holds
    up no other. Use as a context manager: leaving it waits for the attempts that are under way.
    """

    def __init__(self, db: Database, client: HttpClient, settings: Settings, worker: str) -> None:
        self._database, self._client = db, client
        self._settings, self._worker = settings, worker
        self._threads = ThreadPoolExecutor(CONCURRENCY, "webhook")
        self._under_way: list[str] = []  # receivers
        self._is_closing = False
        self._claiming = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._claiming:
            self._is_closing = True
        self._threads.shutdown()

    def is_busy(self) -> bool:
        return bool(self._under_way)

    def start_due(self) -> None:
        """Claim the webhooks that are due, as many as there are threads free, and deliver them."""
        with self._claiming:
            while not self._is_closing and len(self._under_way) < CONCURRENCY:
                webhook = self._database.write(
                    claim_webhook,
                    self._worker,
                    busy_receivers=self._under_way,
                    lease_seconds=self._settings.lease_seconds + 2 * ATTEMPT_SECONDS,
                )
                if webhook is None:
                    return
                self._under_way.append(receiver_of(webhook.url))
                self._threads.submit(self._deliver, webhook)

    def _deliver(self, webhook: ClaimedWebhook) -> None:
        try:
            with logs.about(webhook_id=webhook.id) as log_fields:
                self._attempt_and_record(webhook, log_fields)
        finally:
            with self._claiming:
                self._under_way.remove(receiver_of(webhook.url))
        with suppress(Unavailable):  # database.py has logged why, and the sweep looks again
            self.start_due()

    def _attempt_and_record(self, webhook: ClaimedWebhook, log_fields: logs.Fields) -> None:
        try:
            self._record(webhook, *self._timed_attempt(webhook, log_fields))
        except Unavailable:  # the claim expires, and the attempt is made again
            logger.warning("webhook not recorded")

    def _timed_attempt(
        self, webhook: ClaimedWebhook, log_fields: logs.Fields
    ) -> tuple[DeliveryAttempt, float]:
        started = time.monotonic()
        try:
            request = self._database.read(read_queries.get_request, webhook.request_id)
            content = payload(self._database, self._settings, request)
            log_fields["request_id"] = content["request_id"]
            sent = body(content)
            message_id = f"msg_{webhook.message_id.hex}"
            own = self._database.read(webhook_secret_of, webhook.request_id)
            headers = signed_headers(own or self._settings.webhook_secret, message_id, sent)
            if not self._database.read(holds_webhook, self._worker, webhook):
                made = DeliveryAttempt(None, "The request is at work again.", is_final=True)
            else:  # so it was completed while its body was read: all attempts have the same
                made = attempt(self._client, webhook.url, sent, headers)
        except Unavailable:
            raise
        except Exception:  # a thread has nobody to raise to, and the schedule must have an end
            logger.exception("webhook broke down")
            made = DeliveryAttempt(None, "The notification broke down here; it was logged.")
        return made, time.monotonic() - started

    def _record(self, webhook: ClaimedWebhook, made: DeliveryAttempt, seconds: float) -> None:
        wait = retry_seconds(made, webhook.attempts, self._settings.webhook_schedule)
        self._database.write(
            record_attempt,
            self._worker,
            webhook,
            status_code=made.status_code,
            duration_ms=round(seconds * 1000),
            error=made.error,
            retry_seconds=wait,
        )
        ended = "failed" if wait is None else "retry"
        metrics.WEBHOOK_ATTEMPTS.add(1, "delivered" if made.error is None else ended)
        how = {"attempt": webhook.attempts, "status": made.status_code, "error": made.error}
        logger.info("webhook attempted", extra=how)
