"""AVIF, still and animated: find the quality at a quick speed, make the file at a slower one.

The coarseness is 100 - quality.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace

from PIL import Image

from compress.avif_boxes import only_pictures
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding, save_to_bytes
from compress.input_image import DECODER_ERRORS, InputImage
from compress.quality_search import SearchRange, finest_that_fits, start_from_sample

START, SLOPE = 64, -0.04  # the slope is d ln(size) / d coarseness
# Down to quality 10 (FLOOR) no pixels are lost. With SPEED and this floor 7 of 29 stills lose some;
# at speed 7 with a floor of quality 20 it was 11, and the mean score 4 points lower.
FLOOR, COARSEST = 90, 95
# The encoder's speed, 0 to 10. Speed 9 takes a fifth of the time of 7, and 7 half the time of 6.
# At equal bytes over five images, TUNING scores 1.3 points of SSIMULACRA 2 more at speed 6; speed 7
# scores 0.3 points less than 6, and 8 another 0.9 less.
SAMPLE_SPEED, SPEED = 9, 6
TUNING = {"tune": "ssimulacra2"}  # of libaom: for what the eye sees, in place of PSNR
# A result from 80 % of the budget on ends the search: with a budget of 50 % of the input that is
# (40, 50], aimed at 45 %. A second encode would double the time.
GOOD_ENOUGH = 0.8
BAND = 64  # pixels: the height of a superblock


def encode_avif(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    search_range = start_from_sample(
        lambda x: _encode(image, x, SAMPLE_SPEED),
        budget,
        SearchRange(
            start=START,
            finest=0,
            coarsest=COARSEST,
            slope=SLOPE,
            integer=True,
            good_enough=GOOD_ENOUGH,
        ),
        max_encodes=3,
        tolerance=0.25,
    )
    if not image.animated:
        start = search_range.start - _gain_of_slow_speed(image.first_frame, search_range.start)
        search_range = replace(search_range, start=search_range.clamp(start))
    result = finest_that_fits(lambda x: _encode(image, x, SPEED), budget, search_range)
    x = result.best.coarseness
    return result.encoding("quality", round(100 - x), acceptable=x <= FLOOR)


def _gain_of_slow_speed(frame: Image.Image, x: float) -> float:
    """How much finer the slow speed can be than the quick one for the same bytes.

    It saves 0 to 25 % of them; a band through the middle of the image predicts that within 4 %.
    """
    top = max(frame.height - BAND, 0) // 2
    band = frame.crop((0, top, frame.width, min(top + BAND, frame.height)))
    sample = DecodedImage(frames=(band,))
    slow, quick = (len(_encode(sample, x, speed)) for speed in (SPEED, SAMPLE_SPEED))
    return math.log(slow / quick) / SLOPE


def remove_avif_metadata(original: bytes, exif: bytes) -> bytes:
    """The file with zeros in place of its EXIF, XMP, and all that is in no picture.

    So no place in it moves. ``exif`` takes the place of the input's; orientation is a property
    besides (ISO/IEC 23000-22, irot and imir). Raises ValueError where it has too little room.
    """
    made = only_pictures(original, exif)
    try:
        Image.open(io.BytesIO(made))
    except DECODER_ERRORS:  # of a file so odd that it needs what belongs to no picture
        return b""
    return made


def _encode(image: DecodedImage, x: float, speed: int) -> bytes:
    return save_to_bytes(
        image.first_frame,
        "AVIF",
        save_all=image.animated,
        append_images=image.frames[1:],
        duration=[round(duration) for duration in image.durations] or 0,
        quality=100 - round(x),
        speed=speed,
        advanced=TUNING if round(x) else None,  # a lossless image has nothing to tune
        max_threads=1,  # each core has a worker process already, and the bytes never depend on it
        # From bytes, Pillow would write question marks for what is not ASCII.
        **image.save_options() | {"exif": image.exif},
    )
