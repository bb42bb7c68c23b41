"""Files that lie about their sizes, made at random in each format; the same ones every time."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.unit.compress_samples import saved, saved_animation

Chance = random.Random
SIDES = (1, 7, 16, 60, 99, 101, 250, 400)  # two of them are above or below a limit of 10,000 pixels
NUMBERS = (0, 1, 16, 99, 101, 400, 5_000, 40_000)


def plain(chance: Chance, mode: str = "RGB") -> Image.Image:
    size = chance.choice(SIDES), chance.choice(SIDES)
    return Image.new(mode, size, chance.randrange(256) if mode in "LP1" else "teal")


def with_bytes(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg(chance: Chance) -> bytes:
    """Another size in its frame header; a second one, or a hierarchy's; a second picture."""
    content = saved(plain(chance), "JPEG", progressive=chance.random() < 0.3)
    at = content.index(b"\xff\xc2" if b"\xff\xc2" in content else b"\xff\xc0")
    size = struct.pack(">2H", chance.choice(NUMBERS), chance.choice(NUMBERS))
    lie = with_bytes(content, at + 5, size)
    frame = content[at : at + 19]
    other = bytes([0xFF, chance.choice((0xC0, 0xC1, 0xC2, 0xDE))]) + lie[at + 2 : at + 19]
    return chance.choice(
        (
            lie,
            content[:at] + other + content[at:],
            content[: at + len(frame)] + other + content[at + len(frame) :],
            saved(plain(chance), "MPO", save_all=True, append_images=[plain(chance)]),
        )
    )


def png(chance: Chance) -> bytes:
    """Several headers; animations whose frames leave the canvas, are out of order or fewer."""
    size = chance.choice(SIDES), chance.choice(SIDES)
    rows = zlib.compress(b"\0" * (size[0] + 1) * size[1])

    def header() -> bytes:
        width, height = chance.choice((size, (chance.choice(NUMBERS), chance.choice(NUMBERS))))
        return png_chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))

    def control(number: int) -> bytes:
        box = [chance.choice((*size, 1, 0, 0, *NUMBERS)) for _ in range(4)]
        box = chance.choice((box, [*size, 0, 0]))
        options = struct.pack(">2H2B", 1, 10, chance.randrange(3), chance.randrange(2))
        return png_chunk(b"fcTL", struct.pack(">5I", number, *box) + options)

    frames = chance.choice((0, 1, 2, 3, 9))
    parts = [b"\x89PNG\r\n\x1a\n", header()]
    if frames:
        claimed = chance.choice((frames, frames, 1, 1_000, 1 << 30))
        parts += [png_chunk(b"acTL", struct.pack(">2I", claimed, 0)), control(0)]
    parts += [header()] if chance.random() < 0.2 else []
    parts.append(png_chunk(b"IDAT", rows))
    for number in range(1, frames):
        parts += [header()] if chance.random() < 0.1 else []
        data = struct.pack(">I", 2 * number + (chance.random() < 0.1)) + rows
        parts += [control(2 * number - 1), png_chunk(b"fdAT", data)]
    return b"".join([*parts, png_chunk(b"IEND", b"")])


def gif(chance: Chance) -> bytes:
    """Frames larger than the screen, or outside of it, some hidden from a reader of blocks."""
    screen = chance.choice(SIDES), chance.choice(SIDES)
    parts = [b"GIF89a", struct.pack("<2H3B", *screen, 0x80, 0, 0), bytes(6)]
    for _ in range(chance.choice((1, 1, 2, 5, 12))):
        size = chance.choice((screen, (chance.choice(SIDES), chance.choice(SIDES))))
        corner = chance.choice(((0, 0), (0, 0), (chance.choice(SIDES), chance.choice(SIDES))))
        pixels = Image.new("P", size).tobytes("gif", "P", 8, 0)
        flags = chance.randrange(8) << 2 | chance.randrange(2)
        parts.append(chance.choice((b"", b"", b"!\xf9\0", b"!\xfe\0", b"\0\7", b"!\xff\0")))
        parts.append(b"!\xf9\4" + struct.pack("<BHBx", flags, 5, 0))
        parts.append(b"," + struct.pack("<4HB", *corner, *size, 0) + b"\x08" + pixels + b"\0")
    return b"".join([*parts, b";"])


def webp(chance: Chance) -> bytes:
    """Another canvas, frame or picture than the container says."""
    lossless = chance.random() < 0.5
    content = saved(plain(chance, "RGBA"), "WEBP", lossless=lossless, xmp=b"<x/>")
    if chance.random() < 0.5:
        frames = [Image.new("RGB", (60, 60), name) for name in ("red", "blue", "gold")]
        frames *= chance.choice((1, 2))
        content = saved_animation("WEBP", frames, [50] * len(frames))
    for name, offset, width in ((b"VP8X", 12, 3), (b"ANMF", 14, 3), (b"VP8 ", 14, 2)):
        if name in content and chance.random() < 0.3:
            at = content.index(name) + offset + chance.choice((0, width))
            content = with_bytes(content, at, chance.choice(NUMBERS).to_bytes(width, "little"))
    return content


