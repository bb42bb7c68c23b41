"""A cell's text → the URLs in it, and what is wrong with a URL. Nothing is looked up or fetched."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

from manifest.dialect import BLANKS

MAX_URL = 4000  # UTF-16 code units
MAX_HOST = 253  # RFC 1035, section 2.3.4, without the last dot
# Separators and blanks count only where a URL follows: https://cdn/w_300,h_200/1.jpg is one URL.
# The look-behind lets a run of them be tried once, from its beginning, so that time stays linear.
BETWEEN = f"[{re.escape(BLANKS)},;|]"
SCHEME = "[A-Za-z][A-Za-z0-9+.-]*"
# WooCommerce writes a comma within a URL as \, so that one separates nothing.
SEPARATOR = re.compile(rf"{BETWEEN}(?<!{BETWEEN}{BETWEEN})(?<!\\,){BETWEEN}*(?={SCHEME}://)")
FILE_SEPARATOR = re.compile(r"(?<!\\)[,;|\r\n]")  # a name of a file may have blanks
EXTENSION = re.compile(r"\.[A-Za-z0-9]{2,5}$")
# What all but a few cells of a file look like; anything else is looked at more closely.
PLAIN_URL = r"https?://[a-z0-9-]{1,62}(?:\.[a-z0-9-]{1,62}){1,3}/[!-+\--:=-\[\]-{}~]*"
PLAIN_CELL = re.compile(f"{PLAIN_URL}(?:, ?{PLAIN_URL})*")
AROUND_URL = BLANKS + ",;|"
WEB = re.compile(r"(?i:https?)://([^/?#]*)")
# Neither a scheme nor //; wix: is how Wix refers to its own files.
PATH = re.compile(r"(?!//|(?!wix:)[A-Za-z][A-Za-z0-9+.-]*:)")
UNUSABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
HOST = re.compile(rb"[A-Za-z0-9._-]+")
PORT = re.compile(r":[^\]]*$")
Reason = tuple[str, str]  # a code and a sentence


class CellRules(NamedTuple):
    """How the cells of a column are read: a file name or a path in them is joined to ``base_url``;
    without one it is left alone, if ``keeps_paths``, or else a mistake.
    """

    base_url: str | None = None
    keeps_paths: bool = False


URLS_ONLY = CellRules()


class Span(NamedTuple):
    """A URL as it is fetched, and where it stands in its cell."""

    start: int
    end: int
    url: str


def read(cell: str, rules: CellRules = URLS_ONLY) -> tuple[list[str], bool]:
    """The URLs of a cell in their order, and whether they are known to be good already."""
    if not cell:
        return [], True
    if len(cell) <= MAX_URL and PLAIN_CELL.fullmatch(cell):
        return cell.replace(" ", "").split(","), True
    found = split(cell, rules)
    return found, not found


def split(cell: str, rules: CellRules = URLS_ONLY) -> list[str]:
    """The URLs of a cell in their order, as they are fetched."""
    found = texts(cell, rules)
    if rules.base_url or "\\" in cell:
        return [_meant(text, rules.base_url) for text in found]
    return found


def texts(cell: str, rules: CellRules = URLS_ONLY) -> list[str]:
    """The URLs of a cell in their order, as they stand in it, without what is around them."""
    found = _pieces(cell, rules)
    if rules.keeps_paths and not rules.base_url:
        return [text for text in found if not is_path(text)]
    return found


def spans(cell: str, rules: CellRules = URLS_ONLY) -> list[Span]:
    """The URLs of a cell in their order, as they are fetched, each with its place."""
    found, end = [], 0
    for text in _pieces(cell, rules):
        start = cell.index(text, end)  # between two of them are only separators
        end = start + len(text)
        if rules.base_url or not (rules.keeps_paths and is_path(text)):
            found.append(Span(start, end, _meant(text, rules.base_url)))
    return found


def is_path(text: str) -> bool:
    """Whether a text is a file name, a path or an id of a shop's own, and no attempt at a URL."""
    return PATH.match(text) is not None


