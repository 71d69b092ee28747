"""What is let in as a PNG: one whole, undamaged, still picture, and nothing else."""

from __future__ import annotations

import io
import random
import re
import struct
import tracemalloc
import zlib
from collections.abc import Iterable
from itertools import chain, product
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from sigid.errors import Reason, Rejected
from sigid.sources.formats import png
from sigid.sources.formats.png import Picture, only_picture, read_png

Chunk = tuple[bytes, bytes]
Pixel = tuple[int, ...]

SAMPLE_FILES = sorted((Path(__file__).parent / "data" / "png").iterdir())

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREYSCALE, TRUECOLOUR, INDEXED, GREYSCALE_ALPHA, TRUECOLOUR_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREYSCALE: 1, TRUECOLOUR: 3, INDEXED: 1, GREYSCALE_ALPHA: 2, TRUECOLOUR_ALPHA: 4}
DEPTHS = {GREYSCALE: (1, 2, 4, 8, 16), INDEXED: (1, 2, 4, 8)}
KINDS_OF_PIXELS = [(colour, depth) for colour in SAMPLES for depth in DEPTHS.get(colour, (8, 16))]
SIZES = [(1, 1), (1, 5), (5, 1), (2, 3), (4, 4), (8, 8), (9, 7), (33, 17)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def file_of(*chunks: Chunk) -> bytes:
    return SIGNATURE + b"".join(chunk(*each) for each in chunks)


def ihdr(width: int, height: int, depth: int = 8, colour: int = GREYSCALE, *methods: int) -> Chunk:
    """Methods are those of compression, filter and interlace, 0 where left out."""
    compression, filtering, interlace = (*methods, 0, 0, 0)[:3]
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlace)


def idat(inflated: bytes) -> Chunk:
    """Stored, not compressed: so its length, and each byte behind it, is where the tests say with every zlib."""
    return b"IDAT", zlib.compress(inflated, level=0)


