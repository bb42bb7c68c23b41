"""Copyright and artist stay, as EXIF; everything else that metadata tells goes."""

from __future__ import annotations

import random
import struct
import time
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from compress import Options, Unreadable, compress
from compress.rights import MAX_TEXT, MAX_XMP
from tests.unit.compress_samples import (
    animation,
    fading_photo,
    opened,
    photo,
    saved,
    saved_animation,
    timing,
)

ORIENTATION, COPYRIGHT, ARTIST = 0x112, 0x8298, 0x13B
HOLDER, AUTHOR = "© 2026 Zoë Müller", "Åsa Öberg"
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]
BOTH = {COPYRIGHT: HOLDER, ARTIST: AUTHOR}


def exif(copyright: str = HOLDER, artist: str = AUTHOR, orientation: int = 1) -> Image.Exif:
    """With a position and a camera beside the rights."""
    made = Image.Exif()
    made[COPYRIGHT], made[ARTIST] = copyright.encode(), artist.encode()
    made[0x10F] = "Secret Camera"
    made.get_ifd(0x8825)[2] = (48.0, 8.0, 14.0)
    if orientation != 1:
        made[ORIENTATION] = orientation
    return made


def xmp(rights: str, creators: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description exif:GPSLatitude="Secret">'
        f"<dc:rights><rdf:Alt>{rights}</rdf:Alt></dc:rights>"
        f"<dc:creator>\n <rdf:Seq>{creators}</rdf:Seq>\n</dc:creator>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


FULL_XMP = xmp(
    f'<rdf:li xml:lang="sv">Zoë</rdf:li> <rdf:li xml:lang="x-default">{HOLDER}</rdf:li>',
    f"<rdf:li>{AUTHOR}</rdf:li> <rdf:li>Tom &amp; Jerry</rdf:li>",
)


def with_xmp(format: str, packet: bytes) -> bytes:
    how: dict[str, Any] = {"xmp": packet}
    if format == "PNG":
        how = {"pnginfo": PngImagePlugin.PngInfo()}
        how["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    if format == "TIFF":
        how = {"tiffinfo": {700: packet}}
    return saved(photo((400, 300)), format, **how)


def dataset(number: int, value: bytes) -> bytes:
    return struct.pack(">3BH", 0x1C, 2, number, len(value)) + value


def with_iptc(iptc: bytes) -> bytes:
    """A JPEG with an image resource 0x0404 in its APP13."""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
    segment = b"Photoshop 3.0\0" + resource
    jpeg = saved(photo((400, 300)), "JPEG", quality=90)
    return jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def rights(content: bytes) -> dict[int, str]:
    """What EXIF states; Pillow takes its UTF-8 for Latin-1."""
    found = opened(content).getexif()
    return {tag: found[tag].encode("latin-1").decode() for tag in BOTH if tag in found}


@pytest.mark.parametrize("format", FORMATS)
def test_copyright_and_artist_stay_and_the_rest_of_exif_goes(format: str) -> None:
    done = compress(saved(photo((400, 300)), format, exif=exif()))
    assert rights(done.content) == BOTH
    assert 0x8825 not in opened(done.content).getexif()
    assert b"Secret" not in done.content
    if format != "TIFF":
        assert set(opened(done.content).getexif()) == {COPYRIGHT, ARTIST}


@pytest.mark.parametrize("format", FORMATS)
def test_what_xmp_states_is_kept_as_exif_and_xmp_goes(format: str) -> None:
    done = compress(with_xmp(format, FULL_XMP))
    assert rights(done.content) == {COPYRIGHT: HOLDER, ARTIST: f"{AUTHOR}; Tom & Jerry"}
    assert "xmp" not in opened(done.content).info
    assert b"Secret" not in done.content


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_what_iptc_states_is_kept_as_exif_and_iptc_goes(encoding: str) -> None:
    iptc = dataset(90, b"Secret City") + dataset(116, HOLDER.encode(encoding))
    iptc += dataset(80, AUTHOR.encode(encoding)) + dataset(80, b"Bob")
    done = compress(with_iptc(iptc))
    assert rights(done.content) == {COPYRIGHT: HOLDER, ARTIST: f"{AUTHOR}; Bob"}
    assert b"Secret" not in done.content


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("format", FORMATS)
def test_rights_stay_in_another_format(format: str, target: str) -> None:
    done = compress(saved(photo((400, 300)), format, exif=exif()), Options(format=target))
    assert done.format == target
    assert rights(done.content) == BOTH


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_rights_and_orientation_stay_together(format: str) -> None:
    done = compress(saved(photo((400, 300)), format, exif=exif(orientation=6)))
    assert opened(done.content).getexif()[ORIENTATION] == 6
    assert HOLDER.encode() in done.content
    assert AUTHOR.encode() in done.content


@pytest.mark.parametrize("format", ["WEBP", "PNG", "AVIF"])
def test_an_animation_keeps_its_rights(format: str) -> None:
    durations = [40, 80, 120, 160, 200]
    frames = animation(size=(200, 150))
    original = saved_animation(format, frames, durations)
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", FULL_XMP.decode())
        original = saved_animation(format, frames, durations, pnginfo=info)
    else:
        original = saved_animation(format, frames, durations, exif=exif().tobytes())
    done = compress(original, Options(reduce_by=30))
    assert rights(done.content)[COPYRIGHT] == HOLDER
    assert rights(done.content)[ARTIST].startswith(AUTHOR)
    assert timing(done.content) == durations


def test_the_rights_of_a_tiff_stand_in_its_first_page() -> None:
    pages = animation(3)
    tags = {COPYRIGHT: HOLDER.encode()}
    how = {"save_all": True, "append_images": pages[1:], "tiffinfo": tags}
    done = compress(saved(pages[0], "TIFF", **how))
    assert rights(done.content) == {COPYRIGHT: HOLDER}
    assert done.content.count(HOLDER.encode()) == 1


@pytest.mark.parametrize("image", [photo(), fading_photo()], ids=["RGB", "RGBA"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("profile", [b"", b"anything"])
def test_a_webp_that_is_mostly_metadata_keeps_its_pixels(
    image: Image.Image, orientation: int, lossless: bool, profile: bytes
) -> None:
    plain = saved(image, "WEBP", quality=60, lossless=lossless, icc_profile=profile)
    ours = exif("Zoë", "", orientation).tobytes()[6:]
    heavy = plain + b"EXIF" + struct.pack("<I", len(ours)) + ours + bytes(len(ours) % 2)
    heavy += b"junk" + struct.pack("<I", 60_000) + bytes(60_000)
    heavy = heavy[:4] + struct.pack("<I", len(heavy) - 8) + heavy[8:]
    if heavy[12:16] == b"VP8X":
        heavy = heavy[:20] + bytes([heavy[20] | 8]) + heavy[21:]
    else:
        flags = 8 | (16 if image.mode == "RGBA" else 0)
        header = b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0, 199, 0, 0, 149, 0, 0))
        heavy = heavy[:4] + struct.pack("<I", len(heavy) + 10) + heavy[8:12] + header + heavy[12:]
    done = compress(heavy)
    after = opened(done.content)
    assert done.method == "lossless"
    assert len(done.content) < len(plain) + 200
    assert (after.mode, after.tobytes()) == (image.mode, opened(plain).tobytes())
    assert after.getexif().get(ORIENTATION, 1) == orientation
    assert rights(done.content) == {COPYRIGHT: "Zoë"}


def test_exif_comes_before_iptc_and_iptc_before_xmp() -> None:
    iptc = dataset(116, b"of IPTC") + dataset(80, b"by IPTC")
    both = with_iptc(iptc)
    packet = b"http://ns.adobe.com/xap/1.0/\0" + FULL_XMP
    both = both[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + both[2:]
    assert rights(compress(both).content) == {COPYRIGHT: "of IPTC", ARTIST: "by IPTC"}
    block = exif("of EXIF", "        ").tobytes()
    all_three = both[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + both[2:]
    assert rights(compress(all_three).content) == {COPYRIGHT: "of EXIF", ARTIST: "by IPTC"}


def test_control_characters_go() -> None:
    done = compress(saved(photo((400, 300)), "JPEG", exif=exif("Zoë\0\x1b[1mTom\r\n ", "\0 \x7f")))
    assert rights(done.content) == {COPYRIGHT: "Zoë; [1mTom"}


@pytest.mark.parametrize("format", FORMATS)
def test_rights_of_more_than_2_percent_of_the_budget_go(format: str) -> None:
    plain = saved(photo((400, 300)), format)
    fits, too_long = "F" * 30, "L" * (len(plain) // 80)
    done = compress(saved(photo((400, 300)), format, exif=exif(too_long, fits)))
    assert rights(done.content) == {ARTIST: fits}
    done = compress(saved(photo((400, 300)), format, exif=exif(fits, too_long)))
    assert rights(done.content) == {COPYRIGHT: fits}
    assert b"LLLL" not in done.content


def test_rights_that_no_jpeg_can_hold_go_however_large_the_budget() -> None:
    packet = xmp(f"<rdf:li>{'L' * 70_000}</rdf:li>", f"<rdf:li>{'A' * MAX_TEXT}</rdf:li>")
    original = with_xmp("TIFF", packet)
    done = compress(original, Options(format="jpeg", max_bytes=50_000_000))
    assert rights(done.content) == {ARTIST: "A" * MAX_TEXT}


BOMB = b'<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
HOSTILE_XMP = {
    "entities": BOMB + xmp("<rdf:li>&b;&b;</rdf:li>", ""),
    "external": b'<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    + xmp("<rdf:li>&b;</rdf:li>", ""),
    "no end": b"<dc:rights>" * (MAX_XMP // 11),
    "items without an end": xmp("<rdf:li" * (MAX_XMP // 8), ""),
    "items without text": xmp("", "<rdf:li>" * (MAX_XMP // 9)),
    "brackets": xmp("<rdf:li" + ">" * (MAX_XMP - 400), ""),
    "a huge number": xmp(f"<rdf:li>&#{'9' * (MAX_XMP - 400)};</rdf:li>", ""),
    "ampersands": xmp(f"<rdf:li>{'&' * (MAX_XMP - 400)}</rdf:li>", ""),
    "many items": xmp("", "<rdf:li>a</rdf:li>" * (MAX_XMP // 19)),
    "surrogates": xmp("<rdf:li>&#xD800;&#0;&#x110000;</rdf:li>", ""),
    "too long": xmp("<rdf:li>a</rdf:li>", " " * MAX_XMP),
    "noise": random.Random(1).randbytes(60_000).decode("latin-1").encode(),  # noqa: S311
}


@pytest.mark.parametrize("name", HOSTILE_XMP)
def test_hostile_xmp_is_harmless(name: str) -> None:
    original = with_xmp("WEBP", HOSTILE_XMP[name])
    start = time.process_time()
    done = compress(original, Options(reduce_by=95))
    assert time.process_time() - start < 5
    assert len(rights(done.content).get(COPYRIGHT, "")) < 10
    assert b"lol" not in done.content
    assert b"root:" not in done.content


@pytest.mark.parametrize(
    "iptc",
    [
        b"\x1c\x02\x74\xff\xff" + bytes(400),
        b"\x1c\x02\x74\x80\x04\0\0\0\x04Zoe!",
        b"\x1c\x02",
        b"\x1c\x02\x50\0\0" * 12_000,
        b"\0",
        b"",
    ],
    ids=["too long", "extended", "cut off", "countless", "nothing", "empty"],
)
def test_malformed_iptc_is_ignored(iptc: bytes) -> None:
    assert rights(compress(with_iptc(iptc)).content) == {}


@pytest.mark.parametrize("value", [7, b"\xff\xfe\0\0", 1.5])
def test_a_copyright_that_is_not_a_text_is_ignored(value: Any) -> None:
    tags = ImageFileDirectory_v2()
    tags.tagtype[COPYRIGHT] = {int: 3, bytes: 7, float: 12}[type(value)]
    tags[COPYRIGHT] = value
    block = b"Exif\0\0" + b"II*\0\x08\0\0\0" + tags.tobytes(8)
    done = compress(saved(photo((400, 300)), "JPEG", exif=block))
    assert rights(done.content) == {}


def test_changed_bytes_of_metadata_never_harm() -> None:
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    small = photo((24, 18))
    for format in ("JPEG", "WEBP", "AVIF"):
        original = saved(small, format, exif=exif(orientation=6), xmp=FULL_XMP)
        for _ in range(60):
            mutated = bytearray(original)
            for _ in range(chance.randint(1, 6)):
                mutated[chance.randrange(len(mutated))] = chance.choice((0, 1, 127, 128, 255))
            try:
                done = compress(bytes(mutated), max_pixels=100_000)
            except Unreadable:
                continue
            opened(done.content).load()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_without_rights_gets_the_bytes_it_would_get_without_metadata(format: str) -> None:
    bare = Image.Exif()
    bare[0x10F] = "Secret Camera"
    plain, tagged = (saved(photo(), format, exif=each) for each in (b"", bare))
    limit = Options(max_bytes=len(plain) // 2)
    assert compress(tagged, limit).content == compress(plain, limit).content