def _pieces(cell: str, rules: CellRules) -> list[str]:
    """What is between separators: URLs, and paths if they may be there."""
    is_mixed = rules != URLS_ONLY or cell.count("://") > 1
    parts = SEPARATOR.split(cell) if is_mixed else [cell]
    if rules.base_url:
        parts = [name for part in parts for name in _file_names(part)]
    return [text for part in parts if (text := part.strip(AROUND_URL))]


def _file_names(part: str) -> list[str]:
    """Several, if each of them has an extension; a comma within a name stays in it."""
    if begins_as_one(part):
        return [part]
    names = [name for piece in FILE_SEPARATOR.split(part) if (name := piece.strip(AROUND_URL))]
    return names if all(map(EXTENSION.search, names)) else [part]


def _meant(text: str, base_url: str | None) -> str:
    url = text.replace("\\,", ",")
    if not base_url:
        return url
    if url.startswith("//"):  # RFC 3986, section 4.2: the scheme alone is left out
        return base_url.partition("/")[0] + url
    is_name = PATH.match(url)
    return f"{base_url.rstrip('/')}/{url.lstrip('/').replace(' ', '%20')}" if is_name else url


def reason_against(url: str) -> Reason | None:
    """Why a URL can't be fetched, or None."""
    web = WEB.match(url)
    if not web:
        return "not_http", _not_http(url)
    if UNUSABLE.search(url):
        return "bad_character", (
            "has a blank or an invisible character in it; URLs are separated by a comma, "
            "and a blank within one is written %20."
        )
    if is_longer(url, MAX_URL):
        return "too_long", f"is longer than {MAX_URL} characters."
    return _reason_against_authority(web[1])


def begins_as_one(text: str) -> bool:
    """Whether a text begins with a scheme and ``//``, as a URL does."""
    return re.match(f"{SCHEME}://", text.strip(AROUND_URL)) is not None


def is_longer(text: str, limit: int) -> bool:
    """Whether a text has more than ``limit`` UTF-16 code units, as NVARCHAR counts them."""
    return 2 * len(text) > limit and len(text.encode("utf-16-le", "surrogatepass")) > 2 * limit


def shown(url: str) -> str:
    """A URL for a message: short, on one line, and without a password."""
    return ellipsis(re.sub(r"//[^/?#]*@", "//…@", url))


def ellipsis(text: str) -> str:
    """A text for a message: short and on one line."""
    return "".join(map(_printable, text[:80])) + "…" * (len(text) > 80)


def _printable(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"


def _not_http(url: str) -> str:
    if url.startswith("//"):
        return "has no scheme; write https: in front of it."
    scheme = re.match(f"({SCHEME}):", url)
    if scheme and scheme[1].lower() == "data":
        return "is the picture itself (data:); give the URL of a picture on a server."
    if scheme and scheme[1].lower() not in ("http", "https"):
        return f"begins with {scheme[1][:20]}:, but it must begin with http:// or https://."
    return "is not a full URL; it must begin with http:// or https:// and a host."


@lru_cache(maxsize=1024)  # A file has many URLs, but few hosts.
def _reason_against_authority(authority: str) -> Reason | None:
    """RFC 3986, section 3.2: ``[userinfo@]host[:port]``."""
    if "@" in authority:
        return "url_has_credentials", "has a user name or a password in it; that is not allowed."
    host, _, port = authority.rpartition(":") if PORT.search(authority) else (authority, "", "")
    if not host:
        return "no_host", "has no host."
    if not (_is_ipv6(host[1:-1]) if host[0] + host[-1] == "[]" else _is_name(host)):
        return "bad_host", "has a host that can't exist."
    if port and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
        return "bad_port", "needs a port from 1 to 65535."
    return None


def _is_ipv6(text: str) -> bool:
    try:
        return IPv6Address(text).scope_id is None
    except ValueError:
        return False


def _is_name(host: str) -> bool:
    """A name or an IPv4 address; letters beyond ASCII are judged by their IDNA form (RFC 3490)."""
    try:
        ascii_host = host.encode("idna") if len(host) <= MAX_HOST + 1 else b""
    except UnicodeError:
        return False
    return HOST.fullmatch(ascii_host) is not None
