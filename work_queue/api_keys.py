"""API keys: who may call and how much, and what each has used today.

A key is ``img_<prefix>_<secret>``. The prefix tells keys apart, in lists and logs; of the secret
only the hash is kept, and it is shown once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from work_queue.models import NO_KEY, ApiKey, Host, Image, Request
from work_queue.predicates import is_completed, is_due, is_open, is_paused, is_pending
from work_queue.sql_functions import utc_now
from work_queue.statements import ADD_TO_USE, as_json

SCOPES = ("write", "admin")
SECRET_BYTES = 32
KEY = re.compile(r"img_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)  # logs look for it, too
USED_AGAIN_SECONDS = 60  # between two records of a key's last use


class ApiKeyRow(NamedTuple):
    """A key with its limits; the times are UTC, and what was used is of the day ``used_on``."""

    id: int
    name: str
    prefix: str
    secret_hash: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    uploads_per_minute: int | None
    max_open_requests: int | None
    max_open_images: int | None
    bytes_per_day: int | None
    cpu_seconds_per_day: int | None
    retention_days: int | None
    webhook_secret: str | None
    used_on: str | None
    used_bytes: int
    used_cpu_ms: int

    def opens_with(self, secret: str) -> bool:
        """Whether this is the key, and may still be used."""
        is_same = hmac.compare_digest(self.secret_hash, _hash(secret))
        return is_same and self.ended_at is None

    @property
    def ended_at(self) -> datetime | None:
        """Since when it may not be used any more."""
        has_expired = self.expires_at is not None and self.expires_at <= datetime.now(UTC)
        return self.revoked_at or (self.expires_at if has_expired else None)

    @property
    def used_today(self) -> Use:
        is_of_today = self.used_on == today()
        return Use(self.used_bytes, self.used_cpu_ms) if is_of_today else NO_USE


@dataclass(frozen=True)
class Use:
    """What the images of a key took: bytes downloaded, and milliseconds of CPU."""

    bytes: int
    cpu_ms: int

    def __add__(self, more: Use) -> Use:
        return Use(self.bytes + more.bytes, self.cpu_ms + more.cpu_ms)


NO_USE = Use(0, 0)


class OpenWork(NamedTuple):
    """The requests of a key that are not completed, and their images that have not ended."""

    requests: int
    images: int


class Bounds(NamedTuple):
    """How much a key may have under way; None where its requests are not bounded."""

    requests: int | None
    images: int


class NoRoom(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """A key has more under way than it may; ``of_images``, or of requests."""

    def __init__(self, *, of_images: bool) -> None:
        super().__init__()
        self.of_images = of_images


COLUMNS = [getattr(ApiKey, name) for name in ApiKeyRow._fields]
BY_PREFIX = sa.select(*COLUMNS).where(ApiKey.prefix == sa.bindparam("prefix"))


class NameTaken(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """There is a key of this name already, or there was."""


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def prefix_of(text: str) -> str | None:
    """The prefix of a key; None where a text can be none."""
    found = KEY.fullmatch(text)
    return found[1] if found else None


def _hash(text: str) -> str:
    """Without salt: the secret has 256 random bits, so nobody can guess at it."""
    return hashlib.sha256(text.encode()).hexdigest()


def add_key(tx: Connection, name: str, scope: str, limits: Mapping[str, Any]) -> str:
    """Make a key, and return its text; ``limits`` are columns. Raises NameTaken."""
    text, secret = _new_secret()
    try:
        new = {"name": name, "scope": scope, **secret, **limits}
        tx.execute(sa.insert(ApiKey).values(created_at=utc_now(), **new))
    except IntegrityError:
        raise NameTaken from None
    return text


def renew_key(tx: Connection, name: str) -> str | None:
    """Give a key a new secret in place of the old one; its text.

    Also one that was revoked, or has expired; what belongs to it stays its own. None where there is
    none of this name.
    """
    text, secret = _new_secret()
    if not change_key(tx, name, {**secret, "revoked_at": None}):
        return None
    has_expired = sa.and_(ApiKey.name == name, ApiKey.expires_at <= utc_now())
    tx.execute(sa.update(ApiKey).where(has_expired).values(expires_at=sa.null()))
    return text


def _new_secret() -> tuple[str, dict[str, str]]:
    """A key's text, and the columns that it makes."""
    prefix = secrets.token_hex(6)
    text = f"img_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return text, {"prefix": prefix, "secret_hash": _hash(text)}


def change_key(tx: Connection, name: str, values: Mapping[str, Any]) -> bool:
    """Set columns of a key; False where there is none of this name."""
    changed = tx.execute(sa.update(ApiKey).where(ApiKey.name == name).values(**values))
    return changed.rowcount == 1


def revoke_key(tx: Connection, name: str) -> bool:
    """End a key, for good; False where there is none of this name, or it was revoked before."""
    is_live = sa.and_(ApiKey.name == name, ApiKey.revoked_at.is_(None))
    return tx.execute(sa.update(ApiKey).where(is_live).values(revoked_at=utc_now())).rowcount == 1


