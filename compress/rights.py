"""Who holds the rights of an image: what EXIF, IPTC or XMP say of copyright and creator.

Files lie, so each source is read up to a limit, in linear time, and is ignored where it is
malformed. XMP is searched as text: no XML parser ever sees it, so it has no entities to expand.
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

from PIL import AvifImagePlugin, ExifTags, Image

from compress.input_image import DECODER_ERRORS

COPYRIGHT, ARTIST = ExifTags.Base.Copyright, ExifTags.Base.Artist
# Rights that take more than this share of the budget are left out: they cost the image quality.
MAX_SHARE = 0.02
# Bytes of one text. A JPEG has 64 KB for all of its EXIF.
MAX_TEXT = 8_000
# Bytes of what is searched. In a JPEG each has 64 KB at most; elsewhere there is no limit.
MAX_XMP, MAX_IPTC = 256_000, 65_536

# Image resource 0x0404 of Photoshop (Adobe Photoshop File Formats), and the TIFF tag of IPTC.
PHOTOSHOP_IPTC, TIFF_IPTC = 0x0404, 33723
# Datasets of record 2 (IPTC-NAA Information Interchange Model 4.2, section 6).
IPTC_BY_LINE, IPTC_COPYRIGHT = 80, 116

# An item of an array in XMP (part 1, section 7.7): no class runs past the next "<".
XMP_ITEM = re.compile(r"<rdf:li([^<>]*)>([^<]*)</rdf:li>")
CONTROLS = re.compile(r"[\0-\x1f\x7f-\x9f]")


class Rights(NamedTuple):
    """Both as one line of text, or empty."""

    copyright: str = ""
    artist: str = ""

    def exif_tags(self) -> dict[int, bytes]:
        """The tags that are not empty. They are UTF-8, as most programs write and read them.

        As bytes, because Pillow writes a question mark for what is not ASCII in a ``str``.
        """
        tags = {COPYRIGHT: self.copyright, ARTIST: self.artist}
        return {tag: text.encode() for tag, text in tags.items() if text}


NO_RIGHTS = Rights()


def find_rights(image: Image.Image) -> Rights:
    """Of each the first that is stated in EXIF, IPTC or XMP."""
    copyrights, artists = zip(*_stated(image), strict=True)
    return Rights(next(filter(None, copyrights), ""), next(filter(None, artists), ""))


def _stated(image: Image.Image) -> Iterable[Rights]:
    for source in (_from_exif, _from_iptc, _from_xmp):
        try:
            yield source(image)
        except DECODER_ERRORS:
            yield NO_RIGHTS


def _from_exif(image: Image.Image) -> Rights:
    """A NUL parts the copyright of the photographer from that of the editor (Exif 2.32, 4.6.4)."""
    exif = _exif(image)
    values = (exif.get(tag) for tag in (COPYRIGHT, ARTIST))
    # Pillow has decoded the text as Latin-1, whatever it is.
    encoded = (value.encode("latin-1") if isinstance(value, str) else b"" for value in values)
    return Rights(*(_line(value.split(b"\0")) for value in encoded))


def _exif(image: Image.Image) -> Image.Exif:
    """As it is in the file: of a turned AVIF, Pillow shows it rewritten in ASCII."""
    if not isinstance(image, AvifImagePlugin.AvifImageFile):
        return image.getexif()
    exif = Image.Exif()
    exif.load(image._decoder.get_info()[4])
    return exif


def _from_iptc(image: Image.Image) -> Rights:
    iptc = image.info.get("photoshop", {}).get(PHOTOSHOP_IPTC)
    iptc = iptc or getattr(image, "tag_v2", {}).get(TIFF_IPTC)
    if not isinstance(iptc, bytes) or len(iptc) > MAX_IPTC:
        return NO_RIGHTS
    found = _application_record(iptc)
    return Rights(_line(found.get(IPTC_COPYRIGHT, [])[:1]), _line(found.get(IPTC_BY_LINE, [])))


def _application_record(iptc: bytes) -> dict[int, list[bytes]]:
    """The values of each dataset of record 2, up to the first one that is not standard.

    A standard dataset has less than 32 KB (section 1.5 (b)).
    """
    found: dict[int, list[bytes]] = {}
    at = 0
    while at + 5 <= len(iptc) and iptc[at] == 0x1C:
        record, number, size = struct.unpack_from(">2BH", iptc, at + 1)
        if size >= 1 << 15:
            break
        if record == 2:
            found.setdefault(number, []).append(iptc[at + 5 : at + 5 + size])
        at += 5 + size
    return found


def _from_xmp(image: Image.Image) -> Rights:
    """The copyright in the default language, which else is the first; all creators."""
    xmp = image.info.get("xmp")
    if not isinstance(xmp, bytes) or len(xmp) > MAX_XMP:
        return NO_RIGHTS
    text = _decoded(xmp)
    rights = sorted(_items(text, "dc:rights"), key=lambda item: "x-default" not in item[0])
    creators = _items(text, "dc:creator")
    found = (rights[:1], creators)
    return Rights(*(_line(html.unescape(value) for _, value in each) for each in found))


def _items(xmp: str, name: str) -> list[tuple[str, str]]:
    """(attributes, text) of each item of a property."""
    array, end, _ = xmp.partition(f"<{name}>")[2].partition(f"</{name}>")
    return XMP_ITEM.findall(array) if end else []


def _line(values: Iterable[bytes | str]) -> str:
    """All of them in one line without control characters; empty where it is too long."""
    texts = (value if isinstance(value, str) else _decoded(value) for value in values)
    words = (" ".join(CONTROLS.sub(" ", text).split()) for text in texts)
    line = "; ".join(filter(None, words))
    return line if len(line.encode()) <= MAX_TEXT else ""


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
