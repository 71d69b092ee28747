"""png-mutants: damaged pictures, by the thousand: what is let in is whole, and shows what it showed."""

from __future__ import annotations

import io
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.png_pictures import KINDS, Chunk, Pixels, file_of, plain, some_chunks, some_pixels
from dev.campaigns.png_reference import NotWhole, chunks_of, pixels
from sigid.errors import Rejected
from sigid.sources.formats.png import Picture, read_png

_OF_EACH_KIND = 2
_SHOWN = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""The chunks that make the picture. What others say sigid does not look at, and neither shall Pillow."""


@dataclass(frozen=True, slots=True)
class Base:
    """A sound picture."""

    chunks: Sequence[Chunk]
    data: bytes
    shown: tuple[Picture, bytes]
    """What Pillow makes of the same pixels, written down in the plainest way."""


def _run(ground: Ground) -> Finding:
    dice = Random(ground.seed)
    bases = [base for colour, depth in KINDS for base in _bases(colour, depth, dice)]
    wrong = [f"{base.data.hex()} is sound: {why}" for base in bases if (why := _complaint(base.data, base.shown)[1])]
    verdicts = Counter[str]()
    for data, shown in _mutants(bases, ground.of(5_000, 20_000), dice):
        verdict, why = _complaint(data, shown)
        verdicts[verdict] += 1
        if why:
            wrong.append(f"{data.hex()}: {why}")
    cuts = [base.data[:end] for base in dice.sample(bases, 3) for end in range(len(base.data))]
    wrong += [f"{data.hex()} is cut: {why}" for data in cuts if (why := _complaint(data, None)[1])]
    return Finding(_figure(verdicts, len(bases), len(cuts)), wrong)


def _figure(verdicts: Counter[str], bases: int, cuts: int) -> str:
    refused = verdicts.total() - verdicts["let in"]
    reasons = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common() if verdict != "let in")
    return (
        f"{verdicts.total():,} mutants of {bases} pictures: {verdicts['let in']:,} whole and let in with their pixels, "
        f"{refused:,} refused ({reasons}); {cuts:,} cuts at each byte of three"
    )


def _bases(colour: int, depth: int, dice: Random) -> Iterator[Base]:
    for interlaced in (False, True):
        for _ in range(_OF_EACH_KIND):
            shows = some_pixels(colour, depth, dice)
            chunks = some_chunks(shows, interlaced=interlaced, dice=dice)
            yield Base(chunks, file_of(chunks), _shown(plain(shows)))


def _mutants(bases: Sequence[Base], count: int, dice: Random) -> Iterator[tuple[bytes, tuple[Picture, bytes] | None]]:
    """Mutants; and what each must show if it is let in, unless a checksum was made anew: then it may be any picture."""
    for _ in range(count):
        base = dice.choice(bases)
        if dice.random() < 0.4:
            data = base.data
            for _ in range(dice.choice([1, 1, 1, 2, 4])):
                data = dice.choice(_OF_BYTES)(data, dice)
            yield data, base.shown
        else:
            chunks = list(base.chunks)
            for _ in range(dice.choice([1, 1, 1, 2, 3])):
                dice.choice(_OF_CHUNKS)(chunks, dice)
            yield file_of(chunks), None


def _complaint(data: bytes, shown: tuple[Picture, bytes] | None) -> tuple[str, str | None]:
    """What becomes of the file, and what is wrong with that."""
    try:
        whole: Pixels | None = pixels(data)
    except NotWhole as error:
        whole, damage = None, str(error)
    try:
        picture = read_png(data)
    except Rejected as rejected:
        return rejected.reason, f"refused as {rejected.detail}, though it is whole" if whole else None
    except Exception as error:
        return "crash", f"{type(error).__name__}: {error}"
    if whole is None:
        return "let in", f"let in, though it is not whole: {damage}"
    try:
        now = _shown(file_of([chunk for chunk in chunks_of(data) if chunk[0] in _SHOWN]))
    except Exception as error:
        return "let in", f"let in, and Pillow cannot show it: {error}"
    right = now == (shown or _shown(plain(whole))) and now[0] == picture
    return "let in", None if right else f"let in with other pixels, as {picture}"


def _shown(data: bytes) -> tuple[Picture, bytes]:
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return Picture(image.width, image.height, image.mode), image.tobytes()


# Done to the bytes of a file


def _flip(data: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(data) or 1)
    return data[:at] + bytes([byte ^ 1 << dice.randrange(8) for byte in data[at : at + 1]]) + data[at + 1 :]


def _garble(data: bytes, dice: Random) -> bytes:
    start, stop = _stretch(data, dice)
    return data[:start] + dice.choice([bytes(stop - start), dice.randbytes(stop - start)]) + data[stop:]


def _cut_off(data: bytes, dice: Random) -> bytes:
    return data[: dice.randint(0, len(data))]


def _lose(data: bytes, dice: Random) -> bytes:
    start, stop = _stretch(data, dice)
    return data[:start] + data[stop:]


def _insert(data: bytes, dice: Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + dice.randbytes(dice.choice([1, 1, 2, 12])) + data[at:]


def _append(data: bytes, dice: Random) -> bytes:
    return data + dice.choice([b"\0", b"\n", b"<html>", data, dice.randbytes(9)])


def _repeat(data: bytes, dice: Random) -> bytes:
    start, stop = _stretch(data, dice)
    return data[:stop] + data[start:]


def _swap(data: bytes, dice: Random) -> bytes:
    start, stop = _stretch(data, dice)
    middle = dice.randint(start, stop)
    return data[:start] + data[middle:stop] + data[start:middle] + data[stop:]


def _as_text(data: bytes, dice: Random) -> bytes:
    """What a transfer that takes it for text makes of it."""
    lost, found = dice.choice([(b"\r\n", b"\n"), (b"\n", b"\r\n"), (b"\0", b" "), (b"\x89", b"\x09")])
    return data.replace(lost, found)


def _stretch(data: bytes, dice: Random) -> tuple[int, int]:
    start = dice.randint(0, len(data))
    return start, min(len(data), start + dice.choice([1, 1, 2, 4, 12, 64]))


_OF_BYTES: list[Callable[[bytes, Random], bytes]] = [
    *(_flip, _flip, _flip, _garble, _cut_off, _lose, _insert, _append, _repeat, _swap, _as_text),
]


# Done to the chunks of a file, whose CRCs are made anew


def _edit(chunks: list[Chunk], dice: Random) -> None:
    at = dice.randrange(len(chunks))
    chunks[at] = chunks[at][0], dice.choice([_flip, _garble, _lose, _insert])(chunks[at][1], dice)


def _edit_header(chunks: list[Chunk], dice: Random) -> None:
    kind, body = chunks[0]
    at = dice.choice([3, 7, 8, 9, 10, 11, 12])
    value = dice.choice([0, 1, 2, 3, 4, 6, 8, 16, 255, dice.randrange(256)])
    chunks[0] = kind, body[:at] + bytes([value]) + body[at + 1 :]


def _rename(chunks: list[Chunk], dice: Random) -> None:
    at = dice.randrange(len(chunks))
    kind = dice.choice([_flip(chunks[at][0], dice), chunks[at][0].swapcase(), dice.choice(_KINDS), b"ABCD", b"a\0cd"])
    chunks[at] = kind, chunks[at][1]


def _drop(chunks: list[Chunk], dice: Random) -> None:
    if len(chunks) > 1:
        del chunks[dice.randrange(len(chunks))]


def _double(chunks: list[Chunk], dice: Random) -> None:
    chunks.insert(dice.randint(0, len(chunks)), dice.choice(chunks))


def _move(chunks: list[Chunk], dice: Random) -> None:
    chunks.insert(dice.randint(0, len(chunks)), chunks.pop(dice.randrange(len(chunks))))


def _add(chunks: list[Chunk], dice: Random) -> None:
    kind = dice.choice(_KINDS)
    body = bytes(dice.choice([0, _LENGTHS.get(kind, 3), _LENGTHS.get(kind, 3), 6]))
    if kind == b"acTL":
        body = bytes([0, 0, 0, dice.choice([0, 1, 1, 2])]) + bytes(4)
    chunks.insert(dice.randint(0, len(chunks)), (kind, body))


def _split(chunks: list[Chunk], dice: Random) -> None:
    at = dice.randrange(len(chunks))
    kind, body = chunks[at]
    cut = dice.randint(0, len(body))
    chunks[at : at + 1] = [(kind, body[:cut]), (kind, body[cut:])]


def _repack(chunks: list[Chunk], dice: Random) -> None:
    """Inflate the pixels, change them, and compress them again, whole or not."""
    data = b"".join(body for kind, body in chunks if kind == b"IDAT")
    try:
        inflated = zlib.decompress(data)
    except zlib.error:
        return
    if dice.random() < 0.2:
        inflated = _refilter(inflated, chunks, dice)
    elif dice.random() < 0.8:
        inflated = dice.choice([_flip, _garble, _lose, _insert, _cut_off, _append])(inflated, dice)
    data = zlib.compress(inflated, dice.choice([0, 9]))
    data = dice.choice([data, data, data[:-4], data[:-1], data + b"\0", data[:-4] + bytes(4)])
    at = next(place for place, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    chunks[:] = [*chunks[:at], (b"IDAT", data), *(each for each in chunks[at:] if each[0] != b"IDAT")]


def _refilter(inflated: bytes, chunks: Sequence[Chunk], dice: Random) -> bytes:
    """Give a row another filter, which need not exist; of an interlaced picture that may be the middle of a row."""
    rows = int.from_bytes(dict(chunks).get(b"IHDR", b"")[4:8], "big")
    if not rows:
        return inflated
    at = dice.randrange(rows) * (len(inflated) // rows)
    return inflated[:at] + bytes([dice.choice([0, 1, 4, 5, 6, 128, 255])]) + inflated[at + 1 :]


_LENGTHS = {
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    b"tIME": 7,
    b"cICP": 4,
    b"fcTL": 26,
    b"mDCV": 24,
    b"cLLI": 8,
}
_KINDS = [*_LENGTHS, *b"IHDR PLTE IDAT IEND acTL fdAT tRNS bKGD hIST sBIT sPLT iCCP eXIf tEXt iTXt zTXt".split()]
_OF_CHUNKS: list[Callable[[list[Chunk], Random], None]] = [
    *(_edit, _edit, _edit_header, _rename, _drop, _double, _move, _add, _add, _split, _repack, _repack),
]

CAMPAIGN = Campaign(
    name="png-mutants",
    shows="a picture is let in if and only if it is whole by a second reader of PNG, and shows the pixels that it has",
    run=_run,
)
