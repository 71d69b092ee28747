"""A second reader of PNG, by the W3C's specification: whether a file is one whole still picture, and which pixels.

It shares nothing with sigid's, nor with Pillow: the chunks are taken apart here, the standard library's zlib inflates.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby

from dev.campaigns.png_pictures import (
    ADAM7,
    GREY,
    GREY_ALPHA,
    INDEXED,
    KINDS,
    SAMPLES,
    SIGNATURE,
    TRUECOLOUR,
    TRUECOLOUR_ALPHA,
    Chunk,
    Pixels,
    predicted,
)

MAX_PIXELS = 25_000_000
"""What sigid lets in at most."""

_FIXED = {b"IHDR": 13, b"IEND": 0, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7, b"cICP": 4}
_FIXED |= {b"acTL": 8, b"fcTL": 26, b"mDCV": 24, b"cLLI": 8}
_BEFORE_PALETTE = b"cHRM cICP cLLI gAMA iCCP mDCV sBIT sRGB".split()
_AFTER_PALETTE = b"bKGD hIST tRNS".split()
_BEFORE_DATA = [*_BEFORE_PALETTE, *_AFTER_PALETTE, *b"PLTE acTL pHYs sPLT".split()]
_ONCE = {*_BEFORE_DATA, b"IHDR", b"IEND", b"eXIf", b"tIME"} - {b"sPLT"}


class NotWhole(Exception):
    """The file is not one whole still picture, or too large a one."""


def pixels(data: bytes) -> Pixels:
    """What the file shows. Raises NotWhole."""
    chunks = list(chunks_of(data))
    _check_order([kind for kind, _ in chunks])
    bodies = dict(chunks)
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", bodies[b"IHDR"])
    _demand((colour, depth) in KINDS, "no such pixels")
    _demand(methods[:2] == [0, 0] and methods[2] in (0, 1), "no such methods")
    _demand(0 < width < 2**31 and 0 < height < 2**31 and width * height <= MAX_PIXELS, "no such size")
    palette, transparent = bodies.get(b"PLTE", b""), bodies.get(b"tRNS", b"")
    _check_palette(colour, depth, bodies)
    if b"acTL" in bodies:
        _demand(bodies[b"acTL"][:4] == b"\0\0\0\1", "not one frame")
    data = b"".join(body for kind, body in chunks if kind == b"IDAT")
    rows = _rows(data, width, height, SAMPLES[colour], depth, interlaced=methods[2] == 1)
    return Pixels(colour, depth, width, rows, palette, transparent)


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotWhole(otherwise)


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """The chunks, each of them sound by itself. Raises NotWhole."""
    _demand(data[:8] == SIGNATURE, "no signature")
    at, kind = 8, b""
    while kind != b"IEND":
        head = data[at : at + 8]
        _demand(len(head) == 8, "ends within a chunk's head")
        length, kind = struct.unpack(">I4s", head)
        _demand(kind.isalpha() and kind[2:3].isupper(), "no type")
        end = at + 8 + length
        _demand(length < 2**31 and end + 4 <= len(data), "ends within a chunk")
        body = data[at + 8 : end]
        _demand(int.from_bytes(data[end : end + 4], "big") == zlib.crc32(kind + body), "wrong CRC")
        _demand(length == _FIXED.get(kind, length), "wrong length")
        yield kind, body
        at = end + 4
    _demand(at == len(data), "something follows")


def _check_order(kinds: Sequence[bytes]) -> None:
    _demand(kinds[0] == b"IHDR", "IHDR is not first")
    _demand(all(kinds.count(kind) <= 1 for kind in _ONCE), "twice")
    _demand(b"fdAT" not in kinds, "animated")
    _demand(all(kind[:1].islower() or kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND") for kind in kinds), "unknown")
    _demand([kind for kind, _ in groupby(kinds)].count(b"IDAT") == 1, "IDATs are not one after the other")
    data = kinds.index(b"IDAT")
    _demand(not set(_BEFORE_DATA).intersection(kinds[data:]), "too late for the pixels")
    if b"PLTE" in kinds:
        palette = kinds.index(b"PLTE")
        _demand(not set(_BEFORE_PALETTE).intersection(kinds[palette:]), "too late for the palette")
        _demand(not set(_AFTER_PALETTE).intersection(kinds[:palette]), "too early for the palette")


def _check_palette(colour: int, depth: int, bodies: dict[bytes, bytes]) -> None:
    palette, transparent = bodies.get(b"PLTE"), bodies.get(b"tRNS")
    if palette is not None:
        most = 2**depth if colour == INDEXED else 256
        _demand(colour not in (GREY, GREY_ALPHA), "a palette of greys")
        _demand(len(palette) % 3 == 0 and 3 <= len(palette) <= 3 * most, "a palette of another size")
    _demand(colour != INDEXED or palette is not None, "no palette")
    if transparent is not None:
        _demand(colour not in (GREY_ALPHA, TRUECOLOUR_ALPHA), "transparent twice")
        sizes = {GREY: [2], TRUECOLOUR: [6], INDEXED: range(1, len(palette or b"") // 3 + 1)}
        _demand(len(transparent) in sizes[colour], "transparency of another size")


def _rows(data: bytes, width: int, height: int, samples: int, depth: int, *, interlaced: bool) -> list[list[int]]:
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in passes]
    row_sizes = [1 + (columns * samples * depth + 7) // 8 for columns, _ in sizes]
    whole = sum(size * rows for size, (columns, rows) in zip(row_sizes, sizes, strict=True) if columns)
    inflated = _inflated(data, whole)
    picture = [[0] * (width * samples) for _ in range(height)]
    at = 0
    for (x, y, dx, dy), size, (columns, count) in zip(passes, row_sizes, sizes, strict=True):
        above = bytes(size - 1)
        for row in picture[y::dy] if columns and count else ():
            above = _unfiltered(inflated[at : at + size], above, max(1, samples * depth // 8))
            values = _unpacked(above, depth)
            for column, place in enumerate(range(x, width, dx)):
                row[place * samples : (place + 1) * samples] = values[column * samples : (column + 1) * samples]
            at += size
    return picture


def _inflated(data: bytes, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise NotWhole(str(error)) from None
    _demand(stream.eof and not stream.unused_data and not stream.unconsumed_tail, "no whole stream")
    _demand(len(inflated) == size, "another number of pixels")
    return inflated


def _unfiltered(line: bytes, above: bytes, step: int) -> bytes:
    _demand(line[0] <= 4, "no such filter")
    row = bytearray()
    for at, byte in enumerate(line[1:]):
        left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
        row.append((byte + predicted(line[0], left, above[at], corner)) % 256)
    return bytes(row)


def _unpacked(line: bytes, depth: int) -> list[int]:
    if depth == 16:
        return [high << 8 | low for high, low in zip(line[0::2], line[1::2], strict=True)]
    return [byte >> shift & 2**depth - 1 for byte in line for shift in range(8 - depth, -1, -depth)]
