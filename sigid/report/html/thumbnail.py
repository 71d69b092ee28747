"""A picture made small, for a page."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

_SIZE = (480, 240)
"""Twice what it is shown in, for screens with small pixels."""
_COLOURS = 32
_REDUCIBLE = {"L", "LA", "RGB", "RGBA"}


class Thumbnail(NamedTuple):
    """A small picture, and what is odd about the large one, if anything."""

    uri: str
    """A ``data:`` URI."""
    width: int
    height: int
    doubt: str | None


def thumbnail(content: bytes) -> Thumbnail:
    """The picture of a PNG file, on white. Raises ValueError where Pillow cannot draw it."""
    try:
        with Image.open(BytesIO(content), formats=("PNG",)) as opened:
            opened.load()
            doubt = _doubt(opened)
            picture = _plain(_reduced(opened))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"it cannot be drawn ({error})") from error
    picture.thumbnail(_SIZE)
    small = BytesIO()
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    uri = f"data:image/png;base64,{b64encode(small.getvalue()).decode()}"
    return Thumbnail(uri, *picture.size, doubt)


def _doubt(picture: Image.Image) -> str | None:
    """Whether there is nothing to be seen on it."""
    extrema = picture.getextrema()
    bands = extrema if len(picture.getbands()) > 1 else (extrema,)
    if all(low == high for low, high in bands):  # type: ignore[misc]  # a pair a band, which Pillow does not promise
        return "the whole picture has one colour"
    if picture.mode != "I;16" and _plain(_reduced(picture)).getcolors(maxcolors=1):
        return "on white, the whole picture has one colour"
    return None


def _reduced(picture: Image.Image) -> Image.Image:
    """A large picture made smaller by a whole factor, so that no more than it is in memory."""
    factor = min(side // small for side, small in zip(picture.size, _SIZE, strict=True))
    return picture.reduce(factor) if factor > 1 and picture.mode in _REDUCIBLE else picture


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in greys or in red, green and blue, eight bits each, with white behind what lets it through."""
    if picture.mode.startswith("I"):
        return _from_16_bits(picture)
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _from_16_bits(picture: Image.Image) -> Image.Image:
    """Greys of which the brightest is white: many a file has no more than 8 or 12 of its 16 bits, and looks black."""
    greys = np.asarray(picture).astype(np.float64)
    shown = np.round(greys * (255 / max(1.0, greys.max())))
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        shown[greys == transparent] = 255
    return Image.fromarray(shown.astype(np.uint8))
