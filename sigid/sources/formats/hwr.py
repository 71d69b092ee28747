r"""HWR: a pen's trajectory as ASCII text, one point a line.

The form is that of the online signatures of SigComp2011 (Liwicki et al., Signature Verification Competition for Online
and Offline Skilled Forgeries, ICDAR 2011): x, y and the pen's pressure, integers separated by blanks. Others write
the same three columns as floats separated by commas. Both are read, by this grammar of bytes:

    file   = line *(eol line) *(eol *blank)                    eol = LF | CRLF
    line   = *blank number between number between number *blank
    between = *blank "," *blank | 1*blank                       the same one in the whole file; blank = SP | TAB
    number = [+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?            ASCII digits

A number has at most 64 characters, is finite and within +-1e15; a line has at most 65,536 bytes.
"""

from __future__ import annotations

import io
import math
import re
from array import array
from collections.abc import Iterator

from sigid.errors import Reason, Rejected

_MAX_LINE = 2**16
_MAX_NUMBER = 64
_LIMIT = 1e15

# float() knows more numbers than the grammar does (1_0, nan, full-width digits, padding with NBSP), but it spells all
# of those with other bytes: what it accepts of these alone is a number of the grammar with blanks around it.
_ALPHABET = b"0123456789+-.eE, \t\n"
_NUMBER_ALPHABET = b"0123456789+-.eE"
_END_OF_LINE = b"|"  # any byte outside the alphabet

# Only a number with an exponent or a run of 16 digits, points and signs can be beyond the limit or too long: whether
# there is one is seen four times faster in the text than in the numbers.
_SHAPE = bytes.maketrans(b"123456789+-.E", b"000000000000e")
_EXPONENT = b"e"
_LONG_RUN = b"0" * 16

_NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_NO_TEXT = re.compile(rb"[^\t\x20-\x7e]")
_BYTE_ORDER_MARK = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff")


def read_hwr(data: bytes) -> array[float]:
    """Return the points of a whole HWR file as x0, y0, z0, x1, ...: 3n doubles, n >= 1, in the file's own units.

    Raises Rejected with EMPTY, MALFORMED_LINE, WRONG_COLUMN_COUNT, NOT_FINITE or OUT_OF_RANGE for the first line that
    is not as the grammar says; its detail names the line. Nothing is scaled, sorted or left out.
    """
    text = data.replace(b"\r\n", b"\n").rstrip(b" \t\n")
    if not text:
        raise Rejected(Reason.EMPTY, f"there is no point in its {len(data)} bytes")
    separator = b"," if b"," in text[:_MAX_LINE].partition(b"\n")[0] else None
    values = array("d")
    for lines in _pieces(text):
        try:
            values.fromlist(_numbers(lines, separator))
        except ValueError:
            raise _first_offence(lines, separator, len(values) // 3 + 1) from None
    return values


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


def _numbers(lines: bytes, separator: bytes | None) -> list[float]:
    """Return the numbers of whole lines, three a line; `separator` is that of bytes.split().

    Raises ValueError if there is any offence against the grammar. It does not say which: finding out while reading
    would cost every sound file more than reading it.
    """
    if lines.translate(None, _ALPHABET):
        raise ValueError
    between = separator or b" "
    fields = lines.replace(b"\n", between + _END_OF_LINE + between).split(separator)
    ends = fields[3::4]
    del fields[3::4]
    if ends.count(_END_OF_LINE) != len(ends) or len(fields) != 3 * (len(ends) + 1):
        raise ValueError
    numbers = list(map(float, fields))
    shape = lines.translate(_SHAPE)
    if (_EXPONENT in shape or _LONG_RUN in shape) and _is_beyond(fields, numbers):
        raise ValueError
    return numbers


def _is_beyond(fields: list[bytes], numbers: list[float]) -> bool:
    """Is any of the numbers too large, or its text too long?"""
    if min(numbers) < -_LIMIT or max(numbers) > _LIMIT:
        return True
    return max(map(len, fields)) > _MAX_NUMBER and max(len(field.strip()) for field in fields) > _MAX_NUMBER


def _first_offence(lines: bytes, separator: bytes | None, first_line: int) -> Rejected:
    """Say what is wrong with the first line that _numbers() does not take."""
    for number, line in enumerate(io.BytesIO(lines), start=first_line):
        if offence := _line_offence(line.removesuffix(b"\n"), separator):
            reason, what = offence
            return Rejected(reason, f"line {number}: {what}")
    raise AssertionError("a refused text has no line that is to blame")


def _line_offence(line: bytes, separator: bytes | None) -> tuple[Reason, str] | None:
    if _BYTE_ORDER_MARK.match(line):
        return Reason.MALFORMED_LINE, "it begins with a byte order mark"
    if odd := _NO_TEXT.search(line):
        what = "a carriage return without a line feed" if odd[0] == b"\r" else f"0x{odd[0].hex()}, which is no text"
        return Reason.MALFORMED_LINE, f"byte {odd.start() + 1} is {what}"
    if not line.strip():
        return Reason.MALFORMED_LINE, "it is blank, and more lines follow"
    fields = line.split(separator)
    if len(fields) != 3:
        columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        ending = "" if fields[-1].strip() else ", the last one empty"
        form = "commas" if separator else "blanks"
        return Reason.WRONG_COLUMN_COUNT, f"{columns} separated by {form} instead of 3{ending}"
    for column, field in enumerate(fields, start=1):
        if offence := _number_offence(field.strip()):
            reason, what = offence
            return reason, f"column {column} {what}"
    return None


def _number_offence(field: bytes) -> tuple[Reason, str] | None:
    if not field:
        return Reason.MALFORMED_LINE, "is empty"
    shown = repr(field[:24])[1:] + ("..." if len(field) > 24 else "")
    if len(field) > _MAX_NUMBER:
        return Reason.MALFORMED_LINE, f"has {len(field)} characters, more than {_MAX_NUMBER}: {shown}"
    if _NOT_FINITE.fullmatch(field):
        return Reason.NOT_FINITE, f"is not finite: {shown}"
    try:
        value = math.nan if field.translate(None, _NUMBER_ALPHABET) else float(field)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        return Reason.MALFORMED_LINE, f"is no number: {shown}"
    if math.isinf(value):
        return Reason.NOT_FINITE, f"is too large to be finite: {shown}"
    if abs(value) > _LIMIT:
        return Reason.OUT_OF_RANGE, f"is outside of +-{_LIMIT:.0e}: {shown}"
    return None
