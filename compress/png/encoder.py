"""PNG: lossless where that fits, otherwise with fewer levels in each channel or fewer colours.

Of these two reductions the one with the smaller error wins: levels for photos (8 to 27 points of
SSIMULACRA 2 more than a dithered palette at half the bytes), a palette for graphics.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from compress import colour, palette
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding, lossless
from compress.input_image import InputImage
from compress.png.chunks import colour_space_chunks, metadata_chunks, with_chunks
from compress.png.estimate import WELL_PER_QUICK_FLAT, Estimate, estimate
from compress.png.lossy_search import LossySearch, Reduction, pack, search
from compress.png.optimiser import MAX_SMALL_FLAT
from compress.png.packing import Frames, pack_well
from compress.quality_search import SearchRange

# Limits of the estimated size, as multiples of the budget. Up to them the image may still fit,
# because the estimate is off by as much; by more for a small image, which is packed with more
# filters than the estimate was made with.
MAY_FIT_LOSSLESS, MAY_FIT_LOSSLESS_SMALL, MAY_FIT_LOSSY = 1.1, 1.35, 1.15

# Levels. The coarseness is half a step between them. Up to a step of MAX_CLEAR_STEP the error is so
# small that a palette is not tried; above COARSEST_STEP even photos show bands.
MAX_CLEAR_STEP, COARSEST_STEP = 8, 16
# A palette with alpha looks as good as levels with a third of its squared error, which also fall on
# the soft edges of alpha: on 65 icons and cut-outs it won 15 points in the mean.
MAX_ERROR_OF_PALETTE = 3.0
# Half steps that divide 256: PNG's filters subtract modulo 256, and so stay on the levels.
FAVOURED = (16, 8, 4)
# d ln(size) / d coarseness, for levels at about six half steps and for halvings of the colours;
# measured on the images of benchmarks/compression.
LEVELS_SLOPE, PALETTE_SLOPE = -0.04, -0.2


def encode_png(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    extra = _extra_chunks(image, source)
    encoding = _encode_pixels(image, max(budget - len(extra), 1))
    content = encoding.content and with_chunks(encoding.content, extra)
    return replace(encoding, content=content, size=encoding.size + len(extra))


def pack_png(image: DecodedImage, source: InputImage) -> bytes:
    """As small as it gets without loss, however large that is."""
    frames = tuple(_exact_mode(frame) for frame in image.frames)
    flat = estimate(_basic(image)).flat
    return with_chunks(pack_well(image, frames, flat=flat), _extra_chunks(image, source))


def _extra_chunks(image: DecodedImage, source: InputImage) -> bytes:
    extra = metadata_chunks(**image.save_options())
    if source.format == "png":
        extra += colour_space_chunks(source.original, with_profile=bool(image.profile))
    return extra


def _basic(image: DecodedImage) -> DecodedImage:
    frames = colour.to_common_mode(colour.to_basic_mode(frame) for frame in image.frames)
    return replace(image, frames=tuple(colour.without_hidden_colours(frame) for frame in frames))


def _encode_pixels(image: DecodedImage, budget: int) -> Encoding:
    """The encoding without ancillary chunks."""
    basic = _basic(image)
    estimated = estimate(basic)
    exact = _pack_lossless(image, estimated, budget)
    if exact and len(exact) <= budget:
        return lossless(exact)
    return _pack_closest(_searches(basic, estimated, budget))


def _pack_lossless(image: DecodedImage, estimated: Estimate, budget: int) -> bytes:
    """The image without loss; empty where that is not expected to fit."""
    small = image.pixels <= MAX_SMALL_FLAT
    limit = budget * (MAY_FIT_LOSSLESS_SMALL if small else MAY_FIT_LOSSLESS)
    is_16_bit = image.first_frame.mode == "I;16"
    if image.animated or is_16_bit or estimated.size <= limit:
        frames = tuple(_exact_mode(frame) for frame in image.frames)
        return pack_well(image, frames, flat=estimated.flat)
    return b""


def _exact_mode(frame: Image.Image) -> Image.Image:
    """The same pixels in a mode that can be packed; what is hidden has no colour."""
    if frame.mode == "P" and not frame.has_transparency_data:
        return frame
    if frame.mode == "I;16":
        return frame
    return colour.without_hidden_colours(colour.to_basic_mode(frame))


def _searches(image: DecodedImage, estimated: Estimate, budget: int) -> list[LossySearch]:
    """A search for each reduction that is worth a comparison: fewer levels, fewer colours."""
    frame = image.first_frame
    if palette.is_graphic(frame) or (frame.mode == "L" and estimated.flat):
        colours = _search_palette(image, estimated, budget)
        # If it has to lose colours, levels would lose more; if it need not, they may use the rest
        # of the budget.
        loses_colours = colours.coarseness > 0 or frame.getcolors(256) is not None
        return [colours] if loses_colours else [colours, _search_levels(image, estimated, budget)]
    levels = _search_levels(image, estimated, budget)
    is_clear = levels.coarseness <= 2 * MAX_CLEAR_STEP and levels.predicted_to_fit
    # A palette of many greys would be the same as levels.
    if (is_clear and frame.mode == "RGB") or frame.mode == "L":
        return [levels]
    return [levels, _search_palette(image, estimated, budget)]


def _search_levels(image: DecodedImage, estimated: Estimate, budget: int) -> LossySearch:
    search_range = SearchRange(
        start=12, finest=2, coarsest=2 * COARSEST_STEP, slope=LEVELS_SLOPE, integer=True
    )
    ground = colour.ground(image.first_frame)

    def to_levels(frames: Frames, half_steps: float) -> Frames:
        return tuple(colour.posterise(frame, int(half_steps), ground) for frame in frames)

    reduction = Reduction(
        method="quality", reduce=to_levels, search_range=search_range, favoured=FAVOURED
    )
    return search(image, reduction, estimated, budget)


def _search_palette(image: DecodedImage, estimated: Estimate, budget: int) -> LossySearch:
    palettes = palette.Palettes(image.frames)
    steps = palettes.coarsenesses
    reduction = Reduction(
        method="palette",
        reduce=palettes.reduce,
        search_range=SearchRange(
            start=steps[0], finest=steps[0], coarsest=palette.FLOOR, slope=PALETTE_SLOPE
        ),
        steps=steps,
    )
    return search(image, reduction, _as_flat(estimated, image), budget)


def _as_flat(estimated: Estimate, image: DecodedImage) -> Estimate:
    """For an image with a palette, which always packs better unfiltered."""
    if estimated.flat:
        return estimated
    per_quick = WELL_PER_QUICK_FLAT
    return replace(estimated, flat=True, sample=image.frames, well_per_quick=per_quick)


def _pack_closest(searches: list[LossySearch]) -> Encoding:
    """The one with the smallest error packed well; the next one too where that does not fit."""
    if len(searches) > 1:
        searches.sort(key=_misses_and_error)
    budget = searches[0].budget
    encodings = [pack(searches[0])]
    for other in searches[1:]:
        if not encodings[-1].fits(budget):
            encodings.append(pack(other))
    best = min(encodings, key=lambda each: (not each.fits(budget), each.size))
    return replace(best, encodes=sum(each.encodes for each in encodings))


def _misses_and_error(search: LossySearch) -> tuple[bool, float]:
    error = search.error
    if search.reduction.method == "palette" and search.image.first_frame.mode == "RGBA":
        error /= MAX_ERROR_OF_PALETTE
    return search.predicted_size > MAY_FIT_LOSSY * search.budget, error
