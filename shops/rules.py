"""The kinds of rules that importers have for an image and its link, each made by a function.

A rule is as certain as its source. Its sentence says no more than that: what only third parties
report "may" be refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

MEGABYTE = 1_000_000
FORMAT_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "avif": "AVIF",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "ico": "ICO",
}
EXTENSIONS = {"jpeg": ("jpg", "jpeg"), "tiff": ("tif", "tiff")}  # where there are others
INNER_NAMES = ("local", "localhost", "internal", "lan", "home", "test", "invalid")
# How names=position names an image; the next upload has the same.
NAMED_BY_POSITION = re.compile(r"/\d+-\d+\.\w+$")


class Certainty(StrEnum):
    """How much is known of a rule, by where it was read."""

    CERTAIN = "certain"  # in the shop's own code, or on its official page
    LIKELY = "likely"  # in an official text of which only a part was seen
    HINT = "a hint"  # of third parties


class Verbs(NamedTuple):
    """What the importer does, as surely as it is known."""

    certain: str
    likely: str
    hint: str


REFUSES = Verbs("refuses that", "probably refuses that", "may refuse that")
WARNS = Verbs("warns of that", "probably warns of that", "may warn of that")
CANNOT_FETCH = Verbs("cannot fetch them", "probably cannot fetch them", "may not reach them")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule was read."""

    name: str
    url: str
    certainty: Certainty


