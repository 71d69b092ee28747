"""What lies in a hostile tree, and the verdict on each: checked in, so that a change of any is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dev.campaigns.things import (
    LOOP,
    ZERO,
    Thing,
    bomb,
    deep,
    folder,
    hard_link,
    link,
    locked,
    made,
    nothing,
    other_format,
    pipe,
    png,
    png_of,
    png_of_pixels_that_end_early,
    png_that_is_an_animation,
    png_with,
    sparse,
    text,
    unix_socket,
    unreadable,
)
from sigid.errors import Reason
from sigid.sources.formats import Format

LOADED: Final = "loaded"
IGNORED: Final = "ignored"
NAME, CONFLICT, NOT_REGULAR, SYMLINK = (
    Reason.NAME_NOT_UNDERSTOOD,
    Reason.IDENTITY_CONFLICT,
    Reason.NOT_REGULAR,
    Reason.SYMLINK,
)
MALFORMED, COLUMNS, NOT_PNG, DAMAGED = (
    Reason.MALFORMED_LINE,
    Reason.WRONG_COLUMN_COUNT,
    Reason.NOT_PNG,
    Reason.DAMAGED,
)

Entries = Mapping[str, tuple[Thing, str]]
"""What is at a path (bytes that are no UTF-8 are written as surrogates), and what becomes of it."""

_MEGABYTE = 2**20
_SOUND = png()

_ONLINE: Entries = {
    # Sound, and loaded whatever lies beside it
    "001_1.HWR": (text(), LOADED),
    "001_2.hwr": (text(b"1 2 3\r\n4 5 6"), LOADED),
    "001_3.Hwr": (text(b"+1,.5,1.\n-0,1e3,007\n\n"), LOADED),
    "001_4.HWR": (text(b"1\t2\t3\n" * 3), LOADED),
    "001_5.HWR": (hard_link("001_1.HWR"), LOADED),
    "001_6.HWR": (text(b"5,5,5\n"), LOADED),
    "999999_1.HWR": (text(b"1e15,-1e15,0\n"), LOADED),
    "002_0.HWR": (text(b"1,2,3\n" * 20_000), LOADED),
    "002_000000007.HWR": (text(), LOADED),
    # Names
    "1000000_1.HWR": (text(), NAME),
    "003_1000000000.HWR": (text(), NAME),
    "003.HWR": (text(), NAME),
    "_1.HWR": (text(), NAME),
    "003_.HWR": (text(), NAME),
    "003_1": (text(), NAME),
    ".HWR": (text(), NAME),
    "003_1.HWR~": (text(), NAME),
    "003_1.HWR.txt": (text(), NAME),
    "003_1.png": (text(_SOUND), NAME),
    "003_1 .HWR": (text(), NAME),
    " 003_1.HWR": (text(), NAME),
    "003_1.HWR ": (text(), NAME),
    "003_1.HWR\n": (text(), NAME),
    "003\n_1.HWR": (text(), NAME),
    "003\t_1.HWR": (text(), NAME),
    "003\r_1.HWR": (text(), NAME),
    "003_1.HWR\x1b[2J": (text(), NAME),
    "\u202e003_1.HWR": (text(), NAME),
    "-rf": (text(), NAME),
    "--help": (text(), NAME),
    "+3_1.HWR": (text(), NAME),
    "-3_1.HWR": (text(), NAME),
    "1e3_1.HWR": (text(), NAME),
    "0x3_1.HWR": (text(), NAME),
    "3_0_1.HWR": (text(), NAME),
    "\uff13_1.HWR": (text(), NAME),
    "\u0663_1.HWR": (text(), NAME),
    "3\u00b2_1.HWR": (text(), NAME),
    "003_1.\uff28\uff37\uff32": (text(), NAME),
    "\udcff\udcfe_1.HWR": (text(), NAME),
    "003_1.HW\udcd2": (text(), NAME),
    "\u00e9_1.HWR": (text(), NAME),
    "e\u0301_1.HWR": (text(), NAME),
    "9" * 251 + ".HWR": (text(), NAME),
    "x" * 255: (text(), NAME),
    "\\x41_1.HWR": (text(), NAME),
    "=1+1_1.HWR": (text(), NAME),
    "'; DROP TABLE signature; --.HWR": (text(), NAME),
    "$(touch owned)_1.HWR": (text(), NAME),
    "<img src=x onerror=alert(1)>.HWR": (text(), NAME),
    "%s%n{0}_1.HWR": (text(), NAME),
    "0120001_1.HWR": (text(), NAME),  # a forgery's name
    "dodo.py": (text(b"raise SystemExit('a file of the dataset was run')\n"), NAME),
    # Several names of one signature
    "030_1.HWR": (text(), CONFLICT),
    "30_1.HWR": (text(), CONFLICT),
    "0030_01.HWR": (text(b"7,8,9\n"), CONFLICT),
    "031_1.HWR": (text(), CONFLICT),
    "031_1.hwr": (text(), CONFLICT),
    # What is no file of its own
    "040_1.HWR": (link("001_1.HWR"), SYMLINK),
    "040_2.HWR": (link("/etc/passwd"), SYMLINK),
    "040_3.HWR": (link("nothing"), SYMLINK),
    "040_4.HWR": (link("040_4.HWR"), SYMLINK),
    "040_5.HWR": (link(".."), SYMLINK),
    "040_6.HWR": (link("/dev/zero"), SYMLINK),
    "040_7.HWR": (pipe(), NOT_REGULAR),
    "040_8.HWR": (unix_socket(), NOT_REGULAR),
    "040_9.HWR": (ZERO, NOT_REGULAR),
    "040_10.HWR": (LOOP, NOT_REGULAR),
    "040_11.HWR": (folder(), IGNORED),
    "040_12.HWR/001_1.HWR": (text(), NAME),
    "deep": (deep(1_200), IGNORED),
    "deep/" + "/".join(["d"] * 30): (nothing(), Reason.TOO_DEEP),
    # What file managers leave
    ".DS_Store": (text(), IGNORED),
    "._001_1.HWR": (text(), IGNORED),
    "THUMBS.DB": (text(), IGNORED),
    "desktop.ini": (text(), IGNORED),
    # Sizes
    "050_1.HWR": (text(b""), Reason.EMPTY),
    "050_2.HWR": (text(b" \r\n\n\t"), Reason.EMPTY),
    "050_3.HWR": (sparse(10 * 1024 * _MEGABYTE), Reason.TOO_LARGE),
    "050_4.HWR": (sparse(Format.HWR.max_bytes + 1), Reason.TOO_LARGE),
    "050_5.HWR": (sparse(_MEGABYTE), MALFORMED),
    "050_6.HWR": (text(b"1" * 70_000), MALFORMED),
    # Texts
    "051_1.HWR": (text(b"1_0,2,3\n"), MALFORMED),
    "051_2.HWR": (text("\uff11,2,3\n".encode()), MALFORMED),
    "051_3.HWR": (text("1\u00a0,2,3\n".encode()), MALFORMED),
    "051_4.HWR": (text(b"nan,2,3\n"), Reason.NOT_FINITE),
    "051_5.HWR": (text(b"1,2,-Infinity\n"), Reason.NOT_FINITE),
    "051_6.HWR": (text(b"1e999,2,3\n"), Reason.NOT_FINITE),
    "051_7.HWR": (text(b"9007199254740993,2,3\n"), Reason.OUT_OF_RANGE),
    "051_8.HWR": (text(b"1" * 400 + b",2,3\n"), MALFORMED),
    "051_9.HWR": (text(b"0x10,2,3\n"), MALFORMED),
    "051_10.HWR": (text(b"1,5,2,3\n"), COLUMNS),
    "051_11.HWR": (text(b"1d5,2,3\n"), MALFORMED),
    "051_12.HWR": (text(b"--1,2,3\n"), MALFORMED),
    "051_13.HWR": (text(b"\xef\xbb\xbf1,2,3\n"), MALFORMED),
    "051_14.HWR": (text("1,2,3\n".encode("utf-16")), MALFORMED),
    "051_15.HWR": (text(b"1,2,3\r4,5,6\r"), MALFORMED),
    "051_16.HWR": (text("1,2,3\u20284,5,6".encode()), MALFORMED),
    "051_17.HWR": (text(b"1,2,3\x0b4,5,6"), MALFORMED),
    "051_18.HWR": (text(b"1,2,3\n\n4,5,6\n"), MALFORMED),
    "051_19.HWR": (text(b"X,Y,Z\n1,2,3\n"), MALFORMED),
    "051_20.HWR": (text(b"1,2\n"), COLUMNS),
    "051_21.HWR": (text(b"1,2,3,4\n"), COLUMNS),
    "051_22.HWR": (text(b"1,2,3,\n"), COLUMNS),
    "051_23.HWR": (text(b"1;2;3\n"), COLUMNS),
    "051_24.HWR": (text(b"1,2,3\n4 5 6\n"), COLUMNS),
    "051_25.HWR": (text(b"1,2,\0003\n"), MALFORMED),
    "051_26.HWR": (text(_SOUND), MALFORMED),
    "051_27.HWR": (text(b"1,2,3\n" * 1000 + b"1,2"), COLUMNS),
}

_OFFLINE: Entries = {
    # Sound
    "001_01.PNG": (text(_SOUND), LOADED),
    "001_02.png": (text(png(2)), LOADED),
    "001_03.png": (text(png(3, 2)), LOADED),
    "001_04.png": (text(png(4)), LOADED),
    "001_05.png": (text(png(6, 16)), LOADED),
    "001_06.png": (text(png(0, 1, interlaced=True)), LOADED),
    "001_07.png": (text(b""), LOADED),  # a blank one, of which SOURCE_A says that it is to come
    "001_08.png": (made(lambda: png_with((b"zTXt", b"Comment\0\0" + bomb(50 * _MEGABYTE)))), LOADED),
    "001_09.png": (made(lambda: png_with((b"iCCP", b"profile\0\0" + bomb(50 * _MEGABYTE)))), LOADED),
    "001_10.png": (made(lambda: png_with(*[(b"tEXt", b"Author\0someone")] * 20_000)), LOADED),
    "001_11.png": (text(png_with((b"eXIf", b"MM\0*" + bytes(99)))), LOADED),
    # Several names of one signature
    "002_01.PNG": (text(_SOUND), CONFLICT),
    "002_01.png": (text(_SOUND), CONFLICT),
    # Names
    "003_01.jpg": (text(other_format("JPEG")), NAME),
    "003_01.png.exe": (text(_SOUND), NAME),
    "003_01.HWR": (text(), NAME),
    # What is no file
    "004_01.png": (pipe(), NOT_REGULAR),
    "004_02.png": (ZERO, NOT_REGULAR),
    "004_03.png": (link("001_01.PNG"), SYMLINK),
    # Not whole
    "005_01.png": (text(_SOUND[:5]), Reason.TRUNCATED),
    "005_02.png": (text(_SOUND[:20]), Reason.TRUNCATED),
    "005_03.png": (text(_SOUND[:-20]), Reason.TRUNCATED),
    "005_04.png": (text(_SOUND[:-12]), Reason.TRUNCATED),
    "005_05.png": (text(_SOUND[:-4]), Reason.TRUNCATED),
    "005_06.png": (text(_SOUND + b"\0"), Reason.TRAILING_DATA),
    "005_07.png": (text(_SOUND + b"<html><script>"), Reason.TRAILING_DATA),
    "005_08.png": (text(_SOUND + b"PK\3\4" + bytes(26)), Reason.TRAILING_DATA),
    "005_09.png": (text(_SOUND + _SOUND), Reason.TRAILING_DATA),
    "005_10.png": (text(_SOUND[:29] + bytes(4) + _SOUND[33:]), DAMAGED),
    "005_11.png": (text(_SOUND[:-14] + b"!!" + _SOUND[-12:]), DAMAGED),
    "005_12.png": (text(png_of_pixels_that_end_early()), DAMAGED),
    "005_13.png": (text(png_of(2, 2, b"\5ab\0cd")), DAMAGED),
    "005_14.png": (text(png_of(0, 2, b"\0\0")), DAMAGED),
    "005_15.png": (text(png_of(2, 2, bytes(6), colour=3)), DAMAGED),
    "005_16.png": (text(png_of(2, 2, bytes(6), depth=7)), DAMAGED),
    "005_17.png": (text(png_with((b"ABCD", b""))), DAMAGED),
    "005_18.png": (text(png_with((b"IDAT", b""), (b"tEXt", b"a\0b"))), DAMAGED),
    "005_19.png": (text(_SOUND.replace(b"\r\n", b"\n")), NOT_PNG),
    # Bombs
    "006_01.png": (text(png_of(50_000, 50_000, b"")), Reason.TOO_MANY_PIXELS),
    "006_02.png": (text(png_of(5_001, 5_000, b"")), Reason.TOO_MANY_PIXELS),
    "006_03.png": (made(lambda: png_of(2, 2, bytes(50 * _MEGABYTE))), DAMAGED),
    "006_04.png": (text(png_that_is_an_animation()), Reason.ANIMATED),
    "006_05.png": (sparse(Format.PNG.max_bytes + 1), Reason.TOO_LARGE),
    # Something else
    "007_01.png": (text(other_format("TIFF")), NOT_PNG),
    "007_02.png": (text(other_format("JPEG")), NOT_PNG),
    "007_03.png": (text(other_format("GIF")), NOT_PNG),
    "007_04.png": (text(other_format("BMP")), NOT_PNG),
    "007_05.png": (text(other_format("EPS")), NOT_PNG),
    "007_06.png": (text(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), NOT_PNG),
    "007_07.png": (text(b"<!DOCTYPE html><html></html>"), NOT_PNG),
    "007_08.png": (text(b"PK\3\4" + bytes(99)), NOT_PNG),
    "007_09.png": (text(b"1,2,3\n"), NOT_PNG),
    "007_10.png": (text(b"\0"), NOT_PNG),
}

SOURCE_A: Entries = {
    **{f"Online/Genuine/{name}": entry for name, entry in _ONLINE.items()},
    **{f"Offline/Genuine/{name}": entry for name, entry in _OFFLINE.items()},
    "Online/Forgeries/0120001_1.HWR": (text(), LOADED),
    "Online/Forgeries/0120777_1.HWR": (text(), LOADED),  # of someone of whom nothing else is there
    "Online/Forgeries/001_1.HWR": (text(), NAME),
    "Online/Forgeries/120001_1.HWR": (text(), NAME),
    "Offline/Forgeries/0103004_02.png": (text(_SOUND), LOADED),
    "Offline/Forgeries/0103004_2.PNG.bak": (text(_SOUND), NAME),
    "Online/001_1.HWR": (text(), IGNORED),
    "Other/Genuine/001_1.HWR": (text(), IGNORED),
    "README.md": (text(b"# a corpus\n"), IGNORED),
    "dodo.py": (text(b"raise SystemExit('a file of the dataset was run')\n"), IGNORED),
    "pipe": (pipe(), IGNORED),
    "link": (link("/"), IGNORED),
}
"""Its first table: everything in SOURCE_A that everybody may read."""

WITHHELD: Mapping[str, tuple[Thing, str, str]] = {
    "Online/Genuine/900_1.HWR": (unreadable(), LOADED, Reason.UNREADABLE),
    "Offline/Genuine/900_01.png": (unreadable(_SOUND), LOADED, Reason.UNREADABLE),
    "Online/Genuine/locked": (locked(), IGNORED, IGNORED),
    "Online/Genuine/locked/901_1.HWR": (nothing(), NAME, IGNORED),
}
"""What only root may read: what becomes of it when he loads, and when somebody else does."""


def uuid(number: int) -> str:
    """An id whose file is that of no other number's."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def file_of_id(id_: str) -> str:
    """Where SOURCE_B has its picture."""
    return f"{id_[0]}/{id_[:8]}"


