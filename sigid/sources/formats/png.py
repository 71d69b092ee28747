"""PNG: whether a file is one whole, undamaged, still picture, and that picture's width, height and mode.

The rules are those of the W3C's Portable Network Graphics (PNG) Specification, third edition. Pillow's verify() and
load() together let damaged files in (pixel data that ends early, a cut IEND, junk behind it), so the datastream is
checked here. Pillow is asked only what it makes of a kind of pixels: nothing of a file ever reaches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from struct import Struct
from typing import Final, NamedTuple

from zlib_ng import zlib_ng

from sigid.errors import Reason, Rejected

MAX_PIXELS: Final = 25_000_000
"""The largest picture, width times height, that is let in. Of a larger one nothing but the header is looked at."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_HEAD = Struct(">I4s")
_CHUNK_CRC = Struct(">I")
_IHDR = Struct(">IIBBBBB")
_ACTL = Struct(">II")
_MAX_INTEGER = 2**31 - 1
_PIECE = 2**20

# The chunks whose length does not depend on what is in them.
_LENGTH = {b"IHDR": _IHDR.size, b"IEND": 0, b"acTL": _ACTL.size, b"fcTL": 26}
_LENGTH |= {b"cHRM": 32, b"cICP": 4, b"cLLI": 8, b"gAMA": 4, b"mDCV": 24, b"pHYs": 9, b"sRGB": 1, b"tIME": 7}

_GREYSCALE, _TRUECOLOUR, _INDEXED, _GREYSCALE_ALPHA, _TRUECOLOUR_ALPHA = 0, 2, 3, 4, 6
_SAMPLES = {_GREYSCALE: 1, _TRUECOLOUR: 3, _INDEXED: 1, _GREYSCALE_ALPHA: 2, _TRUECOLOUR_ALPHA: 4}
_DEPTHS = {
    _GREYSCALE: (1, 2, 4, 8, 16),
    _TRUECOLOUR: (8, 16),
    _INDEXED: (1, 2, 4, 8),
    _GREYSCALE_ALPHA: (8, 16),
    _TRUECOLOUR_ALPHA: (8, 16),
}
_TRANSPARENT_LENGTH = {_GREYSCALE: 2, _TRUECOLOUR: 6}
_FILTER_TYPES = bytes(range(5))

# First column, first row, distance of columns, distance of rows: of the only pass, and of the seven of Adam7.
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

# What must not stand before a chunk. The section "Chunk ordering" says it the other way round; a chunk that may come
# only once names itself. eXIf is held to no place, because encoders write it on either side of IDAT.
_NEVER_AFTER = {
    b"IHDR": frozenset({b"IHDR"}),
    b"PLTE": frozenset({b"PLTE", b"IDAT", b"bKGD", b"hIST", b"tRNS"}),
    b"IDAT": frozenset[bytes](),
    b"IEND": frozenset[bytes](),
    b"sPLT": frozenset({b"IDAT"}),
    **{kind: frozenset({kind, b"PLTE", b"IDAT"}) for kind in b"cHRM cICP cLLI gAMA iCCP mDCV sBIT sRGB".split()},
    **{kind: frozenset({kind, b"IDAT"}) for kind in b"acTL bKGD hIST pHYs tRNS".split()},
    **{kind: frozenset({kind}) for kind in b"eXIf tIME".split()},
}


class Picture(NamedTuple):
    """What is known of a picture without its pixels: width and height in pixels, and the mode that Pillow gives it."""

    width: int
    height: int
    mode: str


class _Chunk(NamedTuple):
    """A chunk whose length, type and CRC are sound: `start` and `end` are its place in the file."""

    kind: bytes
    start: int
    end: int
    body: memoryview

    def damage(self, what: str) -> Rejected:
        return Rejected(Reason.DAMAGED, f"chunk {self.kind.decode()} at byte {self.start}: {what}")


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    colour: int
    passes: tuple[tuple[int, int, int, int], ...]