def seeded(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same pictures in every run, and no secrets


IEND: Chunk = (b"IEND", b"")
TEXT: Chunk = (b"tEXt", b"Title\0a signature")
# IHDR is at byte 8, IDAT at 33, IEND at 62, and the file ends at 74.
TINY = [ihdr(2, 2), idat(b"\0ab\0cd"), IEND]
# IHDR is at byte 8, PLTE at 33, tRNS at 51, IDAT at 65, IEND at 90.
INDEXED_TINY = [ihdr(4, 1, 2, INDEXED), (b"PLTE", bytes(6)), (b"tRNS", b"\0\1"), idat(b"\0\x55"), IEND]


def packed(samples: Iterable[int], depth: int) -> bytes:
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    size = (len(bits) + 7) // 8
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def scanlines(rows: list[list[Pixel]], depth: int) -> bytes:
    return b"".join(b"\0" + packed(chain.from_iterable(row), depth) for row in rows)


def interlaced(rows: list[list[Pixel]], depth: int) -> bytes:
    passes = [[row[x::dx] for row in rows[y::dy] if row[x::dx]] for x, y, dx, dy in ADAM7]
    return b"".join(scanlines(each, depth) for each in passes)


def picture_of(rows: list[list[Pixel]], depth: int, colour: int, interlace: int) -> bytes:
    palette = [(b"PLTE", bytes(range(3 * 2**depth % 256)) or bytes(3 * 2**depth))] if colour == INDEXED else []
    inflated = interlaced(rows, depth) if interlace else scanlines(rows, depth)
    return file_of(
        ihdr(len(rows[0]), len(rows), depth, colour, 0, 0, interlace),
        *palette,
        (b"IDAT", zlib.compress(inflated)),
        IEND,
    )


def decoded(data: bytes) -> tuple[Picture, bytes]:
    """What Pillow reads in a PNG that is known to be sound."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return Picture(image.width, image.height, image.mode), image.tobytes()


def refusal(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(Rejected) as caught:
        read_png(data)
    return caught.value.reason, caught.value.detail


def is_let_in(data: bytes) -> bool:
    try:
        read_png(data)
    except Rejected:
        return False
    return True


@pytest.mark.parametrize(("colour", "depth"), KINDS_OF_PIXELS)
def test_every_kind_of_pixels_is_let_in_interlaced_or_not(colour: int, depth: int) -> None:
    chance = seeded(f"{colour} {depth}")
    for width, height in SIZES:
        rows = [
            [tuple(chance.randrange(2**depth) for _ in range(SAMPLES[colour])) for _ in range(width)]
            for _ in range(height)
        ]
        plain = picture_of(rows, depth, colour, interlace=0)
        woven = picture_of(rows, depth, colour, interlace=1)

        assert decoded(woven) == decoded(plain)
        assert read_png(plain) == read_png(woven) == decoded(plain)[0]
        assert read_png(plain)[:2] == (width, height)


def written_by_pillow(mode: str, **options: object) -> bytes:
    image = Image.radial_gradient("L").resize((61, 37)).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def metadata() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a signature")
    info.add_text("Comment", "ink " * 5_000, zip=True)
    info.add_itxt("Author", "Zoë", "en", "Autor", zip=True)
    info.add(b"gAMA", struct.pack(">I", 45455))
    info.add(b"tIME", struct.pack(">HBBBBB", 2011, 9, 18, 12, 0, 0))
    info.add(b"prVt", b"a private chunk")
    info.add(b"afTr", b"a private chunk after the pixels", after_idat=True)
    return info


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimize": True},
        {"compress_level": 0},
        {"dpi": (400, 400), "pnginfo": metadata()},
        {"icc_profile": bytes(3_000), "exif": Image.Exif().tobytes()},
    ],
    ids=["plain", "optimised", "stored", "annotated", "profiled"],
)
def test_what_a_sound_encoder_writes_is_let_in(mode: str, options: dict[str, object]) -> None:
    data = written_by_pillow(mode, **options)

    assert read_png(data) == decoded(data)[0] == Picture(61, 37, mode)


@pytest.mark.parametrize(("mode", "transparency"), [("1", 0), ("L", 7), ("P", 0), ("P", b"\0\x80"), ("RGB", (1, 2, 3))])
def test_a_transparent_colour_is_let_in(mode: str, transparency: object) -> None:
    assert read_png(written_by_pillow(mode, transparency=transparency)) == Picture(61, 37, mode)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_of_few_colours_is_let_in(bits: int) -> None:
    assert read_png(written_by_pillow("P", bits=bits)) == Picture(61, 37, "P")


@pytest.mark.parametrize(("colour", "depth"), KINDS_OF_PIXELS)
def test_neither_a_palette_nor_a_transparent_colour_makes_another_mode_or_keeps_pillow_out(
    colour: int, depth: int
) -> None:
    bits = SAMPLES[colour] * depth
    palettes = [bytes(3), bytes(range(6))] if colour == INDEXED else [b""]
    palettes += [bytes(range(256)) * 3] if colour in (TRUECOLOUR, TRUECOLOUR_ALPHA) else []
    transparent = {GREYSCALE: [bytes(2), b"\xff\xff"], TRUECOLOUR: [bytes(6), b"\xff" * 6], INDEXED: [b"\0", b"\x80"]}

    for palette, colours in product(palettes, [b"", *transparent.get(colour, [])]):
        shown = [(b"PLTE", palette)] * bool(palette) + [(b"tRNS", colours)] * bool(colours)
        data = file_of(ihdr(1, 1, depth, colour), *shown, idat(bytes(1 + (bits + 7) // 8)), IEND)
        assert read_png(data) == decoded(data)[0]


HEAD, PIXELS = TINY[0], TINY[1][1]
PALETTE: Chunk = (b"PLTE", bytes(range(12)))
ONLY_FRAME: Chunk = (b"fcTL", struct.pack(">IIIIIHHBB", 0, 2, 2, 0, 0, 1, 1, 0, 0))
FIXED_LENGTHS = {b"cHRM": 32, b"cICP": 4, b"cLLI": 8, b"gAMA": 4, b"mDCV": 24, b"pHYs": 9, b"sRGB": 1, b"tIME": 7}


@pytest.mark.parametrize(
    "chunks",
    [
        TINY,
        INDEXED_TINY,
        [HEAD, *((b"IDAT", PIXELS[i : i + 1]) for i in range(len(PIXELS))), IEND],
        [HEAD, (b"IDAT", b""), (b"IDAT", PIXELS[:9]), (b"IDAT", b""), (b"IDAT", PIXELS[9:]), (b"IDAT", b""), IEND],
        [HEAD, TEXT, (b"IDAT", PIXELS), TEXT, TEXT, (b"tIME", bytes(7)), IEND],
        [HEAD, (b"eXIf", b"MM\0*"), (b"IDAT", PIXELS), IEND],
        [HEAD, (b"IDAT", PIXELS), (b"eXIf", b"MM\0*"), IEND],
        [HEAD, (b"prVt", b""), (b"prVt", b""), (b"IDAT", PIXELS), (b"prVt", bytes(9)), IEND],
        [HEAD, (b"sPLT", b"a\0\x08"), (b"sPLT", b"b\0\x08"), (b"IDAT", PIXELS), IEND],
        [HEAD, (b"acTL", struct.pack(">II", 1, 0)), ONLY_FRAME, (b"IDAT", PIXELS), IEND],
        [HEAD, (b"tRNS", b"\0a"), (b"bKGD", b"\0b"), (b"pHYs", bytes(9)), (b"IDAT", PIXELS), IEND],
        [HEAD, *((kind, bytes(size)) for kind, size in FIXED_LENGTHS.items()), (b"IDAT", PIXELS), IEND],
        [ihdr(1, 1, 8, TRUECOLOUR), PALETTE, (b"tRNS", bytes(6)), idat(b"\0rgb"), IEND],
        [ihdr(1, 1, 16, TRUECOLOUR_ALPHA), (b"PLTE", bytes(3 * 256)), idat(b"\0rrggbbaa"), IEND],
        [ihdr(2, 5), idat(b"\0ab\1ab\2ab\3ab\4ab"), IEND],
    ],
)
def test_every_order_of_chunks_that_the_specification_allows_is_let_in(chunks: list[Chunk]) -> None:
    data = file_of(*chunks)

    assert read_png(data) == decoded(data)[0]


def test_the_largest_picture_is_let_in_and_needs_little_memory() -> None:
    data = file_of(ihdr(5_000, 5_000), (b"IDAT", zlib.compress(bytes(5_000 * 5_001))), IEND)

    tracemalloc.start()
    picture = read_png(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert picture == Picture(5_000, 5_000, "L")
    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    ("kind", "name"), [(b"zTXt", b"Comment"), (b"iTXt", b"Comment\0\1"), (b"iCCP", b"profile")], ids=str
)
def test_a_bomb_in_an_ancillary_chunk_neither_explodes_nor_keeps_the_picture_out(kind: bytes, name: bytes) -> None:
    bomb = kind, name + b"\0\0" + (b"\0\0" if kind == b"iTXt" else b"") + zlib.compress(bytes(2**25))
    data = file_of(HEAD, bomb, TINY[1], IEND)

    tracemalloc.start()
    picture = read_png(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert picture == Picture(2, 2, "L")
    assert peak < 2**20


def test_a_bomb_in_the_pixels_is_refused_before_it_explodes() -> None:
    data = file_of(ihdr(1, 1), (b"IDAT", zlib.compress(bytes(2**26))), IEND)

    tracemalloc.start()
    why = refusal(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert why == (Reason.DAMAGED, "chunk IDAT at byte 33: its pixels are more than 2 bytes")
    assert peak < 4 * 2**20


def test_a_picture_with_too_many_pixels_is_refused_by_its_header_alone() -> None:
    header = file_of(ihdr(5_001, 5_000))

    assert refusal(header) == (
        Reason.TOO_MANY_PIXELS,
        "5001 x 5000 (bytes 16 to 23) are more than 25000000 pixels",
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"P",
        SIGNATURE[1:],
        b"\x89PNG\n\x1a\n",
        b"\x89PNG\r\n\x1a\r",
        b"II*\0",
        b"<svg/>",
        b"PK\3\4",
        b"%!PS-Adobe",
    ],
)
def test_other_bytes_are_not_a_png(data: bytes) -> None:
    reason, detail = refusal(data)

    assert reason is Reason.NOT_PNG
    assert detail == f"the file begins with {repr(data[:8])[1:]}, not with the PNG signature"


@pytest.mark.parametrize("form", ["BMP", "GIF", "ICO", "JPEG", "PPM", "TIFF", "WEBP"])
def test_a_picture_of_another_format_is_not_a_png(form: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, form)

    assert refusal(stream.getvalue())[0] is Reason.NOT_PNG


@pytest.mark.parametrize(
    "chunks", [TINY, INDEXED_TINY, [HEAD, TEXT, (b"IDAT", PIXELS[:9]), (b"IDAT", PIXELS[9:]), IEND]]
)
def test_a_file_that_is_cut_anywhere_is_truncated(chunks: list[Chunk]) -> None:
    data = file_of(*chunks)

    refusals = [refusal(data[:size]) for size in range(len(data))]

    assert [reason for reason, _ in refusals] == [Reason.EMPTY] + [Reason.TRUNCATED] * (len(data) - 1)
    assert all(f"ends at byte {size}, with" in detail for size, (_, detail) in enumerate(refusals) if size)


@pytest.mark.parametrize(
    ("size", "detail"),
    [
        (3, "the file ends at byte 3, within the PNG signature"),
        (8, "the file ends at byte 8, without an IEND chunk"),
        (40, "the file ends at byte 40, within the chunk at byte 33"),
        (41, "the file ends at byte 41, within the chunk IDAT at byte 33, which ends at byte 62"),
        (62, "the file ends at byte 62, without an IEND chunk"),
    ],
)
def test_a_cut_file_is_told_where_it_ends(size: int, detail: str) -> None:
    assert refusal(file_of(*TINY)[:size]) == (Reason.TRUNCATED, detail)


@pytest.mark.parametrize("trailing", [b"\0", b"\n", chunk(*IEND), chunk(*TEXT), b"<script></script>", file_of(*TINY)])
def test_nothing_may_follow_the_picture(trailing: bytes) -> None:
    assert refusal(file_of(*TINY) + trailing) == (
        Reason.TRAILING_DATA,
        f"the picture ends at byte 74, the file at byte {74 + len(trailing)}",
    )


@pytest.mark.parametrize(
    ("chunks", "detail"),
    [
        ([HEAD, (b"acTL", struct.pack(">II", 2, 0)), TINY[1], IEND], "chunk acTL at byte 33 announces 2 frames"),
        ([*TINY[:2], (b"fdAT", bytes(9)), IEND], "chunk fdAT at byte 62 has a further frame"),
    ],
)
def test_an_animation_is_refused(chunks: list[Chunk], detail: str) -> None:
    assert refusal(file_of(*chunks)) == (Reason.ANIMATED, detail)


def test_an_animation_of_a_sound_encoder_is_refused() -> None:
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 100, 200)]
    stream = io.BytesIO()
    frames[0].save(stream, "PNG", save_all=True, append_images=frames[1:])

    assert refusal(stream.getvalue())[0] is Reason.ANIMATED


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (ihdr(0, 2), "a picture cannot be 0 x 2 pixels"),
        (ihdr(2, 0), "a picture cannot be 2 x 0 pixels"),
        (ihdr(2**31, 1), "a picture cannot be 2147483648 x 1 pixels"),
        (ihdr(1, 2**32 - 1), "a picture cannot be 1 x 4294967295 pixels"),
        (ihdr(2, 2, 3), "colour type 0 does not exist with bit depth 3"),
        (ihdr(2, 2, 0), "colour type 0 does not exist with bit depth 0"),
        (ihdr(2, 2, 4, TRUECOLOUR), "colour type 2 does not exist with bit depth 4"),
        (ihdr(2, 2, 16, INDEXED), "colour type 3 does not exist with bit depth 16"),
        (ihdr(2, 2, 1, GREYSCALE_ALPHA), "colour type 4 does not exist with bit depth 1"),
        (ihdr(2, 2, 8, 1), "colour type 1 does not exist with bit depth 8"),
        (ihdr(2, 2, 8, 7), "colour type 7 does not exist with bit depth 8"),
        (ihdr(2, 2, 8, 0, 1), "there is no compression 1, filter method 0, interlace 0"),
        (ihdr(2, 2, 8, 0, 0, 64), "there is no compression 0, filter method 64, interlace 0"),
        (ihdr(2, 2, 8, 0, 0, 0, 2), "there is no compression 0, filter method 0, interlace 2"),
        ((b"IHDR", HEAD[1][:12]), "its length is 12 instead of 13"),
        ((b"IHDR", HEAD[1] + b"\0"), "its length is 14 instead of 13"),
    ],
)
def test_a_header_that_cannot_be_is_damaged(header: Chunk, what: str) -> None:
    assert refusal(file_of(header, *TINY[1:])) == (Reason.DAMAGED, f"chunk IHDR at byte 8: {what}")


@pytest.mark.parametrize(
    ("chunks", "detail"),
    [
        (TINY[1:], "IDAT at byte 8: it is the first one instead of IHDR"),
        ([TEXT, *TINY], "tEXt at byte 8: it is the first one instead of IHDR"),
        ([IEND], "IEND at byte 8: it is the first one instead of IHDR"),
        ([HEAD, HEAD, *TINY[1:]], "IHDR at byte 33: it must not come after IHDR"),
        ([HEAD, IEND], "IEND at byte 33: there is no IDAT before it"),
        ([HEAD, TINY[1], (b"IEND", b"\0")], "IEND at byte 62: its length is 1 instead of 0"),
        ([HEAD, TINY[1], TEXT, TINY[1], IEND], "IDAT at byte 91: another chunk stands between it and the IDAT before"),
        ([HEAD, (b"CgBI", bytes(4)), *TINY[1:]], "CgBI at byte 33: a critical chunk of an unknown type"),
        ([HEAD, (b"iDAT", b""), (b"IDAt", b""), *TINY[1:]], "IDAt at byte 45: a critical chunk of an unknown type"),
        ([HEAD, *[(b"gAMA", bytes(4))] * 2, *TINY[1:]], "gAMA at byte 49: it must not come after gAMA"),
        ([*TINY[:2], (b"pHYs", bytes(9)), IEND], "pHYs at byte 62: it must not come after IDAT"),
        ([*INDEXED_TINY[:2], (b"sRGB", b"\0"), *INDEXED_TINY[2:]], "sRGB at byte 51: it must not come after PLTE"),
        ([*TINY[:2], (b"acTL", struct.pack(">II", 2, 0)), IEND], "acTL at byte 62: it must not come after IDAT"),
        ([HEAD, (b"acTL", bytes(8)), *TINY[1:]], "acTL at byte 33: it announces 0 frames"),
        ([HEAD, (b"acTL", bytes(7)), *TINY[1:]], "acTL at byte 33: its length is 7 instead of 8"),
    ],
)
def test_chunks_that_are_not_in_order_are_damaged(chunks: list[Chunk], detail: str) -> None:
    assert refusal(file_of(*chunks)) == (Reason.DAMAGED, f"chunk {detail}")


@pytest.mark.parametrize(
    ("chunks", "detail"),
    [
        ([HEAD, PALETTE, *TINY[1:]], "PLTE at byte 33: a greyscale picture must not have it"),
        (
            [INDEXED_TINY[0], *INDEXED_TINY[3:]],
            "IDAT at byte 33: there is no PLTE before it, and the colours are indexed",
        ),
        ([*INDEXED_TINY[:2], PALETTE], "PLTE at byte 51: it must not come after PLTE"),
        ([*INDEXED_TINY[:2], *INDEXED_TINY[3:4], PALETTE], "PLTE at byte 76: it must not come after PLTE, IDAT"),
        ([INDEXED_TINY[0], INDEXED_TINY[2]], "tRNS at byte 33: 2 bytes do not fit a palette of 0 colours"),
        ([*INDEXED_TINY[:2], (b"tRNS", bytes(3))], "tRNS at byte 51: 3 bytes do not fit a palette of 2 colours"),
        ([*INDEXED_TINY[:2], (b"tRNS", b"")], "tRNS at byte 51: 0 bytes do not fit a palette of 2 colours"),
        ([ihdr(1, 1, 2, INDEXED), (b"PLTE", b"")], "PLTE at byte 33: 0 bytes are not three for each of 1 to 4 colours"),
        (
            [ihdr(1, 1, 2, INDEXED), (b"PLTE", bytes(15))],
            "PLTE at byte 33: 15 bytes are not three for each of 1 to 4 colours",
        ),
        (
            [ihdr(1, 1, 2, INDEXED), (b"PLTE", bytes(4))],
            "PLTE at byte 33: 4 bytes are not three for each of 1 to 4 colours",
        ),
        (
            [ihdr(1, 1, 8, TRUECOLOUR), (b"PLTE", bytes(771))],
            "PLTE at byte 33: 771 bytes are not three for each of 1 to 256 colours",
        ),
        ([ihdr(1, 1, 8, TRUECOLOUR), (b"tRNS", bytes(6)), PALETTE], "PLTE at byte 51: it must not come after tRNS"),
        ([ihdr(1, 1, 8, TRUECOLOUR), (b"tRNS", bytes(2))], "tRNS at byte 33: its length is 2 instead of 6"),
        ([HEAD, (b"tRNS", bytes(1))], "tRNS at byte 33: its length is 1 instead of 2"),
        ([*TINY[:2], (b"tRNS", bytes(2))], "tRNS at byte 62: it must not come after IDAT"),
        (
            [ihdr(1, 1, 8, GREYSCALE_ALPHA), (b"tRNS", bytes(2))],
            "tRNS at byte 33: a picture with an alpha channel must not have it",
        ),
    ],
)
def test_a_palette_that_does_not_fit_the_picture_is_damaged(chunks: list[Chunk], detail: str) -> None:
    assert refusal(file_of(*chunks, IEND)) == (Reason.DAMAGED, f"chunk {detail}")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (file_of(HEAD) + b"\0\0\0\0\0\0\0\0", r"at byte 33: '\x00\x00\x00\x00' is no type of a chunk"),
        (file_of(HEAD, (b"te t", b"")), "at byte 33: 'te t' is no type of a chunk"),
        (file_of(HEAD, (b"text", b"")), "at byte 33: 'text' is no type of a chunk"),
        (file_of(HEAD, (b"gAMA", bytes(3))), "chunk gAMA at byte 33: its length is 3 instead of 4"),
        (file_of(HEAD) + b"\x80\0\0\0tEXt", "chunk tEXt at byte 33: its length is 2147483648"),
        (file_of(HEAD, TEXT).replace(b"signature", b"signatura"), "chunk tEXt at byte 33: its CRC is wrong"),
    ],
)
def test_a_chunk_that_is_not_as_it_was_written_is_damaged(data: bytes, detail: str) -> None:
    assert refusal(data) == (Reason.DAMAGED, detail)


WHOLE_STREAM = zlib.compress(b"\0ab\0cd", level=0)


@pytest.mark.parametrize(
    ("compressed", "detail"),
    [
        ([b""], "IEND at byte 45: the compressed pixels before it are not complete"),
        ([WHOLE_STREAM[:-1]], "IEND at byte 61: the compressed pixels before it are not complete"),
        ([WHOLE_STREAM[:-4]], "IEND at byte 58: the compressed pixels before it are not complete"),
        ([WHOLE_STREAM + b"\0"], "IDAT at byte 33: more data follows the end of the compressed pixels"),
        ([WHOLE_STREAM, b"", b"\0"], "IDAT at byte 74: more data follows the end of the compressed pixels"),
        ([WHOLE_STREAM * 2], "IDAT at byte 33: more data follows the end of the compressed pixels"),
        ([zlib.compress(b"\0ab", 0)], "IEND at byte 59: the pixels before it are 3 bytes instead of 6"),
        ([zlib.compress(b"\0ab\0c", 0)], "IEND at byte 61: the pixels before it are 5 bytes instead of 6"),
        ([zlib.compress(b"", 0)], "IEND at byte 56: the pixels before it are 0 bytes instead of 6"),
        ([zlib.compress(b"\0ab\0cd\0", 0)], "IDAT at byte 33: its pixels are more than 6 bytes"),
        ([zlib.compress(b"\0ab\0cd\0ef", 0)], "IDAT at byte 33: its pixels are more than 6 bytes"),
        (
            [zlib.compress(b"\5ab\0cd", 0)],
            "IDAT at byte 33: filter type 5 at byte 0 of the inflated pixels does not exist",
        ),
        (
            [zlib.compress(b"\0ab\xffcd", 0)],
            "IDAT at byte 33: filter type 255 at byte 3 of the inflated pixels does not exist",
        ),
        ([WHOLE_STREAM[:-1] + b"?"], "IDAT at byte 33: Error -3 while decompressing data: incorrect data check"),
        ([b"no zlib"], "IDAT at byte 33: Error -3 while decompressing data: incorrect header check"),
    ],
)
def test_pixels_that_are_not_exactly_the_pictures_are_damaged(compressed: list[bytes], detail: str) -> None:
    data = file_of(HEAD, *((b"IDAT", each) for each in compressed), IEND)

    assert refusal(data) == (Reason.DAMAGED, f"chunk {detail}")


def test_a_preset_dictionary_is_damage() -> None:
    compressor = zlib.compressobj(zdict=b"\0ab")

    assert refusal(file_of(HEAD, (b"IDAT", compressor.compress(b"\0ab\0cd") + compressor.flush()), IEND)) == (
        Reason.DAMAGED,
        "chunk IDAT at byte 33: Error 2 while decompressing data",
    )


@pytest.mark.parametrize(("colour", "depth"), KINDS_OF_PIXELS)
def test_one_byte_of_interlaced_pixels_more_or_less_is_damage(colour: int, depth: int) -> None:
    for width, height in SIZES:
        rows = [[(0,) * SAMPLES[colour]] * width] * height
        exact = interlaced(rows, depth)
        palette = [(b"PLTE", bytes(3))] if colour == INDEXED else []
        front = [ihdr(width, height, depth, colour, 0, 0, 1), *palette]

        assert is_let_in(file_of(*front, idat(exact), IEND))
        assert not is_let_in(file_of(*front, idat(exact[:-1]), IEND))
        assert not is_let_in(file_of(*front, idat(exact + b"\0"), IEND))


def row_sizes(width: int, height: int, interlace: int) -> list[int]:
    """The bytes of each row of a greyscale picture of 8 bits, with its filter type, in the order of the datastream."""
    passes = ADAM7 if interlace else [(0, 0, 1, 1)]
    return [1 + len(range(x, width, dx)) for x, y, dx, dy in passes for _ in range(y, height, dy)]


@pytest.mark.parametrize("interlace", [0, 1])
def test_each_rows_filter_type_is_looked_at_also_in_a_picture_of_many_pieces(interlace: int) -> None:
    # 2.4 million bytes, so that rows and passes begin in one piece of the inflated pixels and end in another.
    header, sizes = ihdr(1_201, 2_003, 8, GREYSCALE, 0, 0, interlace), row_sizes(1_201, 2_003, interlace)
    sound = b"".join(b"\4" + b"\xff" * (size - 1) for size in sizes)
    assert is_let_in(file_of(header, (b"IDAT", zlib.compress(sound, 1)), IEND))

    for row in [*range(0, len(sizes), 97), len(sizes) - 1]:
        start = sum(sizes[:row])
        damaged = sound[:start] + b"\5" + sound[start + 1 :]
        assert refusal(file_of(header, (b"IDAT", zlib.compress(damaged, 1)), IEND)) == (
            Reason.DAMAGED,
            f"chunk IDAT at byte 33: filter type 5 at byte {start} of the inflated pixels does not exist",
        )


def test_a_file_in_which_any_one_byte_is_another_is_refused() -> None:
    sound = file_of(*INDEXED_TINY[:3], TEXT, *INDEXED_TINY[3:])
    assert is_let_in(sound)

    for at in range(len(sound)):
        for value in range(256):
            mutant = sound[:at] + bytes([value]) + sound[at + 1 :]
            assert is_let_in(mutant) == (mutant == sound), (at, value)


@pytest.mark.parametrize("level", [0, 9])
def test_compressed_pixels_that_were_changed_before_their_crc_was_made_are_damage(level: int) -> None:
    sound = zlib.compress(b"\0ab\0ab\0ab\0ab", level)

    for at in range(len(sound)):
        for value in range(256):
            mutant = sound[:at] + bytes([value]) + sound[at + 1 :]
            expected = inflates_to_rows(mutant, count=4, size=3)
            assert is_let_in(file_of(ihdr(2, 4), (b"IDAT", mutant), IEND)) == expected, (at, value)


def inflates_to_rows(compressed: bytes, count: int, size: int) -> bool:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(compressed)
    except zlib.error:
        return False
    whole = stream.eof and not stream.unused_data and len(inflated) == count * size
    return whole and all(inflated[start] <= 4 for start in range(0, len(inflated), size))


def test_a_file_in_which_bytes_are_lost_added_or_garbled_is_refused() -> None:
    chance = seeded(52)
    sound = written_by_pillow("L", dpi=(400, 400))
    assert is_let_in(sound)

    for _ in range(3_000):
        at, size = chance.randrange(len(sound)), chance.choice([1, 2, 3, 4, 8, 12, 64, 512])
        junk = chance.randbytes(size)
        mutant = chance.choice(
            [
                sound[:at] + sound[at + size :],
                sound[:at] + junk + sound[at:],
                sound[:at] + junk + sound[at + size :],
                sound[:at] + bytes(size) + sound[at + size :],
                sound[:at] + sound[at : at + size] * 2 + sound[at + size :],
            ]
        )
        assert is_let_in(mutant) == (mutant == sound), mutant.hex()


# One letter a chunk: Header, gAMA, Palette, tRNS, pHYs, teXt, Data, tIme, End.
LETTERS = {
    b"IHDR": "H",
    b"gAMA": "g",
    b"PLTE": "P",
    b"tRNS": "t",
    b"pHYs": "p",
    b"tEXt": "x",
    b"IDAT": "D",
    b"tIME": "i",
    b"IEND": "E",
}
SOUND_ORDER = re.compile("H[gpxi]*P[tpxi]*D+[xi]*E")
LONE_CHUNKS = re.compile("(?!.*([gPtpi]).*\\1)")
WHOLE = [
    ihdr(4, 4, 2, INDEXED),
    (b"gAMA", bytes(4)),
    (b"PLTE", bytes(range(12))),
    (b"tRNS", bytes(range(4))),
    (b"pHYs", bytes(9)),
    TEXT,
    (b"IDAT", idat(b"\0\x1b" * 4)[1][:7]),
    (b"IDAT", idat(b"\0\x1b" * 4)[1][7:12]),
    (b"IDAT", idat(b"\0\x1b" * 4)[1][12:]),
    (b"tIME", bytes(7)),
    IEND,
]


def is_sound_variant_of_whole(chunks: list[Chunk]) -> bool:
    """The specification's rules once more, as far as variants of WHOLE can break them."""
    order = "".join(LETTERS[kind] for kind, _ in chunks)
    bodies = dict(chunks)
    return (
        SOUND_ORDER.fullmatch(order) is not None
        and LONE_CHUNKS.match(order) is not None
        and b"".join(body for kind, body in chunks if kind == b"IDAT") == idat(b"\0\x1b" * 4)[1]
        and all(len(bodies[kind]) == len(dict(WHOLE)[kind]) for kind in (b"IHDR", b"PLTE", b"IEND"))
        and 1 <= len(bodies.get(b"tRNS", b"?")) <= 4
        and all(len(bodies.get(kind, bytes(size))) == size for kind, size in FIXED_LENGTHS.items())
    )


def variant(chunks: list[Chunk], chance: random.Random) -> list[Chunk]:
    """The same chunks with one of them gone, doubled, moved, swapped with another, or a byte longer or shorter."""
    chunks = list(chunks)
    at, other = chance.randrange(len(chunks)), chance.randrange(len(chunks))
    kind, body = chunks[at]
    match chance.choice(["gone", "doubled", "moved", "swapped", "longer", "shorter"]):
        case "gone":
            del chunks[at]
        case "doubled":
            chunks.insert(other, chunks[at])
        case "moved":
            chunks.insert(other, chunks.pop(at))
        case "swapped":
            chunks[at], chunks[other] = chunks[other], chunks[at]
        case "longer":
            chunks[at] = kind, body + b"\0"
        case "shorter":
            chunks[at] = kind, body[:-1]
    return chunks


def test_of_the_variants_of_a_sound_file_the_sound_ones_are_let_in_and_no_others() -> None:
    chance = seeded(53)
    let_in = 0

    for _ in range(8_000):
        chunks = variant(WHOLE, chance)
        if chance.random() < 0.5 and chunks:
            chunks = variant(chunks, chance)
        data = file_of(*chunks)
        assert is_let_in(data) == is_sound_variant_of_whole(chunks), [kind for kind, _ in chunks]
        if is_let_in(data):
            let_in += 1
            assert decoded(data)[1] == decoded(file_of(*WHOLE))[1]

    assert 800 < let_in < 7_200


def test_a_header_that_pillow_does_not_take_is_a_rejection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise SyntaxError("broken PNG file")

    png._mode.cache_clear()
    monkeypatch.setattr(PngImagePlugin, "PngImageFile", refuse)

    assert refusal(file_of(ihdr(1, 1, 1, GREYSCALE), idat(bytes(2)), IEND)) == (
        Reason.DAMAGED,
        "Pillow cannot read its header (bytes 8 to 32): SyntaxError",
    )


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.name)
def test_a_sample_file_is_refused_for_the_reason_that_it_is_named_after(path: Path) -> None:
    code = path.name.partition(".")[0]

    if code == "sound":
        assert is_let_in(path.read_bytes())
    else:
        assert refusal(path.read_bytes())[0] == code