_TWIN = "0000000e-1111-4000-8000-000000000000"

PARENTS: Mapping[str, str] = {
    uuid(0x01): uuid(0x02),  # a child before its parent
    uuid(0x02): "",
    uuid(0x03): uuid(0x02).upper(),
    uuid(0x04): uuid(0x04),
    uuid(0x05): uuid(0x06),
    uuid(0x06): uuid(0x05),
    uuid(0x07): uuid(0x99),
    uuid(0x08): uuid(0x01),
    uuid(0x09): "",
    uuid(0x0A): "",
    uuid(0x0B): "",
    uuid(0x0C): "",
    uuid(0x0D): "",
    uuid(0x0E): "",
    _TWIN: "",
    uuid(0x0F): "",
    uuid(0xABCDEF01).upper(): "",
    uuid(0x10): uuid(0x05),
}
"""SOURCE_B's INDEX: each signature's id, and that of its parent."""

SOURCE_B: Entries = {
    file_of_id(uuid(0x01)): (text(_SOUND), LOADED),
    file_of_id(uuid(0x02)): (text(b""), LOADED),
    file_of_id(uuid(0x03)): (text(png(2)), LOADED),
    file_of_id(uuid(0x04)): (text(_SOUND), Reason.PARENT_IS_SELF),
    file_of_id(uuid(0x05)): (text(_SOUND), Reason.PARENT_CYCLE),
    file_of_id(uuid(0x06)): (text(_SOUND), Reason.PARENT_CYCLE),
    file_of_id(uuid(0x07)): (text(_SOUND), Reason.PARENT_UNKNOWN),
    file_of_id(uuid(0x08)): (text(_SOUND), Reason.PARENT_FORGED),
    file_of_id(uuid(0x09)): (nothing(), Reason.FILE_MISSING),
    file_of_id(uuid(0x0A)): (link("/etc/passwd"), SYMLINK),
    file_of_id(uuid(0x0B)): (pipe(), NOT_REGULAR),
    file_of_id(uuid(0x0C)): (text(other_format("TIFF")), NOT_PNG),
    file_of_id(uuid(0x0D)): (folder(), Reason.FILE_MISSING),
    file_of_id(uuid(0x0E)): (text(_SOUND), Reason.SHARED_FILE),
    file_of_id(uuid(0x0F)): (text(_SOUND[:-4]), Reason.TRUNCATED),
    file_of_id(uuid(0xABCDEF01).upper()): (text(_SOUND), LOADED),
    file_of_id(uuid(0x10)): (text(_SOUND), Reason.PARENT_FORGED),
    "0/00000099": (text(_SOUND), Reason.NOT_LISTED),
    "0/0000000": (text(_SOUND), Reason.NOT_LISTED),
    "1/00000001": (text(_SOUND), Reason.NOT_LISTED),
    "a/abcdef01": (text(_SOUND), Reason.NOT_LISTED),
    "0/deeper/00000001": (text(_SOUND), Reason.NOT_LISTED),
    "0/.DS_Store": (text(), IGNORED),
    "00000001": (text(_SOUND), IGNORED),
    "INDEX~": (text(b"0\n"), IGNORED),
}