def read_png(data: bytes) -> Picture:
    """Check the bytes of a whole PNG file from the first to the last, and return what picture it is.

    Raises Rejected with EMPTY, NOT_PNG, TRUNCATED, DAMAGED, TRAILING_DATA, TOO_MANY_PIXELS or ANIMATED; its detail
    names the byte. The pixels are inflated piece by piece and not kept. Of an ancillary chunk only the CRC, the place
    and a fixed length are looked at, and not what it says; nor is it looked at whether each pixel is in the palette.
    """
    _check_signature(data)
    chunks = _chunks(data)
    header = _read_header(first := next(chunks))
    pixels = _Pixels(header)
    seen = {first.kind: first}
    for chunk in chunks:
        _check_place(chunk, seen, header)
        match chunk.kind:
            case b"IDAT":
                pixels.inflate(chunk)
            case b"IEND":
                pixels.finish(chunk)
            case b"PLTE":
                _check_palette(chunk, header)
            case b"tRNS":
                _check_transparency(chunk, seen, header)
            case b"acTL" | b"fdAT":
                _check_still(chunk)
        if chunk.kind in _NEVER_AFTER:
            seen[chunk.kind] = chunk
    mode = _MODES.get((header.depth, header.colour)) or _mode(header.depth, header.colour)
    return Picture(header.width, header.height, mode)


_SHOWN = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT cICP pHYs".split())


def only_picture(data: bytes) -> bytes:
    """The bytes of a PNG file without what has no part in how it looks: text, EXIF, times, profiles, private chunks.

    The pixels stay as they are, byte for byte. The file is one that `read_png` accepts.
    """
    chunks = (data[chunk.start : chunk.end] for chunk in _chunks(data) if chunk.kind in _SHOWN)
    return b"".join([_SIGNATURE, *chunks])