def avif(chance: Chance) -> bytes:
    """Boxes that say less or more than the pictures are, and samples that are used again."""
    size = chance.choice(SIDES[2:]), chance.choice(SIDES[2:])
    mode = chance.choice(("RGB", "RGBA"))
    frames = [Image.new(mode, size, name) for name in ("red", "navy")]
    content = saved(frames[0], "AVIF", speed=10)
    if chance.random() < 0.6:
        frames *= chance.choice((1, 3))
        content = saved_animation("AVIF", frames, [50] * len(frames), speed=10)
    small = chance.choice(((16, 16), (16, 16), (1, 1), (99, 99), (400, 400)))
    for letters, factor in ((">2I", 1), (">2I", 1 << 16), (">2H", 1)):
        true = struct.pack(letters, *(side * factor for side in size))
        if chance.random() < 0.9:
            content = content.replace(true, struct.pack(letters, *(s * factor for s in small)))
    for name, offset in ((b"stsz", 8), (b"stsz", 12), (b"stsc", 16), (b"stts", 12)):
        if name in content and chance.random() < 0.1:
            at = content.index(name) + offset
            content = with_bytes(content, at, struct.pack(">I", chance.choice(NUMBERS)))
    return content


def tiff(chance: Chance) -> bytes:
    """Many pages, tiles beyond a page, and strips that are listed again and again."""
    content, pointers = b"II*\0", [4]
    content += bytes(4)
    for _ in range(chance.choice((1, 1, 2, 12))):
        width, height = chance.choice(SIDES), chance.choice(SIDES)
        packed, tiled = chance.random() < 0.6, chance.random() < 0.5
        tile = chance.choice((16, 64, 400, 4_000)), chance.choice((16, 64, 400, 4_000))
        data = bytes(max(width, 64) * max(height, 64))
        if packed:
            data = zlib.compress(bytes(tile[0] * tile[1] if tiled else width * height))
        offsets = [len(content)] * chance.choice((1, 1, 4, 300))
        content += data
        rows = chance.choice((height, 1, max(height // 2, 1), (1 << 32) - 1))
        tags = {256: [width], 257: [height], 258: [8], 259: [8 if packed else 1], 262: [1]}
        counts = [len(data)] * len(offsets)
        if tiled:
            tags |= {322: [tile[0]], 323: [tile[1]], 324: offsets, 325: counts}
        else:
            tags |= {273: offsets, 278: [rows], 279: counts}
        entries = b""
        for tag, values in sorted(tags.items()):
            value = struct.pack(f"<{len(values)}I", *values)
            if len(values) > 1:
                value, content = struct.pack("<I", len(content)), content + value
            entries += struct.pack("<2HI", tag, 4, len(values)) + value
        content = with_bytes(content, pointers[-1], struct.pack("<I", len(content)))
        pointers.append(len(content) + 2 + len(entries))
        content += struct.pack("<H", len(tags)) + entries + bytes(4)
    if chance.random() < 0.2:  # the pages come again
        content = with_bytes(content, pointers[-1], content[4:8])
    return content


def bmp(chance: Chance) -> bytes:
    """Huge and negative sizes, other depths, run lengths."""
    content = saved(plain(chance, chance.choice(("1", "L", "P", "RGB"))), "BMP")
    numbers = (*NUMBERS, -1, -16, -400, -(1 << 31), (1 << 31) - 1)
    for at in (18, 22):
        if chance.random() < 0.6:
            content = with_bytes(content, at, struct.pack("<i", chance.choice(numbers)))
    if chance.random() < 0.4:
        content = with_bytes(content, 30, struct.pack("<I", chance.choice((1, 2, 3, 4, 5))))
        content += bytes((255, 7)) * chance.choice((10, 5_000)) + b"\0\1"
    return content


def ico(chance: Chance, kind: int = 1) -> bytes:
    """Entries that hold another size than the directory says, and entries that share."""
    entries: list[tuple[int, ...]] = []
    contents = b""
    number = chance.choice((1, 2, 3, 8, 40))
    for _ in range(number):
        if not entries or chance.random() < 0.4:
            picture = plain(chance, chance.choice(("RGBA", "RGB", "L", "1")))
            content = saved(picture, "PNG")
            if chance.random() < 0.5:
                doubled = struct.pack("<i", 2 * picture.height)
                content = with_bytes(saved(picture, "BMP")[14:], 8, doubled)
                content += bytes((picture.width + 31) // 32 * 4 * picture.height)
            elif chance.random() < 0.3:
                content = png(chance)
            at, contents = len(contents), contents + content
        claimed = chance.randrange(256), chance.randrange(256)
        size = chance.choice((len(content), len(content), 0, 1 << 31))
        entries.append((*claimed, 0, 0, 1, chance.choice((0, 1, 8, 24, 32)), size, at))
    start = 6 + 16 * number
    directory = [struct.pack("<4B2H2I", *each[:-1], start + each[-1]) for each in entries]
    return struct.pack("<3H", 0, kind, number) + b"".join(directory) + contents


def cur(chance: Chance) -> bytes:
    return ico(chance, kind=2)


MAKERS: dict[str, Callable[[Chance], bytes]] = {
    each.__name__: each for each in (jpeg, png, gif, webp, avif, tiff, bmp, ico, cur)
}


def damaged(content: bytes, chance: Chance) -> bytes:
    """With a few bytes changed, or a part that comes again."""
    mutated = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        mutated[chance.randrange(len(mutated))] = chance.choice((0, 1, 16, 127, 255))
    if chance.random() < 0.2:
        start, end = sorted(chance.randrange(len(mutated)) for _ in range(2))
        mutated[end:end] = mutated[start:end]
    return bytes(mutated)