class CheckedImage(NamedTuple):
    """A finished image as an importer meets it; its figures are None where they are not known.

    ``url`` is its new one; ``position`` is its place in the row.
    """

    row: int
    position: int
    url: str
    format: str | None
    output_bytes: int | None
    width: int | None
    height: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One thing that an importer asks for.

    ``wrong`` says what is wrong with an image, as the beginning of a sentence, or None; ``takes``
    is what the importer takes instead. ``is_of_link``: it is the same for all images of a request,
    whose links differ in their last part only.
    """

    code: str
    source: Source
    wrong: Callable[[CheckedImage], str | None]
    takes: str
    verbs: Verbs = REFUSES
    is_of_link: bool = False

    def message(self, wrong: str, shop: str) -> str:
        """The sentence for people."""
        verb = getattr(self.verbs, self.source.certainty.name.lower())
        return f"{wrong}: {shop} {verb}; {self.takes}."


def formats(*taken: str, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        if image.format is None or image.format in taken:
            return None
        return f"The format of the image is {FORMAT_NAMES.get(image.format, image.format)}"

    listed = ", ".join(FORMAT_NAMES[each] for each in taken)
    return Rule(code="format", source=by, wrong=wrong, takes=f"it takes {listed}")


def true_extension(*, by: Source) -> Rule:
    """The link ends in the extension of what it leads to."""

    def wrong(image: CheckedImage) -> str | None:
        if image.format is None:
            return None
        extension = image.url.rpartition(".")[2]
        if extension in EXTENSIONS.get(image.format, (image.format,)):
            return None
        return f"The link ends in .{extension}, and the format is {FORMAT_NAMES[image.format]}"

    return Rule(code="extension", source=by, wrong=wrong, takes="it goes by the extension")


def max_bytes(megabytes: int, *, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        if (image.output_bytes or 0) <= megabytes * MEGABYTE:
            return None
        return f"The image has {image.output_bytes:,} bytes"

    return Rule(code="too_many_bytes", source=by, wrong=wrong, takes=f"it takes {megabytes} MB")


def max_pixels(megapixels: int, *, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        pixels = (image.width or 0) * (image.height or 0)
        return _has_pixels(image) if pixels > megapixels * 1_000_000 else None

    takes = f"it takes {megapixels} megapixels"
    return Rule(code="too_many_pixels", source=by, wrong=wrong, takes=takes)


def many_pixels(megapixels: int, refused_from: int, *, by: Source) -> Rule:
    """So many that a shop takes them with a warning."""

    def wrong(image: CheckedImage) -> str | None:
        pixels = (image.width or 0) * (image.height or 0)
        is_between = megapixels * 1_000_000 < pixels <= refused_from * 1_000_000
        return _has_pixels(image) if is_between else None

    takes = f"it asks for {megapixels} megapixels at most"
    return Rule(code="many_pixels", source=by, wrong=wrong, takes=takes, verbs=WARNS)


def min_sides(pixels: int, *, by: Source, since: str = "") -> Rule:
    """Both sides; the rule may begin on a day."""

    def wrong(image: CheckedImage) -> str | None:
        if not image.width or not image.height or min(image.width, image.height) >= pixels:
            return None
        return _has_pixels(image)

    takes = f"it takes {pixels} x {pixels} pixels and more"
    takes += f", from {since} on" if since else ""
    return Rule(code="too_few_pixels", source=by, wrong=wrong, takes=takes)


def min_longest_side(pixels: int, *, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        if not image.width or not image.height or max(image.width, image.height) >= pixels:
            return None
        return _has_pixels(image)

    takes = f"the longest side has {pixels:,} or more"
    return Rule(code="too_few_pixels", source=by, wrong=wrong, takes=takes)


def max_longest_side(pixels: int, *, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        is_too_long = max(image.width or 0, image.height or 0) > pixels
        return _has_pixels(image) if is_too_long else None

    takes = f"the longest side has {pixels:,} at most"
    return Rule(code="too_many_pixels", source=by, wrong=wrong, takes=takes)


def still_gifs(*, by: Source) -> Rule:
    """Whether one moves is not known here."""

    def wrong(image: CheckedImage) -> str | None:
        return "The image is a GIF, which may move" if image.format == "gif" else None

    return Rule(code="moving_gif", source=by, wrong=wrong, takes="it takes still ones")


def max_images(most: int, *, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        return f"This is image {image.position} of its row" if image.position > most else None

    return Rule(code="too_many_images", source=by, wrong=wrong, takes=f"it takes {most}")


def max_url(most: int, *, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        return f"The link has {len(image.url)} characters" if len(image.url) > most else None

    return Rule(code="url_too_long", source=by, wrong=wrong, takes=f"it takes {most:,}")


def unique_names(*, by: Source) -> Rule:
    def wrong(image: CheckedImage) -> str | None:
        if not NAMED_BY_POSITION.search(image.url):
            return None
        return "Images are named after their places, which your next upload has, too"

    takes = "names=sku of an upload gives each picture a name of its own"
    return _of_link("name_not_unique", by, wrong, takes)


def https_only(*, by: Source) -> Rule:
    def wrong(link: SplitResult) -> str | None:
        return None if link.scheme == "https" else f"The links begin with {link.scheme}"

    return _of_address("not_https", by, wrong, "it takes https")


def ports(*taken: int, by: Source) -> Rule:
    def wrong(link: SplitResult) -> str | None:
        return None if link.port in (None, *taken) else f"The links have the port {link.port}"

    listed = " or ".join(map(str, taken))
    return _of_address("port", by, wrong, f"it takes none, or {listed}")


def public_host(*, by: Source) -> Rule:
    def wrong(link: SplitResult) -> str | None:
        host = link.hostname or ""
        return None if is_public(host) else f"The links lead to {host}, which is not public"

    takes = "PUBLIC_BASE_URL says what links begin with"
    return _of_address("not_public", by, wrong, takes, CANNOT_FETCH)


def plain_links(forbidden: str = "", *, by: Source) -> Rule:
    """Links in ASCII, without some characters."""

    def wrong(image: CheckedImage) -> str | None:
        found = {each for each in image.url if each in forbidden or not each.isascii()}
        return f"The links have {' '.join(sorted(found))} in them" if found else None

    return _of_link("character", by, wrong, "it takes plain ASCII")


def is_public(host: str) -> bool:
    """Whether a name or an address may be one that everybody can reach; nothing is looked up."""
    try:
        return ip_address(host).is_global
    except ValueError:
        labels = host.rstrip(".").split(".")
        return len(labels) > 1 and labels[-1] not in INNER_NAMES


def _of_link(
    code: str,
    source: Source,
    wrong: Callable[[CheckedImage], str | None],
    takes: str,
    verbs: Verbs = REFUSES,
) -> Rule:
    return Rule(code=code, source=source, wrong=wrong, takes=takes, verbs=verbs, is_of_link=True)


def _of_address(
    code: str,
    source: Source,
    wrong: Callable[[SplitResult], str | None],
    takes: str,
    verbs: Verbs = REFUSES,
) -> Rule:
    return _of_link(code, source, lambda image: wrong(urlsplit(image.url)), takes, verbs)


def _has_pixels(image: CheckedImage) -> str:
    return f"The image has {image.width:,} x {image.height:,} pixels"