def test_there_is_a_sample_file_for_every_reason() -> None:
    codes = {path.name.partition(".")[0] for path in SAMPLE_FILES}

    assert codes == {
        "sound",
        "empty",
        "not_png",
        "truncated",
        "damaged",
        "trailing_data",
        "too_many_pixels",
        "animated",
    }


def test_only_the_picture_is_left_of_a_file_that_says_more() -> None:
    gamma = (b"gAMA", struct.pack(">I", 45455))
    told = [TEXT, (b"zTXt", b"a\0\0" + zlib.compress(b"who")), (b"iTXt", b"a\0\0\0\0\0who"), (b"eXIf", b"MM\0*")]
    private = [(b"iCCP", b"scanner\0\0" + zlib.compress(b"of whom")), (b"prVt", b"who"), (b"tIME", bytes(7))]
    header, pixels, end = TINY

    bare = only_picture(file_of(header, private[0], gamma, *told, pixels, *private[1:], end))

    assert bare == file_of(header, gamma, pixels, end)
    assert read_png(bare) == read_png(file_of(*TINY))


@pytest.mark.parametrize(
    "file", [each for each in SAMPLE_FILES if each.name.startswith("sound")], ids=lambda file: file.name
)
def test_only_the_picture_has_the_same_pixels(file: Path) -> None:
    content = file.read_bytes()

    bare = only_picture(content)

    assert read_png(bare) == read_png(content)
    one, other = Image.open(io.BytesIO(bare)), Image.open(io.BytesIO(content))
    assert one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
