"""What is made wrong on purpose, and what becomes of it: one way for each thing that a load must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sigid.errors import Reason

from . import hwr, png
from .sample import Fate


@dataclass(frozen=True)
class Twist:
    """A way to make a sound file odd."""

    oddity: str
    fate: Fate | Reason
    twist: Callable[[bytes], bytes]


PICTURES = (
    Twist("a web page, not a picture", Reason.NOT_PNG, lambda _: b"<!DOCTYPE html>\n<title>404 Not Found</title>\n"),
    Twist("ends in the middle", Reason.TRUNCATED, png.cut_off),
    Twist("lacks its last chunk, IEND", Reason.TRUNCATED, png.without_end),
    Twist("one bit is flipped: a CRC is wrong", Reason.DAMAGED, png.with_flipped_bit),
    Twist("16 rows fewer than its header claims", Reason.DAMAGED, png.with_too_few_rows),
    Twist("a script follows its end", Reason.TRAILING_DATA, png.with_tail),
    Twist("an animation of two frames", Reason.ANIMATED, png.twice),
    Twist("30 megapixels in 4 kB", Reason.TOO_MANY_PIXELS, lambda _: png.enormous()),
)

TRAJECTORIES = (
    Twist("sound: every form of number and blank", Fate.SIGNATURE, hwr.every_number_form),
    Twist("sound: a single point", Fate.SIGNATURE, hwr.one_point),
    Twist("no bytes", Reason.EMPTY, lambda _: b""),
    Twist("line breaks only", Reason.EMPTY, lambda _: b"\r\n\n"),
    Twist("two values in its last line", Reason.WRONG_COLUMN_COUNT, hwr.last_line_short),
    Twist("two values in its second line", Reason.WRONG_COLUMN_COUNT, hwr.second_line_short),
    Twist("a comma after its last line", Reason.WRONG_COLUMN_COUNT, hwr.trailing_comma),
    Twist("decimal commas", Reason.WRONG_COLUMN_COUNT, hwr.decimal_commas),
    Twist("five columns", Reason.WRONG_COLUMN_COUNT, hwr.five_columns),
    Twist("blanks in the second line, commas elsewhere", Reason.WRONG_COLUMN_COUNT, hwr.mixed_separators),
    Twist("a line of column names", Reason.MALFORMED_LINE, hwr.with_header),
    Twist("a blank line between points", Reason.MALFORMED_LINE, hwr.with_gap),
    Twist("`1_000.0`, a number to Python only", Reason.MALFORMED_LINE, hwr.with_underscore),
    Twist("a byte order mark", Reason.MALFORMED_LINE, hwr.with_byte_order_mark),
    Twist("`nan`", Reason.NOT_FINITE, hwr.with_nan),
    Twist("`1e999`", Reason.NOT_FINITE, hwr.with_infinity),
    Twist("`-1e16`", Reason.OUT_OF_RANGE, hwr.out_of_range),
)

STRAY_NAMES = {
    "Offline/Genuine/copy/001_01.PNG": "in a folder below",
    "Offline/Genuine/scan0012.png": "no number of a sample",
    "Offline/Forgeries/001_80.png": "a forgery without a forger",
    "Online/Genuine/001_1.HWR.bak": "an extension too many",
    "Online/Forgeries/01010001.HWR": "no number of a sample",
}

LITTER = {
    ".DS_Store": b"\0\0\0\1Bud1\0\0",
    "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "._001_1.HWR": b"\0\5\x16\7\0\2\0\0Mac OS X        ",
    "desktop.ini": b"[.ShellClassInfo]\r\n",
}
"""What file managers leave behind."""
