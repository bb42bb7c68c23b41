"""Sample images for the tests of compression, made with Pillow; the same ones every time."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageDraw

Size = tuple[int, int]


def photo(size: Size = (200, 150)) -> Image.Image:
    """Smooth shades, edges and texture in colour, like a photo."""
    width, height = size
    red = Image.linear_gradient("L").resize(size)
    green = Image.radial_gradient("L").resize(size)
    blue = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 60)
    image = Image.merge("RGB", (red, green, blue)).resize((width // 2 or 1, height // 2 or 1))
    image = image.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for number in range(0, width * height, 97):
        x, y = number * 7919 % width, number * 104729 % height
        draw.point((x, y), (number % 256, number * 3 % 256, number * 7 % 256))
    draw.ellipse((width // 4, height // 4, width // 2, height // 2), fill=(200, 40, 40))
    return image


def fading_photo(size: Size = (200, 150)) -> Image.Image:
    """A photo that fades out to the left."""
    image = photo(size).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(size))
    return image


def drawing(size: Size = (200, 150)) -> Image.Image:
    """Few flat colours, like a chart."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number in range(24):
        left = size[0] * number // 24
        draw.rectangle((left, number * 5, left + 6, size[1] - 1), fill=(number * 10, 90, 160))
    return image


def animation(frames: int = 5, size: Size = (80, 60)) -> list[Image.Image]:
    """A ball that rolls over a photo."""
    images = [photo(size) for _ in range(frames)]
    for number, image in enumerate(images):
        ball = (number * 9, 10, number * 9 + 20, 30)
        ImageDraw.Draw(image).ellipse(ball, fill=(250, 220, 0))
    return images


def saved(image: Image.Image, format: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


def saved_animation(
    format: str, frames: list[Image.Image], durations: list[int], **how: Any
) -> bytes:
    return saved(
        frames[0], format, save_all=True, append_images=frames[1:], duration=durations, **how
    )


def opened(content: bytes) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None  # an earlier compression in this process may have set it low
    return Image.open(io.BytesIO(content))


def timing(content: bytes) -> list[int]:
    """Milliseconds of each frame."""
    image = opened(content)
    durations = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        durations.append(round(image.info.get("duration", 0)))
    return durations


def difference(one: Image.Image, other: Image.Image) -> float:
    """The root mean square of what differs over a channel, 0 to 255, as displayed on grey."""
    from PIL import ImageChops, ImageStat

    pair = [_on_grey(image) for image in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).rms) / 3


def _on_grey(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
