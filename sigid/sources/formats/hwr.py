r"""HWR: a pen's trajectory as ASCII text, one point a line.

The form is that of the online signatures of SigComp2011 (Liwicki et al., Signature Verification Competition for Online
and Offline Skilled Forgeries, ICDAR 2011): x, y and the pen's pressure, integers separated by blanks. Others write
the same three columns as floats separated by commas. Both are read, by this grammar of bytes:

    file   = line *(eol line) *(eol *blank)                    eol = LF | CRLF
    line   = *blank number between number between number *blank
    between = *blank "," *blank | 1*blank                       the same one in the whole file; blank = SP | TAB
    number = [+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?            ASCII digits

A number has at most 64 characters, is finite and within +-1e15; a line has at most 65,536 bytes, blanks at the end of
the file not counted.

There are two ways to read it. The quick one takes many lines at once, and knows no more of them than that they are as
they should be: as one JSON array, which a parser reads several times faster than float() reads its numbers, or, where
JSON does not spell a number so (+1, .5, 5., 007, -0), by float(). The careful way, line by line, is the grammar, and
names what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import chain
from struct import pack

import orjson

from sigid.errors import Reason, Rejected

_MAX_LINE = 2**16
_MAX_NUMBER = 64
_LIMIT = 1e15

_NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NUMBER_ALPHABET = b"0123456789+-.eE"
_ALPHABET = _NUMBER_ALPHABET + b", \t\n"

_TO_COMMAS = {b",": bytes.maketrans(b"\n", b","), b" ": bytes.maketrans(b" \n", b",,")}
_NO_SEPARATORS = {b",": _NUMBER_ALPHABET + b" \t", b" ": _NUMBER_ALPHABET}
_MINUS_ZERO = re.compile(rb"-0(?:[, \t]|\Z)")  # an integer to JSON, in which zero has no sign

# Only a number with an exponent or of 16 characters can be beyond the limit: whether there is one is seen many times
# faster in the text than in the numbers.
_SHAPE = bytes.maketrans(_NUMBER_ALPHABET, b"0" * len(_NUMBER_ALPHABET))
_LONG = b"0" * 16
_TOO_LONG = b"0" * (_MAX_NUMBER + 1)

_NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_NO_TEXT = re.compile(rb"[^\t\x20-\x7e]")
_BYTE_ORDER_MARK = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff")


def read_hwr(data: bytes) -> bytes:
    """Return the points of a whole HWR file as packed doubles, n >= 1, in the file's own units: all x, all y, all z.

    Raises Rejected with EMPTY, MALFORMED_LINE, WRONG_COLUMN_COUNT, NOT_FINITE or OUT_OF_RANGE for the first line that
    is not as the grammar says; its detail names the line. Nothing is scaled, sorted or left out.
    """
    text = (data.replace(b"\r\n", b"\n") if b"\r" in data else data).rstrip(b" \t\n")
    if not text:
        raise Rejected(Reason.EMPTY, f"there is no point in its {len(data)} bytes")
    separator = b"," if b"," in text[:_MAX_LINE].partition(b"\n")[0] else b" "
    columns: tuple[list[bytes], ...] = ([], [], [])
    points = 0
    for lines in _pieces(text):
        numbers = _read_at_once(lines, separator) or _read_lines(lines, separator, points + 1)
        doubles = f"{len(numbers) // 3}d"
        for number, column in enumerate(columns):
            column.append(pack(doubles, *numbers[number::3]))
        points += len(numbers) // 3
    return b"".join(chain.from_iterable(columns))


def _pieces(text: bytes) -> Iterator[bytes]:
    """Cut a text into whole lines of together at most _MAX_LINE bytes, so that the lists made of them stay small."""
    start = 0
    while len(text) - start > _MAX_LINE:
        end = text.rfind(b"\n", start, start + _MAX_LINE + 1)
        if end < 0:
            line = text.count(b"\n", 0, start) + 1
            raise Rejected(Reason.MALFORMED_LINE, f"line {line} is too long: more than {_MAX_LINE} bytes")
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _read_at_once(lines: bytes, separator: bytes) -> list[float] | None:
    """Return the numbers of whole lines, three a line, if all of them are as the grammar says; otherwise None."""
    if not _has_three_columns(lines, separator):
        lines = _single_spaced(lines)
        if not _has_three_columns(lines, separator):
            return None
    text = lines.translate(_TO_COMMAS[separator])
    numbers = _of_json(text) or _of_floats(text)
    return None if numbers is None or _is_beyond(text, numbers) else numbers


def _of_json(text: bytes) -> list[float] | None:
    """The numbers, if JSON spells all of them the same. It has commas between them, and blanks around as it comes."""
    if b"-" in text and _MINUS_ZERO.search(text):
        return None
    try:
        numbers: list[float] = orjson.loads(b"[%b]" % text)
    except orjson.JSONDecodeError:
        return None
    return numbers


def _of_floats(text: bytes) -> list[float] | None:
    """The numbers, if all are some: of what numbers and blanks are made of, float() takes what the grammar does."""
    try:
        return list(map(float, text.split(b",")))
    except ValueError:
        return None


def _has_three_columns(lines: bytes, separator: bytes) -> bool:
    """Has each line two separators and nothing else beside what numbers are made of?"""
    separators = lines.translate(None, _NO_SEPARATORS[separator])
    return separators == (2 * separator + b"\n") * (len(separators) // 3) + 2 * separator


def _single_spaced(lines: bytes) -> bytes:
    """Make one space of the blanks between, and none of those around; leave lines with other bytes as they are."""
    if lines.translate(None, _ALPHABET):
        return lines
    return b"\n".join([b" ".join(line.split()) for line in lines.split(b"\n")])


def _is_beyond(text: bytes, numbers: list[float]) -> bool:
    """Is any of the numbers too large, or its text too long?"""
    shape = text.translate(_SHAPE)
    if _LONG not in shape and b"e" not in text and b"E" not in text:
        return False
    return _TOO_LONG in shape or min(numbers) < -_LIMIT or max(numbers) > _LIMIT


def _read_lines(lines: bytes, separator: bytes, first: int) -> list[float]:
    """Return the numbers of whole lines, three a line, or say what is wrong with the first line that is no such line.

    `first` is the number of the first line in the file.
    """
    numbers: list[float] = []
    for number, line in enumerate(lines.split(b"\n"), start=first):
        try:
            numbers += _read_line(line, separator)
        except Rejected as rejected:
            raise Rejected(rejected.reason, f"line {number}: {rejected.detail}") from None
    return numbers


def _read_line(line: bytes, separator: bytes) -> list[float]:
    if _BYTE_ORDER_MARK.match(line):
        raise Rejected(Reason.MALFORMED_LINE, "it begins with a byte order mark")
    if odd := _NO_TEXT.search(line):
        what = "a carriage return without a line feed" if odd[0] == b"\r" else f"0x{odd[0].hex()}, which is no text"
        raise Rejected(Reason.MALFORMED_LINE, f"byte {odd.start() + 1} is {what}")
    if not line.strip():
        raise Rejected(Reason.MALFORMED_LINE, "it is blank, and more lines follow")
    fields = line.split(b",") if separator == b"," else line.split()
    if len(fields) != 3:
        columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        ending = "" if fields[-1].strip() else ", the last one empty"
        form = "commas" if separator == b"," else "blanks"
        raise Rejected(Reason.WRONG_COLUMN_COUNT, f"{columns} separated by {form} instead of 3{ending}")
    return [_read_number(field.strip(), column) for column, field in enumerate(fields, start=1)]


def _read_number(field: bytes, column: int) -> float:
    if not field:
        raise Rejected(Reason.MALFORMED_LINE, f"column {column} is empty")
    if len(field) > _MAX_NUMBER:
        what = f"column {column} has {len(field)} characters, more than {_MAX_NUMBER}"
        raise Rejected(Reason.MALFORMED_LINE, f"{what}: {_shown(field)}")
    if not _NUMBER.fullmatch(field):
        if _NOT_FINITE.fullmatch(field):
            raise Rejected(Reason.NOT_FINITE, f"column {column} is not finite: {_shown(field)}")
        raise Rejected(Reason.MALFORMED_LINE, f"column {column} is no number: {_shown(field)}")
    value = float(field)
    if math.isinf(value):
        raise Rejected(Reason.NOT_FINITE, f"column {column} is too large to be finite: {_shown(field)}")
    if abs(value) > _LIMIT:
        raise Rejected(Reason.OUT_OF_RANGE, f"column {column} is outside of +-{_LIMIT:.0e}: {_shown(field)}")
    return value


def _shown(field: bytes) -> str:
    return repr(field[:24])[1:] + ("..." if len(field) > 24 else "")
