"""A decoded picture: its frames, how they play, and the little metadata that changes its look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, IcoImagePlugin, Image, ImageOps

from compress import colour
from compress.input_image import Source

ORIENTATION = ExifTags.Base.Orientation
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """``durations`` are milliseconds a frame, empty for a still; ``loop`` 0 plays for ever, None
    once; ``orientation`` is EXIF's, 1 to 8; ``scale`` the width over the input's.
    """

    frames: tuple[Image.Image, ...]
    durations: tuple[float, ...] = ()
    loop: int | None = None
    orientation: int = 1
    profile: bytes = b""
    scale: float = 1.0

    @property
    def image(self) -> Image.Image:
        return self.frames[0]

    @property
    def pixels(self) -> int:
        """Of one frame."""
        return self.image.width * self.image.height

    @property
    def animated(self) -> bool:
        return bool(self.durations)

    @property
    def displayed_size(self) -> tuple[int, int]:
        width, height = self.image.size
        return (height, width) if self.orientation >= 5 else (width, height)

    def dress(self) -> dict[str, Any]:
        """What `save` needs so that the picture looks as it did: profile and orientation."""
        exif = Image.Exif()
        if self.orientation != 1:
            exif[ORIENTATION] = self.orientation
        return {"icc_profile": self.profile, "exif": exif.tobytes() if exif else b""}

    def scaled(self, factor: float) -> Picture:
        """The same picture with fewer pixels; Lanczos keeps the most detail at these factors."""
        frames = tuple(_scaled(frame, factor) for frame in self.frames)
        return replace(self, frames=frames, scale=self.scale * factor)


def decoded(source: Source) -> Picture:
    """Every frame, page or size of the source in a mode that its pixels need.

    Only what is in the returned fields survives: no GPS, comment, thumbnail or XMP.
    """
    image = source.image
    if source.format in ("tiff", "ico"):
        pages = _pages(image, source.frames) if source.format == "tiff" else _sizes(image)
        profile = _profile(image)
        frames = tuple(_bare(ImageOps.exif_transpose(page)) for page in pages)
        return Picture(frames=frames, profile=profile)
    if source.frames > 1:
        return _animation(source)
    image.load()  # Saving without it would hold the picture twice.
    orientation, profile = _orientation(image), _profile(image)
    return Picture(frames=(_bare(image),), orientation=orientation, profile=profile)


def upright(picture: Picture) -> Picture:
    """Orientation applied to the pixels: for a format whose viewers may not know the tag."""
    if picture.orientation == 1:
        return picture
    method = TURNS[picture.orientation]
    turned = tuple(frame.transpose(method) for frame in picture.frames)
    return replace(picture, frames=turned, orientation=1)


def _animation(source: Source) -> Picture:
    image = source.image
    frames, durations = [], []
    for number in range(source.frames):
        image.seek(number)
        image.load()
        frames.append(colour.presentable(image))
        durations.append(float(image.info.get("duration") or 0))
    return Picture(
        frames=colour.same_mode(frames),
        durations=tuple(durations),
        loop=image.info.get("loop"),
        orientation=_orientation(image),
        profile=_profile(image),
    )


def _pages(image: Image.Image, count: int) -> Iterator[Image.Image]:
    for number in range(count):
        image.seek(number)
        yield image.copy()


def _sizes(image: Image.Image) -> Iterator[Image.Image]:
    """From the file behind the image: through its `size` a palette would lose its alpha."""
    assert isinstance(image, IcoImagePlugin.IcoImageFile)  # noqa: S101 - for the type checker
    for size in sorted(image.info["sizes"], reverse=True):
        frame = image.ico.getimage(size)
        frame.load()
        yield frame


def _bare(image: Image.Image) -> Image.Image:
    """The image without the metadata that `save` would otherwise take along."""
    image.info = {key: image.info[key] for key in ("transparency",) if key in image.info}
    return image


def _orientation(image: Image.Image) -> int:
    orientation = image.getexif().get(ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def _profile(image: Image.Image) -> bytes:
    return image.info.get("icc_profile") or b""


def _scaled(frame: Image.Image, factor: float) -> Image.Image:
    size = tuple(max(1, round(side * factor)) for side in frame.size)
    if frame.mode in ("1", "P", "PA", "LA") or "transparency" in frame.info:
        frame = colour.presentable(frame)
    return frame.resize((size[0], size[1]), Image.Resampling.LANCZOS)