def _check_signature(data: bytes) -> None:
    signature = data[: len(_SIGNATURE)]
    if signature == _SIGNATURE:
        return
    if not data:
        raise Rejected(Reason.EMPTY, "the file has 0 bytes")
    if _SIGNATURE.startswith(signature):
        raise Rejected(Reason.TRUNCATED, f"the file ends at byte {len(data)}, within the PNG signature")
    raise Rejected(Reason.NOT_PNG, f"the file begins with {repr(signature)[1:]}, not with the PNG signature")


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks to IEND, each of them checked by itself, and see that the file ends there."""
    view = memoryview(data)
    start = len(_SIGNATURE)
    while start < len(data):
        chunk = _chunk_at(start, view)
        if chunk.kind == b"IEND":
            if chunk.end < len(data):
                where = f"the picture ends at byte {chunk.end}, the file at byte {len(data)}"
                raise Rejected(Reason.TRAILING_DATA, where)
            yield chunk
            return
        yield chunk
        start = chunk.end
    raise Rejected(Reason.TRUNCATED, f"the file ends at byte {len(data)}, without an IEND chunk")


def _chunk_at(start: int, view: memoryview) -> _Chunk:
    body = start + _CHUNK_HEAD.size
    if body > len(view):
        raise Rejected(Reason.TRUNCATED, f"the file ends at byte {len(view)}, within the chunk at byte {start}")
    length, kind = _CHUNK_HEAD.unpack_from(view, start)
    if not kind.isalpha() or kind[2:3].islower():
        raise Rejected(Reason.DAMAGED, f"at byte {start}: {repr(kind)[1:]} is no type of a chunk")
    crc = body + length
    chunk = _Chunk(kind, start, crc + _CHUNK_CRC.size, view[body:crc])
    if length > _MAX_INTEGER:
        raise chunk.damage(f"its length is {length}")
    if chunk.end > len(view):
        where = f"within the chunk {kind.decode()} at byte {start}, which ends at byte {chunk.end}"
        raise Rejected(Reason.TRUNCATED, f"the file ends at byte {len(view)}, {where}")
    if (zlib_ng.crc32(view[start + 4 : crc]),) != _CHUNK_CRC.unpack_from(view, crc):
        raise chunk.damage("its CRC is wrong")
    if length != _LENGTH.get(kind, length):
        raise chunk.damage(f"its length is {length} instead of {_LENGTH[kind]}")
    return chunk


def _read_header(chunk: _Chunk) -> _Header:
    if chunk.kind != b"IHDR":
        raise chunk.damage("it is the first one instead of IHDR")
    width, height, depth, colour, compression, filtering, interlace = _IHDR.unpack(chunk.body)
    if not (1 <= width <= _MAX_INTEGER and 1 <= height <= _MAX_INTEGER):
        raise chunk.damage(f"a picture cannot be {width} x {height} pixels")
    if depth not in _DEPTHS.get(colour, ()):
        raise chunk.damage(f"colour type {colour} does not exist with bit depth {depth}")
    if compression or filtering or interlace > 1:
        raise chunk.damage(f"there is no compression {compression}, filter method {filtering}, interlace {interlace}")
    if width * height > MAX_PIXELS:
        raise Rejected(Reason.TOO_MANY_PIXELS, f"{width} x {height} (bytes 16 to 23) are more than {MAX_PIXELS} pixels")
    return _Header(width, height, depth, colour, _ADAM7 if interlace else _WHOLE)


def _check_place(chunk: _Chunk, seen: Mapping[bytes, _Chunk], header: _Header) -> None:
    """See that a chunk may come after those that were seen."""
    never_after = _NEVER_AFTER.get(chunk.kind)
    if never_after is None:
        if chunk.kind[:1].isupper():
            raise chunk.damage("a critical chunk of an unknown type")
    elif chunk.kind == b"IDAT":
        if b"IDAT" in seen and seen[b"IDAT"].end != chunk.start:
            raise chunk.damage("another chunk stands between it and the IDAT before")
        if header.colour == _INDEXED and b"PLTE" not in seen:
            raise chunk.damage("there is no PLTE before it, and the colours are indexed")
    elif chunk.kind == b"IEND":
        if b"IDAT" not in seen:
            raise chunk.damage("there is no IDAT before it")
    elif not never_after.isdisjoint(seen):
        earlier = ", ".join(kind.decode() for kind in seen if kind in never_after)
        raise chunk.damage(f"it must not come after {earlier}")


def _check_palette(chunk: _Chunk, header: _Header) -> None:
    entries, rest = divmod(len(chunk.body), 3)
    most = 2**header.depth if header.colour == _INDEXED else 256
    if header.colour in (_GREYSCALE, _GREYSCALE_ALPHA):
        raise chunk.damage("a greyscale picture must not have it")
    if rest or not 1 <= entries <= most:
        raise chunk.damage(f"{len(chunk.body)} bytes are not three for each of 1 to {most} colours")


def _check_transparency(chunk: _Chunk, seen: Mapping[bytes, _Chunk], header: _Header) -> None:
    if header.colour in (_GREYSCALE_ALPHA, _TRUECOLOUR_ALPHA):
        raise chunk.damage("a picture with an alpha channel must not have it")
    if header.colour == _INDEXED:
        entries = len(seen[b"PLTE"].body) // 3 if b"PLTE" in seen else 0
        if not 1 <= len(chunk.body) <= entries:
            raise chunk.damage(f"{len(chunk.body)} bytes do not fit a palette of {entries} colours")
    elif len(chunk.body) != _TRANSPARENT_LENGTH[header.colour]:
        raise chunk.damage(f"its length is {len(chunk.body)} instead of {_TRANSPARENT_LENGTH[header.colour]}")


def _check_still(chunk: _Chunk) -> None:
    if chunk.kind == b"fdAT":
        raise Rejected(Reason.ANIMATED, f"chunk fdAT at byte {chunk.start} has a further frame")
    frames, _plays = _ACTL.unpack(chunk.body)
    if frames > 1:
        raise Rejected(Reason.ANIMATED, f"chunk acTL at byte {chunk.start} announces {frames} frames")
    if not frames:
        raise chunk.damage("it announces 0 frames")


class _Pixels:
    """The inflated IDAT chunks: exactly as many bytes as the header promises, and each row of a filter that exists."""

    def __init__(self, header: _Header) -> None:
        self._passes = _filter_bytes(header)
        self._size = self._passes[-1].stop
        self._done = 0
        self._stream = zlib_ng.decompressobj()

    def inflate(self, chunk: _Chunk) -> None:
        # Not the whole body at once: zlib hands back a copy of what it has not come to yet, once for each _PIECE.
        for start in range(0, len(chunk.body), _PIECE):
            compressed: memoryview | bytes = chunk.body[start : start + _PIECE]
            while compressed:
                self._take(compressed, chunk)
                compressed = self._stream.unconsumed_tail

    def finish(self, end: _Chunk) -> None:
        while not self._stream.eof:
            if not self._take(b"", end) and not self._stream.eof:
                raise end.damage("the compressed pixels before it are not complete")
        if self._done < self._size:
            raise end.damage(f"the pixels before it are {self._done} bytes instead of {self._size}")

    def _take(self, compressed: memoryview | bytes, chunk: _Chunk) -> int:
        """Inflate into at most _PIECE bytes, check those, and return how many there were."""
        try:
            inflated = self._stream.decompress(compressed, _PIECE)
        except zlib_ng.error as error:  # type: ignore[misc]  # a class, though its stub calls it an instance
            raise chunk.damage(str(error)) from None
        if self._done + len(inflated) > self._size:
            raise chunk.damage(f"its pixels are more than {self._size} bytes")
        if self._stream.unused_data:
            raise chunk.damage("more data follows the end of the compressed pixels")
        for offsets in self._passes:
            self._check_filters(inflated, offsets, chunk)
        self._done += len(inflated)
        return len(inflated)

    def _check_filters(self, inflated: bytes, offsets: range, chunk: _Chunk) -> None:
        skipped = max(0, -((offsets.start - self._done) // offsets.step))
        ahead = offsets[skipped:]
        if not ahead:
            return
        filters = inflated[ahead.start - self._done : ahead.stop - self._done : ahead.step]
        if unknown := filters.translate(None, _FILTER_TYPES):
            at = ahead[filters.index(unknown[0])]
            raise chunk.damage(f"filter type {unknown[0]} at byte {at} of the inflated pixels does not exist")


def _filter_bytes(header: _Header) -> list[range]:
    """Return the offsets of the rows' filter bytes in the inflated pixels, a range for each pass that has pixels."""
    bits = header.depth * _SAMPLES[header.colour]
    passes: list[range] = []
    end = 0
    for first_column, first_row, column_step, row_step in header.passes:
        columns = -((first_column - header.width) // column_step)
        rows = -((first_row - header.height) // row_step)
        if columns > 0 and rows > 0:
            row_size = 1 + (columns * bits + 7) // 8
            start, end = end, end + rows * row_size
            passes.append(range(start, end, row_size))
    return passes


# Of nearly all pictures; Pillow takes longer to import than a hundred of them take to read.
_MODES = {(8, _GREYSCALE): "L", (8, _TRUECOLOUR): "RGB", (8, _TRUECOLOUR_ALPHA): "RGBA"}


@cache
def _mode(depth: int, colour: int) -> str:
    """Return the mode that Pillow gives to such pixels; neither a palette nor a transparent colour changes it."""
    from PIL.PngImagePlugin import PngImageFile  # only now: a process that reads no picture does without

    body = _IHDR.pack(1, 1, depth, colour, 0, 0, 0)
    head, crc = _CHUNK_HEAD.pack(len(body), b"IHDR"), _CHUNK_CRC.pack(zlib_ng.crc32(b"IHDR" + body))
    outline = b"".join([_SIGNATURE, head, body, crc, _CHUNK_HEAD.pack(0, b"IDAT")])
    try:
        with PngImageFile(BytesIO(outline)) as image:
            return image.mode
    except Exception as error:
        what = f"Pillow cannot read its header (bytes 8 to 32): {type(error).__name__}"
        raise Rejected(Reason.DAMAGED, what) from error
