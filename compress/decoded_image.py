"""A decoded image: its frames, how they play, and the little metadata that has to stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, IcoImagePlugin, Image, ImageOps

from compress import colour
from compress.input_image import InputImage
from compress.rights import NO_RIGHTS, Rights, find_rights

ORIENTATION = ExifTags.Base.Orientation


@dataclass(frozen=True, kw_only=True)
class DecodedImage:
    """The pixels, and all that a saved file has to say beside them.

    ``frames`` are the frames of an animation, the pages of a TIFF or the sizes of an icon.
    ``durations`` are milliseconds for each frame, empty for a still. ``loop`` is the number of
    repetitions: 0 plays for ever, None once. ``orientation`` is EXIF's, 1 to 8. ``profile`` is
    the ICC profile, or empty. ``rights`` are the copyright and the artist. ``scale`` is the width
    divided by the width of the input.
    """

    frames: tuple[Image.Image, ...]
    durations: tuple[float, ...] = ()
    loop: int | None = None
    orientation: int = 1
    profile: bytes = b""
    rights: Rights = NO_RIGHTS
    scale: float = 1.0

    @property
    def first_frame(self) -> Image.Image:
        return self.frames[0]

    @property
    def pixels(self) -> int:
        """Of the first frame."""
        return self.first_frame.width * self.first_frame.height

    @property
    def animated(self) -> bool:
        return bool(self.durations)

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Width and height after the orientation is applied."""
        width, height = self.first_frame.size
        return (height, width) if self.orientation >= 5 else (width, height)

    @property
    def exif(self) -> Image.Exif:
        """All the EXIF that stays: orientation and rights."""
        exif = Image.Exif()
        if self.orientation != 1:
            exif[ORIENTATION] = self.orientation
        exif.update(self.rights.exif_tags())
        return exif

    def save_options(self) -> dict[str, Any]:
        """What Pillow's ``save`` needs to keep the look of the image and its rights."""
        exif = self.exif
        return {"icc_profile": self.profile, "exif": exif.tobytes() if exif else b""}

    def with_rights_within(self, limit: float) -> DecodedImage:
        """Without rights for which EXIF would grow by more than ``limit`` bytes.

        The copyright is the first to get a place.
        """
        bare = replace(self, rights=NO_RIGHTS)
        kept, size = bare, len(bare.save_options()["exif"])
        copyright, artist = self.rights
        for more in ({"copyright": copyright}, {"artist": artist}):
            larger = replace(kept, rights=kept.rights._replace(**more))
            if len(larger.save_options()["exif"]) - size <= limit:
                kept = larger
        return kept

    def scaled(self, factor: float) -> DecodedImage:
        """The same image with fewer pixels; Lanczos keeps the most detail at these factors."""
        frames = tuple(_scaled(frame, factor) for frame in self.frames)
        return replace(self, frames=frames, scale=self.scale * factor)


def decode(source: InputImage) -> DecodedImage:
    """Every frame, page or size of the source, in a mode that holds its pixels.

    What is not a field of DecodedImage is lost: GPS, comments, thumbnails, XMP. Raises one of
    DECODER_ERRORS for a damaged file.
    """
    image = source.pillow_image
    if source.format in ("tiff", "ico"):
        pages = _pages(image, source.frame_count) if source.format == "tiff" else _sizes(image)
        profile, rights = _profile(image), find_rights(image)
        frames = tuple(_keep_only_transparency(ImageOps.exif_transpose(page)) for page in pages)
        return DecodedImage(frames=frames, profile=profile, rights=rights)
    if source.frame_count > 1:
        return _animation(source)
    image.load()  # Otherwise Pillow decodes while it saves, and holds the image twice.
    orientation, profile, rights = _orientation(image), _profile(image), find_rights(image)
    return DecodedImage(
        frames=(_keep_only_transparency(image),),
        orientation=orientation,
        profile=profile,
        rights=rights,
    )


def _animation(source: InputImage) -> DecodedImage:
    """An AVIF comes upright: libavif 1.4.2 crashes where it has to write a turned animation."""
    image = source.pillow_image
    is_avif = source.format == "avif"
    frames, durations = [], []
    for number in range(source.frame_count):
        image.seek(number)
        image.load()
        frames.append(colour.to_basic_mode(ImageOps.exif_transpose(image) if is_avif else image))
        durations.append(float(image.info.get("duration") or 0))
    return DecodedImage(
        frames=colour.to_common_mode(frames),
        durations=tuple(durations),
        loop=image.info.get("loop"),
        orientation=1 if is_avif else _orientation(image),
        profile=_profile(image),
        rights=find_rights(image),
    )


def _pages(image: Image.Image, count: int) -> Iterator[Image.Image]:
    for number in range(count):
        image.seek(number)
        yield image.copy()


def _sizes(image: Image.Image) -> Iterator[Image.Image]:
    """The images of an icon, largest first.

    Read from the file behind the image: through its ``size`` a palette would lose its alpha.
    """
    assert isinstance(image, IcoImagePlugin.IcoImageFile)  # noqa: S101 - for the type checker
    for size in sorted(image.info["sizes"], reverse=True):
        frame = image.ico.getimage(size)
        frame.load()
        yield frame


def _keep_only_transparency(image: Image.Image) -> Image.Image:
    """The same image object without the metadata that ``save`` would otherwise write."""
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
        frame = colour.to_basic_mode(frame)
    return frame.resize((size[0], size[1]), Image.Resampling.LANCZOS)
