"""PNG: pixels in, a file's bytes out; and the ways in which such a file is found damaged.

W3C, Portable Network Graphics (PNG) Specification (Third Edition), sections 5 (chunks) and 11 (their content).
Written here and not by Pillow, because what is damaged on purpose is damaged chunk by chunk.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from .picture import SCALE, Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _COLOUR = 0, 2

_METRE = 1

_FRAME = struct.Struct(">5IHH2B")
"""fcTL: sequence number, width, height, x, y, delay (numerator, denominator), disposal, blending."""


def encode(pixels: Pixels) -> bytes:
    """The PNG file of a picture, 8 bits a channel."""
    height, width = pixels.shape[:2]
    per_metre = round(SCALE * 1000)
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each row begins with its filter type, 0: none
    return _file(
        [
            (b"IHDR", struct.pack(">2I5B", width, height, 8, _GREY if pixels.ndim == 2 else _COLOUR, 0, 0, 0)),
            (b"pHYs", struct.pack(">2IB", per_metre, per_metre, _METRE)),
            (b"IDAT", zlib.compress(rows.tobytes(), 6)),
            (b"IEND", b""),
        ]
    )


def cut_off(png: bytes) -> bytes:
    """The first half of a file, as a broken transfer leaves it."""
    return png[: len(png) // 2]


def without_end(png: bytes) -> bytes:
    """A file that lacks its last chunk, IEND; many readers do not notice."""
    return _file(chunk for chunk in _chunks(png) if chunk[0] != b"IEND")


def with_flipped_bit(png: bytes) -> bytes:
    """A file with one bit of its picture flipped, which only the chunk's CRC tells."""
    middle = png.index(b"IDAT") + 100
    return png[:middle] + bytes([png[middle] ^ 1]) + png[middle + 1 :]


def with_too_few_rows(png: bytes) -> bytes:
    """A file whose header claims 16 rows more than its picture has; every CRC is right."""
    (_, header), *others = _chunks(png)
    width, height = struct.unpack_from(">2I", header)
    return _file([(b"IHDR", struct.pack(">2I", width, height + 16) + header[8:]), *others])


def with_tail(png: bytes) -> bytes:
    """A whole file with a script behind its end."""
    return png + b"<script>alert('not a signature')</script>\n"


def twice(png: bytes) -> bytes:
    """An animation that shows the same picture in two frames."""
    header, *others, picture, end = _chunks(png)
    width, height = struct.unpack_from(">2I", header[1])
    first, second = (_FRAME.pack(number, width, height, 0, 0, 1, 2, 0, 0) for number in (0, 1))
    again = (b"fdAT", struct.pack(">I", 2) + picture[1])
    animation = (b"acTL", struct.pack(">2I", 2, 0))
    return _file([header, *others, animation, (b"fcTL", first), picture, (b"fcTL", second), again, end])


def enormous() -> bytes:
    """A sound black-and-white picture of 30 megapixels in less than 4 kB."""
    width, height = 6000, 5000
    rows = bytes(height * (1 + width // 8))
    return _file(
        [
            (b"IHDR", struct.pack(">2I5B", width, height, 1, _GREY, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        ]
    )


def _file(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and data of each chunk of a sound file."""
    start = len(SIGNATURE)
    while start < len(png):
        length, kind = struct.unpack_from(">I4s", png, start)
        yield kind, png[start + 8 : start + 8 + length]
        start += length + 12
