"""The environment, read once into one frozen object; nothing else reads it.

A setting is what an operator may want to change. Other numbers, such as the size of a batch, are
constants at the top of the module that uses them.
"""

from __future__ import annotations

import base64
import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MIB = 1024 * 1024
MIN_NAME = 8  # letters of a variable's name from which on it may be a misspelt setting
HOST_NAME = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")  # or an address, without brackets
# Different bytes in a secret. 24 random ones have fewer once in 4 * 10^14 times, 32 once in 10^25;
# zeros and repeated words always have.
MIN_VARIETY = 12
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")  # what the three clouds allow


PRIVATE = 0o077  # the umask of all that runs: what it writes is for its own user alone


class WrongSetting(SystemExit):
    """A variable's value cannot be used; ends the program with one line that names it."""

    def __init__(self, variable: str, value: str, expected: str) -> None:
        shown = "not usable" if "SECRET" in variable or "://" in value else repr(value)
        super().__init__(f"{variable} is {shown}, but it must be {expected}.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every field is the environment variable of the same name in capitals."""

    host: str = "127.0.0.1"
    port: int = 5000
    behind_gateway: bool = False
    open: bool | None = None
    rate_limit: int = 1200
    database_url: str = "sqlite:///image_processing.db"
    redis_url: str = "redis://127.0.0.1:6379/0"
    public_base_url: str = "http://127.0.0.1:5000"
    trusted_hosts: frozenset[str] = frozenset()
    cors_origins: frozenset[str] = frozenset()
    upload_dir: Path = Path("uploads")
    processed_dir: Path = Path("processed_images")
    storage_url: str = ""
    webhook_secret: str = ""
    webhook_schedule: tuple[float, ...] = (0, 5, 60, 300, 1800, 7200, 28800)
    allowed_private_hosts: frozenset[tuple[str, int]] = frozenset()
    allowed_ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    blocked_hosts: frozenset[str] = frozenset()
    host_connections: int = 32
    host_requests_per_second: int = 1000
    contact_url: str = ""
    max_upload_bytes: int = 64 * MIB
    max_rows: int = 200_000
    max_images: int = 200_000
    max_open_images: int = 1_000_000
    min_free_bytes: int = 256 * MIB
    max_image_bytes: int = 50 * MIB
    max_image_pixels: int = 100_000_000
    download_seconds: float = 30
    download_attempts: int = 3
    download_concurrency: int = 8
    lease_seconds: float = 30
    sweep_seconds: float = 5
    claim_limit: int = 3
    retention_days: int = 0
    log_format: str = "text"
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0

    @property
    def redis_py_url(self) -> str:
        """REDIS_URL as the library redis-py spells it; ``redis+socket`` is Celery's word."""
        return self.redis_url.replace("redis+socket://", "unix://", 1)


def is_loopback(host: str) -> bool:
    """Whether a name or an address leads to this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from variables; one that is unset or empty keeps its default.

    Raises WrongSetting for a value that cannot be used.
    """
    given = {}
    for field in fields(Settings):
        variable = field.name.upper()
        text = environment.get(variable, "").strip()
        if text:
            given[field.name] = _parse(variable, text, *RULES[field.name])
    return Settings(**given)


@cache
def load() -> Settings:
    """The settings of this process."""
    return read(os.environ)


def misspelt(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that are no settings but look like one, each with the one that was meant.

    Short names are left alone: they may be somebody else's.
    """
    known = [field.name.upper() for field in fields(Settings)]
    others = [name for name in environment if name not in known and len(name) >= MIN_NAME]
    nearest = ((name, difflib.get_close_matches(name, known, 1, cutoff=0.93)) for name in others)
    return sorted((name, meant[0]) for name, meant in nearest if meant)


def misspelt_here() -> list[tuple[str, str]]:
    """Those of this process."""
    return misspelt(os.environ)


@cache
def version() -> str:
    """The version of this service, from pyproject.toml: its one source."""
    text = Path(__file__).with_name("pyproject.toml").read_text()
    return str(tomllib.loads(text)["project"]["version"])


def _parse(variable: str, text: str, parse: Callable[[str], Any], expected: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise WrongSetting(variable, text, expected) from None


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        _check(any(text.startswith(f"{scheme}:") for scheme in schemes))
        return text.rstrip("/") if schemes[0] == "http" else text

    return parse


def _base_url(text: str) -> str:
    """Links stand in tables, where some characters would end a cell, or a URL in a list of them."""
    _check(not re.search(r"""[\s"',;|?#]""", text))
    return _url("http", "https")(text)


def _database_url(text: str) -> str:
    _check(urlsplit(text).scheme.split("+")[0] in ("sqlite", "mssql"))
    return text


def _storage_url(text: str) -> str:
    parts = urlsplit(text)
    _check(parts.scheme in ("s3", "gs", "az") and not parts.query and not parts.fragment)
    _check(bool(BUCKET_NAME.fullmatch(parts.netloc)))
    return text


def _integer(smallest: int, largest: int | None = None) -> tuple[Callable[[str], int], str]:
    def parse(text: str) -> int:
        number = int(text)
        _check(number >= smallest and (largest is None or number <= largest))
        return number

    to = "" if largest is None else f" and {largest} at most"
    return parse, f"a whole number, {smallest} at least{to}"


def _yes_or_no(text: str) -> bool:
    _check(text in ("0", "1"))
    return text == "1"


def _seconds(text: str) -> float:
    seconds = float(text)
    _check(0 < seconds < 86_400)
    return seconds


def _secrets(text: str) -> str:
    """One, or two with a blank between them."""
    secrets = text.split()
    _check(len(secrets) <= 2)
    for secret in secrets:
        _check_secret(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    return " ".join(secrets)


def _check_secret(key: bytes) -> None:
    """Standard Webhooks, "Signature scheme": 24 to 64 random bytes in base64, after ``whsec_``."""
    _check(24 <= len(key) <= 64)
    _check(len(set(key)) >= MIN_VARIETY)


def _schedule(text: str) -> tuple[float, ...]:
    waits = tuple(float(part) for part in text.split(","))
    _check(all(0 <= wait <= 7 * 86_400 for wait in waits))
    return waits


def _ports(text: str) -> frozenset[int]:
    ports = frozenset(int(part) for part in text.split(","))
    _check(all(0 < port < 65_536 for port in ports))
    return ports


def _names(text: str) -> frozenset[str]:
    names = frozenset(part.strip().lower() for part in text.split(","))
    _check(all(HOST_NAME.fullmatch(name) for name in names))
    return names


def _origins(text: str) -> frozenset[str]:
    return frozenset(_origin(part.strip().lower()) for part in text.split(","))


def _origin(text: str) -> str:
    """As browsers spell it: in lower case, without the usual port."""
    parts = urlsplit(text)
    _check(parts.scheme in ("http", "https") and bool(HOST_NAME.fullmatch(parts.hostname or "")))
    _check(text == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc)
    usual = {"http": 80, "https": 443}[parts.scheme]
    return text.removesuffix(f":{usual}") if parts.port == usual else text


def _private_hosts(text: str) -> frozenset[tuple[str, int]]:
    return frozenset(_private_host(part.strip()) for part in text.split(","))


def _private_host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    _check(bool(parts.hostname) and parts.port is not None)
    return str(ipaddress.ip_address(parts.hostname or "")), parts.port or 0


def _hosts(text: str) -> frozenset[str]:
    """Names in lower case, and networks as ipaddress spells them."""
    return frozenset(_host(part.strip().lower()) for part in text.split(","))


def _host(text: str) -> str:
    with suppress(ValueError):
        return str(ipaddress.ip_network(text))
    name = text.removeprefix("*.").strip(".")
    _check(bool(HOST_NAME.fullmatch(name)) and bool(name.strip("0123456789.:")))
    return name


def _log_format(text: str) -> str:
    _check(text in ("text", "json"))
    return text


def _contact_url(text: str) -> str:
    """It goes into a header, in brackets."""
    _check(text.startswith(("https://", "http://", "mailto:")))
    _check(text.isascii() and text.isprintable() and not set(text) & set(" ()"))
    return text


SECONDS = (_seconds, "a number of seconds, more than 0")
RULES: dict[str, tuple[Callable[[str], Any], str]] = {
    "host": (str, "an address to listen on"),
    "port": _integer(1, 65_535),
    "behind_gateway": (_yes_or_no, "1 or 0"),
    "open": (_yes_or_no, "1 or 0"),
    "rate_limit": _integer(0),
    "database_url": (_database_url, "a URL that starts with sqlite:// or mssql+pyodbc://"),
    "redis_url": (
        _url("redis", "rediss", "redis+socket"),
        "a URL that starts with redis://, rediss:// or redis+socket://",
    ),
    "public_base_url": (
        _base_url,
        "a URL that starts with http:// or https://, without blanks, quotes and any of ,;|?#",
    ),
    "trusted_hosts": (_names, "names or addresses without ports, as in images.example,10.0.0.5"),
    "cors_origins": (
        _origins,
        "origins without a path, as in https://shop.example,http://[::1]:3000",
    ),
    "upload_dir": (Path, "a folder"),
    "processed_dir": (Path, "a folder"),
    "storage_url": (
        _storage_url,
        "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix (or without /prefix)",
    ),
    "webhook_secret": (
        _secrets,
        "24 to 64 random bytes in base64, as `echo whsec_$(openssl rand -base64 32)` makes, or two "
        "such secrets with a blank between them",
    ),
    "webhook_schedule": (_schedule, "seconds to wait before each attempt, as in 0,5,60"),
    "allowed_private_hosts": (_private_hosts, "addresses with ports, as in 127.0.0.1:8000"),
    "allowed_ports": (_ports, "port numbers, as in 80,443"),
    "blocked_hosts": (_hosts, "names, addresses or networks, as in shop.example,192.0.2.0/24"),
    "host_connections": _integer(1),
    "host_requests_per_second": _integer(1),
    "contact_url": (_contact_url, "a URL that starts with https:// or mailto:"),
    "max_upload_bytes": _integer(1),
    "max_rows": _integer(1),
    "max_images": _integer(1),
    "max_open_images": _integer(1),
    "min_free_bytes": _integer(0),
    "max_image_bytes": _integer(1),
    "max_image_pixels": _integer(1),
    "download_seconds": SECONDS,
    "download_attempts": _integer(1, 100),
    "download_concurrency": _integer(1, 256),
    "lease_seconds": SECONDS,
    "sweep_seconds": SECONDS,
    "claim_limit": _integer(1, 100),
    "retention_days": _integer(0, 36_500),
    "metrics_host": (str, "an address to listen on"),
    "metrics_port": _integer(0, 65_535),
    "log_format": (_log_format, "text or json"),
}
