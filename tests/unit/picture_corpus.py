"""The kinds of pictures that shops upload and compression is likely to harm, made with Pillow.

``DRAWINGS`` are pictures of a kind, ``FILES`` are those in the modes and formats that they come in.
All of them are the same ones every time.
"""

from __future__ import annotations

import numpy as np
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from compress import Options, compress
from tests.unit.compress_samples import Size, fading_photo, photo, saved

Rgb = tuple[int, int, int]

BLACK, WHITE, NEARLY_WHITE = (0, 0, 0), (255, 255, 255), (254, 254, 252)
GREY, DARK, LINK = (190, 194, 200), (32, 36, 44), (6, 69, 173)
RED, PURPLE, BLUE, GREEN = (200, 30, 40), (120, 40, 140), (20, 80, 190), (30, 150, 90)
FINE = 4  # how much larger a drawing is made first, so that its edges become smooth
WORDS = "Order no 1042: two pairs of boots, size 43, brown leather, 129.90 EUR"


def smooth(drawn: Image.Image) -> Image.Image:
    size = (drawn.width // FINE, drawn.height // FINE)
    return drawn.resize(size, Image.Resampling.LANCZOS)


def logo(ground: Rgb = WHITE, size: Size = (240, 96)) -> Image.Image:
    """Flat shapes in close and in clear colours, one of them small, and a name."""
    image = Image.new("RGB", (size[0] * FINE, size[1] * FINE), ground)
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate((RED, PURPLE, BLUE)):
        left = 40 + 100 * number
        draw.ellipse((left, 60, left + 240, 300), fill=colour)
    draw.rectangle((40, 320, 130, 360), fill=GREEN)
    draw.text((520, 120), "Shop", fill=DARK, font=ImageFont.load_default(140))
    return smooth(image)


def icon(side: int, colour: Rgb = RED) -> Image.Image:
    """A round button with a white sign, on nothing."""
    image = Image.new("RGBA", (side * FINE, side * FINE), (*colour, 0))
    draw, end = ImageDraw.Draw(image), side * FINE
    draw.ellipse((0, 0, end - 1, end - 1), fill=(*colour, 255))
    draw.ellipse((end // 8, end // 8, end // 2, end // 2), fill=(*BLUE, 255))
    draw.line((end // 4, end // 2, end // 2, end * 3 // 4, end * 3 // 4, end // 3), WHITE, end // 8)
    return smooth(image)


def line_art(size: Size = (200, 160)) -> Image.Image:
    image = Image.new("RGB", (size[0] * FINE, size[1] * FINE), "white")
    draw = ImageDraw.Draw(image)
    for number in range(14):
        draw.arc((40 + 20 * number, 40, 760 - 12 * number, 600), 10 * number, 300, BLACK, 5)
        draw.line((20, 30 + 40 * number, 780, 620 - 35 * number), BLACK, 4)
    return smooth(image)


def pixel_art(cell: int = 3) -> Image.Image:
    """A figure in 16 colours, each cell set by hand."""
    cells = np.random.default_rng(5).integers(0, 16, (24, 12))
    cells = np.concatenate([cells, cells[:, ::-1]], axis=1).astype("u1")
    colours = np.random.default_rng(6).integers(0, 256, (16, 3)).astype("u1")
    image = Image.fromarray(colours[cells])
    image = Image.composite(image, Image.new("RGB", image.size, DARK), _middle(image.size))
    return image.resize((24 * cell, 24 * cell), Image.Resampling.NEAREST)


def _middle(size: Size) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((2, 2, size[0] - 3, size[1] - 3), fill=255)
    return mask


def text(ink: Rgb, ground: Rgb, height: int = 12, size: Size = (320, 160)) -> Image.Image:
    """A page of lines in one size of letters."""
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    for number, top in enumerate(range(4, size[1] - height, height + 6)):
        draw.text((6, top), WORDS[number:], fill=ink, font=ImageFont.load_default(height))
    return image


def page_with_links() -> Image.Image:
    """Black text, with thin links in colour that cover less than the text."""
    image = text(BLACK, WHITE)
    draw = ImageDraw.Draw(image)
    for top in (40, 94):
        draw.rectangle((0, top, 319, top + 17), fill=WHITE)
        draw.text((6, top), "Track this parcel", fill=LINK, font=ImageFont.load_default(12))
        draw.line((6, top + 15, 104, top + 15), fill=LINK)
    return image


def chart(size: Size = (300, 200)) -> Image.Image:
    """A grid, and thin curves in colours that are hard to tell apart once they fade."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for at in range(20, size[0], 40):
        draw.line((at, 10, at, size[1] - 10), fill=(225, 225, 225))
    for number, colour in enumerate((RED, PURPLE, BLUE, GREEN, (230, 140, 20))):
        heights = np.random.default_rng(number).integers(10, size[1] - 10, 30)
        points = [(10 + 10 * step, int(height)) for step, height in enumerate(heights)]
        draw.line(points, fill=colour, width=1 + number % 2)
    draw.text((24, 12), "Sales by month", fill=DARK)
    return image


def cut_out(size: Size = (160, 140)) -> Image.Image:
    """A product without its background, over a soft shadow."""
    width, height = size
    shape = Image.new("L", size)
    ImageDraw.Draw(shape).rounded_rectangle((30, 20, width - 40, height - 40), 24, fill=255)
    shadow = ImageChops.offset(shape, 6, 10).filter(ImageFilter.GaussianBlur(8))
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    image.putalpha(shadow.point(lambda value: value * 0.5))
    image.paste(photo(size).convert("RGBA"), mask=shape)
    return image


def badge_with_shadow(size: Size = (120, 80)) -> Image.Image:
    """Flat colours over a soft shadow."""
    shape = Image.new("L", size)
    ImageDraw.Draw(shape).rounded_rectangle((16, 12, size[0] - 17, size[1] - 22), 10, fill=255)
    shadow = ImageChops.offset(shape, 0, 5).filter(ImageFilter.GaussianBlur(5))
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    image.putalpha(shadow.point(lambda value: value * 0.6))
    image.paste((*RED, 255), mask=shape)
    draw = ImageDraw.Draw(image)
    draw.text((26, 22), "SALE", fill=(*WHITE, 255), font=ImageFont.load_default(20))
    return image


def gradient(size: Size = (200, 120)) -> Image.Image:
    red, green = (Image.linear_gradient("L").rotate(turn).resize(size) for turn in (0, 90))
    return Image.merge("RGB", (red, green, Image.new("L", size, 160)))


def fading_gradient(size: Size = (200, 120)) -> Image.Image:
    image = gradient(size).convert("RGBA")
    image.putalpha(Image.radial_gradient("L").resize(size).point(lambda value: 255 - value))
    return image


def scan(size: Size = (240, 160)) -> Image.Image:
    """Black text on paper that is nearly white and grainy."""
    paper = np.random.default_rng(7).normal(244, 4, (size[1], size[0])).clip(0, 255).astype("u1")
    return ImageChops.darker(text(DARK, WHITE, 14, size).convert("L"), Image.fromarray(paper))


def code(format: zxingcpp.BarcodeFormat, content: str, scale: int = 2) -> Image.Image:
    made = zxingcpp.create_barcode(content, format)
    return Image.fromarray(np.array(zxingcpp.write_barcode_to_image(made, scale=scale)))


def coloured(code: Image.Image, ink: Rgb, ground: Rgb) -> Image.Image:
    return Image.composite(
        Image.new("RGB", code.size, ground), Image.new("RGB", code.size, ink), code
    )


def on_nothing(code: Image.Image, ink: Rgb = BLACK) -> Image.Image:
    """Only the dark parts of a code, to be shown on any ground."""
    image = Image.new("RGBA", code.size, (*ink, 0))
    image.putalpha(ImageChops.invert(code))
    return image


QR = code(zxingcpp.BarcodeFormat.QRCode, "https://shop.example/boots/1042?size=43", 3)
SMALL_QR = code(zxingcpp.BarcodeFormat.QRCode, "https://shop.example/1042", 1)
EAN = code(zxingcpp.BarcodeFormat.EAN13, "4006381333931")
CODE_128 = code(zxingcpp.BarcodeFormat.Code128, "PARCEL-00971042")
DATA_MATRIX = code(zxingcpp.BarcodeFormat.DataMatrix, "Lot 1042, best before 2027-11", 4)

FLAT = {
    "logo on white": logo(),
    "logo on nearly white": logo(NEARLY_WHITE),
    "logo on dark": logo(DARK),
    "line art": line_art(),
    "pixel art": pixel_art(),
    "chart": chart(),
}
TEXTS = {
    "text of 9": text(BLACK, WHITE, 9),
    "text of 12": text(BLACK, WHITE),
    "text of 20": text(BLACK, WHITE, 20),
    "grey text on dark": text(GREY, DARK),
    "links": page_with_links(),
}
CODES = {
    "QR": QR,
    "small QR": SMALL_QR,
    "blue QR": coloured(QR, (10, 30, 120), (255, 250, 220)),
    "EAN": EAN,
    "green EAN": coloured(EAN, (0, 70, 30), WHITE),
    "Code 128": CODE_128,
    "Data Matrix": DATA_MATRIX,
}
WITH_ALPHA = {
    **{f"icon of {side}": icon(side) for side in (16, 24, 32, 48, 64)},
    "badge": badge_with_shadow(),
    "cut-out": cut_out(),
    "fading gradient": fading_gradient(),
    "QR on nothing": on_nothing(QR),
    "EAN on nothing": on_nothing(EAN),
}
SHADED = {"gradient": gradient(), "scan": scan()}
PHOTOS = {"photo": photo((320, 240)), "fading photo": fading_photo((320, 240))}
DRAWINGS = FLAT | TEXTS | CODES | WITH_ALPHA | SHADED


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """As a program would save it: a palette of its own colours, not of a web page's."""
    if mode != "P":
        return image.convert("RGB").convert(mode) if mode == "1" else image.convert(mode)
    method = Image.Quantize.FASTOCTREE if image.mode == "RGBA" else Image.Quantize.MEDIANCUT
    return image.quantize(256 if image.mode == "RGBA" else 64, method, dither=Image.Dither.NONE)


def packed(image: Image.Image) -> bytes:
    """A PNG as small as it gets without loss, as a shop's build step leaves it."""
    return compress(saved(image, "PNG", optimize=True), Options(reduce_by=1)).content


def _files() -> dict[str, bytes]:
    files = {}
    for name, image in DRAWINGS.items():
        own = "RGBA" if name in WITH_ALPHA else "RGB"
        for mode in {own: 0, "P": 0, image.mode: 0}:
            files[f"{name}, {mode}"] = saved(in_mode(image, mode), "PNG")
        files[f"{name}, P, packed"] = packed(in_mode(image, "P"))
        files[f"{name}, WebP"] = saved(image, "WEBP", lossless=True)
    for name, image in (FLAT | TEXTS | CODES).items():
        files[f"{name}, L"] = saved(image.convert("L"), "PNG")
        files[f"{name}, GIF"] = saved(in_mode(image.convert("RGB"), "P"), "GIF")
    for name in ("line art", "text of 12", *CODES):
        files[f"{name}, 1"] = saved(DRAWINGS[name].convert("1", dither=Image.Dither.NONE), "PNG")
    for name in ("icon of 16", "icon of 32", "icon of 64", "badge"):
        image = WITH_ALPHA[name]
        files[f"{name}, ICO"] = saved(image, "ICO", sizes=[image.size], bitmap_format="bmp")
        files[f"{name}, packed"] = packed(image)
    for name in ("gradient", "scan"):
        wide = np.array(SHADED[name].convert("L")).astype("u2") * 257
        files[f"{name}, 16 bits"] = saved(Image.fromarray(wide), "PNG")
    return files


FILES = _files()