def find_key(tx: Connection, prefix: str) -> ApiKeyRow | None:
    found = tx.execute(BY_PREFIX, {"prefix": prefix}).first()
    return None if found is None else ApiKeyRow(*found)


def find_key_named(tx: Connection, name: str) -> ApiKeyRow | None:
    found = tx.execute(sa.select(*COLUMNS).where(ApiKey.name == name)).first()
    return None if found is None else ApiKeyRow(*found)


def find_keys(tx: Connection) -> list[ApiKeyRow]:
    """All keys, the oldest first, revoked ones among them."""
    return [ApiKeyRow(*key) for key in tx.execute(sa.select(*COLUMNS).order_by(ApiKey.id))]


def note_use(tx: Connection, key_id: int) -> None:
    """Record that a key is used, unless that was done a moment ago."""
    was_long_ago = sa.or_(
        ApiKey.last_used_at.is_(None), ApiKey.last_used_at < utc_now(-USED_AGAIN_SECONDS)
    )
    tx.execute(
        sa.update(ApiKey).where(ApiKey.id == key_id, was_long_ago).values(last_used_at=utc_now())
    )


def needs_note(key: ApiKeyRow) -> bool:
    """Whether ``note_use`` would record anything."""
    since = datetime.now(UTC) - timedelta(seconds=USED_AGAIN_SECONDS)
    return key.last_used_at is None or key.last_used_at < since


def open_work(tx: Connection, key_id: int) -> OpenWork:
    """What a key has under way, from the counters of its open requests."""
    remaining = Request.total - Request.completed - Request.failed
    counted = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(remaining), 0))
    return OpenWork(*tx.execute(counted.where(Request.key_id == key_id, is_open())).one())


def check_room(tx: Connection, key_id: int, bounds: Bounds) -> None:
    """Raises NoRoom where a key has too much under way, with what this transaction adds.

    Uploads of a key that come at the same moment wait here for each other.
    """
    tx.execute(sa.update(ApiKey).where(ApiKey.id == key_id).values(used_on=ApiKey.used_on))
    work = open_work(tx, key_id)
    if bounds.requests is not None and work.requests > bounds.requests:
        raise NoRoom(of_images=False)
    if work.images > bounds.images:
        raise NoRoom(of_images=True)


def keys_at_work(tx: Connection) -> list[int]:
    """The keys with an image that is due in an open request: these take turns."""
    no_key = sa.select(sa.literal(NO_KEY, sa.BigInteger()).label("id"))
    keys = sa.union_all(no_key, sa.select(ApiKey.id)).subquery("keys")
    # By hosts, from the first one that is not done, as a claim looks: so the index of pending
    # images serves, and what has ended costs nothing.
    of_host = sa.and_(Image.request_id == Host.request_id, Image.host_number == Host.number)
    first = sa.select(sa.func.min(Image.host_number)).where(
        Image.request_id == Request.id, is_pending(Image)
    )
    has_due = sa.exists().where(
        Host.request_id == Request.id,
        Host.number >= first.correlate(Request).scalar_subquery(),
        sa.not_(is_paused(Host.host)),
        sa.exists().where(of_host, is_due(Image)),
    )
    # The first such request of each is enough: a key may have thousands.
    is_at_work = sa.exists().where(Request.key_id == keys.c.id, is_open(), has_due)
    return list(tx.scalars(sa.select(keys.c.id).where(is_at_work)))


def add_to_use(tx: Connection, used: Mapping[int, Use]) -> None:
    """Count what the images of keys took, for today; what came without a key is not counted."""
    rows = [
        {"id": key_id, "bytes": used[key_id].bytes, "cpu_ms": used[key_id].cpu_ms}
        for key_id in sorted(used.keys() - {NO_KEY})
    ]
    if rows:
        ADD_TO_USE.run(tx, rows=as_json(rows), day=today())


def webhook_secret_of(tx: Connection, request_id: int) -> str | None:
    """The secret with which the key of a request signs; None for the service's own."""
    of_request = sa.and_(Request.id == request_id, ApiKey.id == Request.key_id)
    return tx.scalar(sa.select(ApiKey.webhook_secret).where(of_request))


def keys_to_clear(tx: Connection, default_days: int) -> dict[int, int]:
    """The keys with completed requests that are to go, each with its days; 0 days are for ever."""
    own = sa.func.coalesce(ApiKey.retention_days, default_days)
    of_request = sa.outerjoin(Request, ApiKey, ApiKey.id == Request.key_id)
    oldest = (
        sa.select(Request.key_id, own, sa.func.min(Request.completed_at))
        .select_from(of_request)
        .where(is_completed())
        .group_by(Request.key_id, own)
    )
    now = datetime.now(UTC)
    return {
        key_id: days
        for key_id, days, completed_at in tx.execute(oldest)
        if days and completed_at and completed_at < now - timedelta(days=days)
    }
