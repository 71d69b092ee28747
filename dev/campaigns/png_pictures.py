"""PNG files of every kind of pixels, made here from first to last byte, with all that the format leaves open."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeAlias

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, TRUECOLOUR, INDEXED, GREY_ALPHA, TRUECOLOUR_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, TRUECOLOUR: 3, INDEXED: 1, GREY_ALPHA: 2, TRUECOLOUR_ALPHA: 4}
KINDS = [
    *((GREY, depth) for depth in (1, 2, 4, 8, 16)),
    *((INDEXED, depth) for depth in (1, 2, 4, 8)),
    *((colour, depth) for colour in (TRUECOLOUR, GREY_ALPHA, TRUECOLOUR_ALPHA) for depth in (8, 16)),
]
"""Every colour type with every bit depth that it has."""
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass: the first column and row, and the distance to the next."""

Chunk: TypeAlias = tuple[bytes, bytes]
"""Type and body."""
Rows: TypeAlias = Sequence[Sequence[int]]
"""Of each row the samples, one after the other."""


class Pixels(NamedTuple):
    """What a picture shows, however it is written down."""

    colour: int
    depth: int
    width: int
    rows: Rows
    palette: bytes = b""
    transparent: bytes = b""


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """The bytes of a chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def file_of(chunks: Sequence[Chunk]) -> bytes:
    """A file of these chunks."""
    return SIGNATURE + b"".join(chunk(kind, body) for kind, body in chunks)


def plain(pixels: Pixels) -> bytes:
    """The picture without anything that is left open: no filters, no passes, one IDAT."""
    inflated = b"".join(b"\0" + packed(row, pixels.depth) for row in pixels.rows)
    return file_of([*_head(pixels, interlaced=False), (b"IDAT", zlib.compress(inflated)), (b"IEND", b"")])


def some_pixels(colour: int, depth: int, dice: Random) -> Pixels:
    """Some picture of that kind: noise, with stretches that compress."""
    width, height = dice.randint(1, 19), dice.randint(1, 19)
    colours = dice.randint(1, 2**depth) if colour == INDEXED else 2**depth
    shades = [dice.randrange(colours) for _ in range(dice.choice([1, 2, 5, 100]))]
    rows = [[dice.choice(shades) for _ in range(width * SAMPLES[colour])] for _ in range(height)]
    palette = dice.randbytes(3 * colours) if colour == INDEXED else b""
    lengths = {GREY: 2, TRUECOLOUR: 6, INDEXED: dice.randint(1, colours)}
    transparent = bytes(lengths[colour]) if colour in lengths and dice.random() < 0.3 else b""
    return Pixels(colour, depth, width, rows, palette, transparent)


def some_chunks(pixels: Pixels, *, interlaced: bool, dice: Random) -> list[Chunk]:
    """The picture with any filters, in any number of IDATs, and with other chunks where they may be."""
    inflated = inflated_of(pixels, interlaced=interlaced, dice=dice)
    head, *rest = _head(pixels, interlaced=interlaced)
    before = [(b"gAMA", bytes(4)), (b"sRGB", b"\0"), (b"iCCP", b"profile\0\0" + zlib.compress(bytes(9)))]
    between = [(b"pHYs", bytes(9)), (b"tEXt", b"Title\0a picture"), (b"prVt", b"of our own"), (b"tIME", bytes(7))]
    after = [(b"zTXt", b"Comment\0\0" + zlib.compress(b"more")), (b"eXIf", b"II*\0")]
    data = _pieces(b"IDAT", zlib.compress(inflated, dice.choice([0, 1, 9])), dice)
    return [
        *(head, *_some(before, dice), *rest, *_some(between, dice)),
        *(*data, *_some(after, dice), (b"IEND", b"")),
    ]


def inflated_of(pixels: Pixels, *, interlaced: bool, dice: Random) -> bytes:
    """The rows as they are compressed, each behind the type of its filter."""
    samples = SAMPLES[pixels.colour]
    passes: list[Rows] = [pixels.rows]
    if interlaced:
        passes = [
            [columns for row in pixels.rows[y::dy] if (columns := _every(row, x, dx, samples))]
            for x, y, dx, dy in ADAM7
        ]
    step = max(1, samples * pixels.depth // 8)
    return b"".join(_filtered(rows, pixels.depth, step, dice) for rows in passes)


def packed(samples: Sequence[int], depth: int) -> bytes:
    """The samples of a row, each in that many bits, from the left."""
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    size = (len(bits) + 7) // 8
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def predicted(kind: int, left: int, above: int, corner: int) -> int:
    """What a filter expects a byte to be, given its neighbours."""
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    guess = left + above - corner
    return min((left, above, corner), key=lambda each: abs(guess - each))


def _head(pixels: Pixels, *, interlaced: bool) -> list[Chunk]:
    size = struct.pack(">II", pixels.width, len(pixels.rows))
    chunks = [(b"IHDR", size + bytes([pixels.depth, pixels.colour, 0, 0, interlaced]))]
    chunks += [(b"PLTE", pixels.palette)] if pixels.palette else []
    return chunks + ([(b"tRNS", pixels.transparent)] if pixels.transparent else [])


def _some(chunks: Sequence[Chunk], dice: Random) -> list[Chunk]:
    return [each for each in chunks if dice.random() < 0.25]


def _pieces(kind: bytes, body: bytes, dice: Random) -> list[Chunk]:
    cuts = sorted(dice.randint(0, len(body)) for _ in range(dice.choice([0, 0, 1, 3])))
    return [(kind, body[start:stop]) for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def _every(row: Sequence[int], first: int, step: int, samples: int) -> list[int]:
    return [sample for at in range(first * samples, len(row), step * samples) for sample in row[at : at + samples]]


def _filtered(rows: Rows, depth: int, step: int, dice: Random) -> bytes:
    above = b""
    filtered = []
    for row in rows:
        line = packed(row, depth)
        kind = dice.randrange(5)
        above = above or bytes(len(line))
        neighbours = zip(bytes(step) + line, above, bytes(step) + above, strict=False)
        bytes_ = bytes((byte - predicted(kind, *near)) % 256 for byte, near in zip(line, neighbours, strict=False))
        filtered.append(bytes([kind]) + bytes_)
        above = line
    return b"".join(filtered)