_ID = uuid(1).encode()

REFUSED_INDEXES: Mapping[str, bytes] = {
    "empty": b"",
    "only line ends": b"\n\n",
    "no count": _ID + b"    \n",
    "a count that is none": b"one\n" + _ID + b"    \n",
    "a negative count": b"-1\n",
    "a count in other digits": "\u0661\n".encode() + _ID + b"    \n",
    "a count of thousands of digits": b"1" * 5000 + b"\n",
    "too high a count": b"2\n" + _ID + b"    \n",
    "too low a count": b"0\n" + _ID + b"    \n",
    "rows behind an empty line": b"2\n" + _ID + b"    \n\n" + uuid(2).encode() + b"    \n",
    "an id twice": b"2\n" + _ID + b"    \n" + _ID + b"    \n",
    "an id twice, in another case": b"2\n" + uuid(0xAB).encode() + b"    \n" + uuid(0xAB).upper().encode() + b"    \n",
    "three blanks": b"1\n" + _ID + b"   \n",
    "a tab": b"1\n" + _ID + b"\t\n",
    "a blank at the end": b"1\n" + _ID + b"     \n",
    "no blanks": b"1\n" + _ID + b"\n",
    "a third column": b"1\n" + b"    ".join([_ID] * 3) + b"\n",
    "an id that leads up": b"1\n../../etc/passwd    \n",
    "an id that is a path": b"1\n/etc/passwd    \n",
    "an id that is two dots": b"1\n..    \n",
    "an id with a slash": b"1\n" + _ID.replace(b"-", b"/", 1) + b"    \n",
    "an id of nothing": b"1\n    \n",
    "an id of 10 kB": b"1\n" + b"a" * 10_000 + b"    \n",
    "an id in braces": b"1\n{" + _ID + b"}    \n",
    "a parent that is a path": b"1\n" + _ID + b"    ../../etc/passwd\n",
    "a NUL in an id": b"1\n" + _ID[:-1] + b"\0    \n",
    "a NUL behind a line": b"1\n" + _ID + b"    \0\n",
    "a byte order mark": b"\xef\xbb\xbf1\n" + _ID + b"    \n",
    "UTF-16": b"1\n".decode().encode("utf-16"),
    "carriage returns only": b"1\r" + _ID + b"    \r",
    "SQL": b"1\n'; DROP TABLE signature; --    \n",
    "a picture": _SOUND,
}
"""INDEXes that contradict themselves, or are none: each is refused whole, and nothing is loaded or retired."""
