"""Of a file that is stored with its pixels untouched, nothing stays that could be a program."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageSequence, PngImagePlugin, TiffImagePlugin

from compress import Options, compress
from compress.formats import FORMATS
from tests.unit.compress_samples import fading_photo, opened, photo, saved, saved_animation
from tests.unit.hostile_files import png_chunk

PAYLOAD = b"<?php system($_GET['c']); ?>"
TEXT = PAYLOAD.decode()
SIZE = (24, 18)


def riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + name + data


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x10E] = made[0x131] = TEXT
    made.get_ifd(0x8769)[0x9286] = PAYLOAD
    return made


def jpegs() -> Iterator[tuple[str, bytes]]:
    plain = saved(photo(SIZE), "JPEG")
    yield "exif", saved(photo(SIZE), "JPEG", exif=exif(), comment=PAYLOAD, xmp=PAYLOAD)
    for marker in (*range(0xE0, 0xF0), 0xFE):
        segment = bytes((0xFF, marker)) + struct.pack(">H", len(PAYLOAD) + 2) + PAYLOAD
        yield f"segment {marker:x}", plain[:2] + segment + plain[2:]
    jfif = plain[:4] + plain[4:18].replace(b"\0\x10", struct.pack(">H", 16 + 30), 1) + bytes(2)
    yield "thumbnail", jfif[:18] + bytes((2, 5)) + PAYLOAD + bytes(2) + plain[20:]
    yield "behind", plain + PAYLOAD
    yield (
        "second picture",
        saved(photo(SIZE), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)]) + PAYLOAD,
    )


def pngs() -> Iterator[tuple[str, bytes]]:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", TEXT)
    info.add_itxt("Title", TEXT)
    yield "texts", saved(photo(SIZE), "PNG", pnginfo=info, exif=exif())
    plain = saved(photo(SIZE), "PNG")
    for name in (b"tIME", b"hIST", b"pHYs", b"sPLT", b"prVt", b"dSIG"):
        yield name.decode(), plain[:33] + png_chunk(name, PAYLOAD) + plain[33:]
    empty = b"II*\0\x08" + bytes(9)
    yield "eXIf", plain[:33] + png_chunk(b"eXIf", empty + PAYLOAD) + plain[33:]
    yield "before the end", plain[:-12] + png_chunk(b"tEXt", PAYLOAD) + plain[-12:]
    yield "behind", plain + PAYLOAD
    frames = [photo(SIZE), photo(SIZE).rotate(9)]
    animated = saved_animation("PNG", frames, [40, 80], pnginfo=info)
    yield "animation", animated + PAYLOAD


def webps() -> Iterator[tuple[str, bytes]]:
    yield "exif and xmp", saved(photo(SIZE), "WEBP", exif=exif(), xmp=PAYLOAD)
    animated = saved_animation("WEBP", [photo(SIZE), photo(SIZE).rotate(9)], [40, 80], xmp=PAYLOAD)
    for name, plain in (("still", saved(photo(SIZE), "WEBP")), ("animation", animated)):
        chunk = riff_chunk(b"PHP ", PAYLOAD)
        longer = struct.pack("<I", len(plain) - 8 + len(chunk))
        yield f"{name}, chunk", plain[:4] + longer + plain[8:] + chunk
        yield f"{name}, behind", plain + PAYLOAD


def gifs() -> Iterator[tuple[str, bytes]]:
    frames = [photo(SIZE).quantize(16), photo(SIZE).rotate(9).quantize(16)]
    for name, plain in (
        ("still", saved(frames[0], "GIF")),
        ("animation", saved_animation("GIF", frames, [40, 80], loop=3)),
    ):
        at = 13 + (6 << (plain[10] & 7))  # behind the colour table
        block = bytes([len(PAYLOAD)]) + PAYLOAD + b"\0"
        for kind, extension in (
            ("comment", b"!\xfe" + block),
            ("application", b"!\xff\x0bXMP DataXMP" + block),
            ("loops", b"!\xff\x0bNETSCAPE2.0\3\1\3\0" + block),
            ("text", b"!\1\x0c" + bytes(12) + block),
            ("unknown", b"!\x77" + block),
            ("control", b"!\xf9\4\0\5\0\0" + block),
        ):
            yield f"{name}, {kind}", plain[:at] + extension + plain[at:]
        yield f"{name}, behind", plain + PAYLOAD


def avifs() -> Iterator[tuple[str, bytes]]:
    frames = [photo(SIZE), photo(SIZE).rotate(9)]
    for name, plain in (
        ("still", saved(photo(SIZE), "AVIF", exif=exif(), xmp=PAYLOAD)),
        ("animation", saved_animation("AVIF", frames, [40, 80], xmp=PAYLOAD)),
    ):
        yield f"{name}, exif and xmp", plain
        for kind in (b"free", b"skip", b"uuid", b"udta", b"mdat", b"php "):
            yield f"{name}, {kind.decode()}", plain + box(kind, PAYLOAD)
        yield f"{name}, behind", plain + PAYLOAD


def tiffs() -> Iterator[tuple[str, bytes]]:
    known = tiff_tags(269, 270, 271, 272, 285, 305, 316, 700)
    tags = tiff_tags(269, 270, 271, 272, 285, 305, 306, 316, 700, 33723, 34377, 37724, 65000)
    for mode in ("RGB", "I;16B"):
        image = photo(SIZE) if mode == "RGB" else photo(SIZE).convert("I").convert("I;16B")
        pages: dict[str, Any] = {"save_all": True, "append_images": [image]}
        yield f"{mode}, raw", saved(image, "TIFF", tiffinfo=tags, **pages) + PAYLOAD
        yield f"{mode}, EXIF", saved(image, "TIFF", exif=exif(), **pages) + PAYLOAD
        lzw = saved(image, "TIFF", compression="tiff_lzw", tiffinfo=known, **pages)
        yield f"{mode}, LZW", lzw + PAYLOAD
    yield "big", saved(photo(SIZE), "TIFF", big_tiff=True, tiffinfo=tags) + PAYLOAD


def tiff_tags(*tags: int) -> TiffImagePlugin.ImageFileDirectory_v2:
    made = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in tags:
        made[tag] = PAYLOAD if tag in (700, 33723, 34377, 37724) else TEXT
    return made


def bmps() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        plain = saved(photo(SIZE).convert(mode), "BMP")
        at = struct.unpack_from("<I", plain, 10)[0]
        gap = plain[:10] + struct.pack("<I", at + len(PAYLOAD)) + plain[14:at] + PAYLOAD
        yield f"{mode}, gap", gap + plain[at:]
        yield f"{mode}, behind", plain + PAYLOAD
    # Version 5 has a colour space and a profile in its header.
    plain = saved(photo(SIZE), "BMP")
    longer = struct.pack("<I", 124) + plain[18:54] + bytes(16) + PAYLOAD * 2 + bytes(12)
    yield "header", plain[:10] + struct.pack("<I", 138) + longer + plain[54:] + PAYLOAD


def icos() -> Iterator[tuple[str, bytes]]:
    sizes = [(16, 16), (32, 32)]
    for kind in ("png", "bmp"):
        plain = saved(fading_photo((32, 32)), "ICO", sizes=sizes, bitmap_format=kind)
        yield f"{kind}, behind", plain + PAYLOAD
        entries = [list(struct.unpack_from("<4B2H2I", plain, 6 + 16 * each)) for each in (0, 1)]
        for entry in entries:
            entry[-1] += len(PAYLOAD)
        directory = b"".join(struct.pack("<4B2H2I", *entry) for entry in entries)
        yield f"{kind}, gap", plain[:6] + directory + PAYLOAD + plain[38:]


FILES = {
    f"{format}: {name}": (format, content)
    for format, made in {
        "jpeg": jpegs,
        "png": pngs,
        "webp": webps,
        "gif": gifs,
        "avif": avifs,
        "tiff": tiffs,
        "bmp": bmps,
        "ico": icos,
    }.items()
    for name, content in made()
}


@pytest.mark.parametrize("name", FILES)
def test_no_payload_stays_beside_untouched_pixels(name: str) -> None:
    format, content = FILES[name]
    kept = FORMATS[format].remove_metadata(content, b"")
    assert hidden(content)
    assert not hidden(kept)
    assert len(kept) <= len(content)
    assert pixels(kept) == pixels(content)


@pytest.mark.parametrize("name", FILES)
def test_no_payload_is_stored(name: str) -> None:
    _, content = FILES[name]
    for options in (Options(), Options(reduce_by=95, keep_dimensions=True), Options(format="png")):
        assert not hidden(compress(content, options).content)


def hidden(content: bytes) -> bool:
    """Also in what is packed in a PNG, where the payload ends a chunk or is its text."""
    return b"<?php" in content


def pixels(content: bytes) -> list[Any]:
    """Of each frame that is kept, with its duration; of each size of an icon."""
    image = opened(content)
    if image.format == "ICO":
        return [
            image.ico.getimage(size).convert("RGBA").tobytes()  # type: ignore[attr-defined]
            for size in sorted(image.info["sizes"])
        ]
    if image.format in ("MPO", "JPEG"):
        return [image.tobytes()]
    return [
        (frame.size, frame.mode, frame.tobytes(), frame.info.get("duration"))
        for frame in ImageSequence.Iterator(image)
    ]


RIGHTS = {0x8298: "© Zoë Müller", 0x13B: "Åsa Öberg"}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_copyright_and_artist_stay_beside_untouched_pixels(format: str) -> None:
    stated, full = Image.Exif(), exif()
    stated.update({tag: text.encode() for tag, text in RIGHTS.items()})
    full.update(stated)
    content = saved(photo(SIZE), format, exif=full)
    kept = FORMATS[format.lower()].remove_metadata(content, stated.tobytes())
    found = opened(kept).getexif()
    assert {tag: found[tag].encode("latin-1").decode() for tag in RIGHTS} == RIGHTS
    assert not hidden(kept)
    assert pixels(kept) == pixels(content)
