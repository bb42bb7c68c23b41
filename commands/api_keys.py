"""`key`, `keys` and `revoke`: who may call the API, and how much."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import click

import migrations
from commands.support import environment
from database import Database
from work_queue import api_keys
from work_queue.api_keys import ApiKeyRow
from work_queue.models import MAX_KEY_NAME

LIMITS = {  # columns of a key, each with what it bounds
    "uploads_per_minute": "Uploads in a minute",
    "max_open_requests": "Requests that are not completed",
    "max_open_images": "Images that have not ended, in all of its requests",
    "bytes_per_day": "Bytes downloaded for it in a day of UTC",
    "cpu_seconds_per_day": "Seconds of CPU that its images take in a day of UTC",
    "retention_days": "Days after which its completed requests are removed",
}
WEBHOOK_SECRETS = {
    "new": "make one; one that is there signs, too, until it is ended",
    "end-old": "only the newer one signs",
    "none": "sign with that of the service",
}


def _with_limits(command: Callable[..., None]) -> Callable[..., None]:
    for name, meaning in reversed(LIMITS.items()):
        option = click.option(
            f"--{name.replace('_', '-')}",
            type=click.IntRange(0, 2**31 - 1 if name != "bytes_per_day" else 2**63 - 1),
            help=f"{meaning}; 0 for no limit of its own.",
        )
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.option("--scope", type=click.Choice(api_keys.SCOPES), help="Its own requests, or all.")
@click.option("--expires", metavar="DAY", help="As in 2027-06-30, of UTC; never takes it back.")
@click.option("--renew", is_flag=True, help="Give it a new secret; the old one ends at once.")
@click.option(
    "--webhook-secret",
    type=click.Choice([*WEBHOOK_SECRETS]),
    help="; ".join(f"{name}: {meaning}" for name, meaning in WEBHOOK_SECRETS.items()),
)
@_with_limits
def key(name: str, renew: bool, webhook_secret: str | None, **given: Any) -> None:
    """Make the API key NAME and show it, once; or change one that is there."""
    _check_name(name)
    values = _columns(given)
    with _database() as db:
        found = db.read(api_keys.find_key_named, name)
        if found is None and not renew:
            _show_key(db.write(api_keys.add_key, name, values.pop("scope", "write"), values))
        elif found is None:
            raise click.ClickException(f"There is no key {name}.")
        elif not (renew or values or webhook_secret):
            raise click.ClickException(
                f"There is a key {name} already: RENEW=1 gives it a new secret."
            )
        else:
            db.write(api_keys.change_key, name, {**values, "name": name})
            if renew:
                _show_key(db.write(api_keys.renew_key, name))
        if webhook_secret:
            _change_webhook_secret(db, name, webhook_secret)
        _print_keys([db.read(api_keys.find_key_named, name)])


@click.command()
def keys() -> None:
    """List the API keys, without their secrets."""
    with _database() as db:
        _print_keys(db.read(api_keys.find_keys))


@click.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End the API key NAME, at once; its requests stay."""
    with _database() as db:
        if not db.write(api_keys.revoke_key, name):
            raise click.ClickException(f"There is no key {name}, or it was revoked before.")
    print(f"The key {name} is revoked: every process refuses it within a second.")


@contextmanager
def _database() -> Iterator[Database]:
    with closing(Database(environment.database_url())) as db:
        migrations.prepare(db)
        print(f"Keys in {db.engine.url.database}, the database of DATABASE_URL:")
        yield db


def _check_name(name: str) -> None:
    if not (name.strip() == name and name.isprintable() and 0 < len(name) <= MAX_KEY_NAME):
        raise click.ClickException(
            f"A key needs a name of up to {MAX_KEY_NAME} characters that can be seen: NAME=shop."
        )


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, as columns: 0 is no limit."""
    values = {name: given[name] or None for name in LIMITS if given[name] is not None}
    if given["scope"]:
        values["scope"] = given["scope"]
    if given["expires"]:
        values["expires_at"] = _end(given["expires"])
    return values


def _end(day: str) -> datetime | None:
    if day == "never":
        return None
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise click.ClickException("--expires is a day as in 2027-06-30, or never.") from None


def _change_webhook_secret(db: Database, name: str, change: str) -> None:
    found = db.read(api_keys.find_key_named, name)
    kept = ((found and found.webhook_secret) or "").split()[:1]
    if change == "new":
        kept = [f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}", *kept]
        print(f"The webhook secret, which is shown only now: {kept[0]}")
    secret = None if change == "none" else " ".join(kept) or None
    db.write(api_keys.change_key, name, {"webhook_secret": secret})


def _show_key(text: str | None) -> None:
    print(f"The key, which is shown only now: {text}")


def _print_keys(found: list[ApiKeyRow | None] | list[ApiKeyRow]) -> None:
    rows = [_in_words(each) for each in found if each is not None]
    if not rows:
        print("There are no keys; `make key NAME=shop` makes one.")
        return
    header = ("name", "prefix", "scope", "made", "last used", "state", "limits")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _in_words(key: ApiKeyRow) -> tuple[str, ...]:
    own = [f"{name}={getattr(key, name):,}" for name in LIMITS if getattr(key, name) is not None]
    return (
        *(key.name, key.prefix, key.scope, _day(key.created_at), _day(key.last_used_at)),
        _state(key),
        " ".join(own) or "-",
    )


def _state(key: ApiKeyRow) -> str:
    if key.revoked_at:
        return f"revoked {_day(key.revoked_at)}"
    if key.ended_at:
        return f"expired {_day(key.expires_at)}"
    return f"until {_day(key.expires_at)}" if key.expires_at else "valid"


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "-"
