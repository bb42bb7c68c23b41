"""``Idempotency-Key``: an upload that is sent again is answered as the first time, for a day.

As in the IETF draft "The Idempotency-Key HTTP Header Field": the same key with other content is a
mistake (422), and a first upload that is still under way a conflict (409).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from flask import request

from api.problems import Problem
from work_queue.intake import NewRequest
from work_queue.read_queries import KeyedRequest

HEADER = "Idempotency-Key"
MAX_KEY = 255  # characters


def with_key(new: NewRequest, upload: Path, fields: Iterable[tuple[str, str]]) -> NewRequest:
    """The request with its key and the hash of what was sent, where there is a key."""
    key = request.headers.get(HEADER)
    if key is None:
        return new
    if not key.strip() or len(key) > MAX_KEY:
        raise Problem(
            400, "invalid_idempotency_key", f"{HEADER} is a text of up to {MAX_KEY} characters."
        )
    with upload.open("rb") as file:
        content = hashlib.file_digest(file, "sha256")
    content.update(json.dumps([new.file_name, sorted(fields)]).encode())
    hashed = hashlib.sha256(f"{new.key_id}:{key}".encode()).hexdigest()
    return replace(new, idempotency_key=hashed, content_hash=content.hexdigest())


def check_same(new: NewRequest, earlier: KeyedRequest) -> None:
    """Raises a Problem where an earlier upload under this key was another, or is under way."""
    if new.content_hash != earlier.content_hash:
        raise Problem(
            422, "idempotency_key_reused", f"This {HEADER} came with another upload before."
        )
    if not earlier.is_whole:
        raise Problem(
            409,
            "upload_in_progress",
            f"The first upload with this {HEADER} is still being stored.",
            headers={"Retry-After": "2"},
        )
