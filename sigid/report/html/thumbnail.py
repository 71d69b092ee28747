"""A picture made small, for a page."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import NamedTuple

from PIL import Image

_SIZE = (480, 240)
"""Twice what it is shown in, for screens with small pixels."""
_COLOURS = 32


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
            picture = _plain(opened)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"it cannot be drawn ({error})") from error
    single = picture.getcolors(maxcolors=1) is not None
    picture.thumbnail(_SIZE)
    small = BytesIO()
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    uri = f"data:image/png;base64,{b64encode(small.getvalue()).decode()}"
    return Thumbnail(uri, *picture.size, "the whole picture has one colour" if single else None)


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in greys or in red, green and blue, eight bits each, with white behind what lets it through."""
    if picture.mode.startswith("I"):  # 16 bits; Pillow would cut off what is above 255
        return picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
