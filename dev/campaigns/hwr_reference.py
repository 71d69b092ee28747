"""A second reader of HWR: the grammar that sigid documents, a character at a time, with no regard to speed.

It shares no code with sigid's, neither a regular expression nor float(): a number is a fraction of two integers, which
Python divides into the nearest double.
"""

from __future__ import annotations

from collections.abc import Sequence

from sigid.errors import Reason

MAX_LINE = 65_536
MAX_NUMBER = 64
LIMIT = 10**15

_BLANK = b" \t"
_DIGITS = b"0123456789"
_WORDS = (b"nan", b"inf", b"infinity")


class Refused(Exception):
    """The text is none of the grammar. `reasons` are those that its first bad line gives."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = frozenset(reasons)


def points(text: bytes) -> list[tuple[float, ...]]:
    """The points, three numbers each. Raises Refused."""
    lines = _lines(text)
    while lines and not lines[-1].strip(_BLANK):
        lines.pop()
    if not lines:
        raise Refused(Reason.EMPTY)
    lines[-1] = lines[-1].rstrip(_BLANK)
    has_commas = b"," in lines[0]
    return [_point(line, has_commas=has_commas) for line in lines]


def _lines(text: bytes) -> list[bytes]:
    """The lines without their ends, which are LF or CRLF; where the text ends with one, the last line is empty."""
    lines = text.split(b"\n")
    ended = [line[:-1] if line.endswith(b"\r") else line for line in lines[:-1]]
    return [*ended, lines[-1]]


def _point(line: bytes, *, has_commas: bool) -> tuple[float, ...]:
    offences = set[Reason]()
    if len(line) > MAX_LINE or not line.strip(_BLANK):
        offences.add(Reason.MALFORMED_LINE)
    if any(byte != 9 and not 32 <= byte <= 126 for byte in line):
        offences.add(Reason.MALFORMED_LINE)
    fields = line.split(b",") if has_commas else line.replace(b"\t", b" ").strip(b" ").split(b" ")
    fields = [field.strip(_BLANK) for field in fields if has_commas or field]
    if len(fields) != 3:
        offences.add(Reason.WRONG_COLUMN_COUNT)
    numbers = _numbers(fields, offences)
    if offences:
        raise Refused(*offences)
    return tuple(numbers)


def _numbers(fields: Sequence[bytes], offences: set[Reason]) -> list[float]:
    """The numbers among the fields; what the first of the others offends is put down."""
    numbers = []
    for field in fields:
        try:
            numbers.append(number(field))
        except Refused as refused:
            offences.update(refused.reasons)
            break
    return numbers


def number(text: bytes) -> float:
    """The double that is nearest to what the digits say. Raises Refused."""
    rest, negative = text, text[:1] == b"-"
    if text[:1] in (b"+", b"-"):
        rest = text[1:]
    if rest.lower() in _WORDS:
        raise Refused(Reason.NOT_FINITE)
    mantissa, exponent = _halves(rest)
    whole, point, fraction = mantissa.partition(b".")
    if len(text) > MAX_NUMBER or not _all_digits(whole + fraction) or not (whole + fraction):
        raise Refused(Reason.MALFORMED_LINE)
    digits = int(whole + fraction)
    value = _nearest(digits, exponent - (len(fraction) if point else 0))
    return -value if negative else value


def _halves(text: bytes) -> tuple[bytes, int]:
    """What stands before an `e`, and the power of ten behind it."""
    at = min((found for letter in (b"e", b"E") if (found := text.find(letter)) >= 0), default=-1)
    if at < 0:
        return text, 0
    power = text[at + 1 :]
    digits = power[1:] if power[:1] in (b"+", b"-") else power
    if not digits or not _all_digits(digits):
        raise Refused(Reason.MALFORMED_LINE)
    return text[:at], -int(digits) if power[:1] == b"-" else int(digits)


def _all_digits(text: bytes) -> bool:
    return all(byte in _DIGITS for byte in text)


def _nearest(digits: int, power: int) -> float:
    magnitude = len(str(digits)) + power
    if not digits or magnitude < -400:
        return 0.0
    if magnitude > 400:
        raise Refused(Reason.NOT_FINITE)
    try:
        value: float = digits * 10**power / 1 if power >= 0 else digits / 10**-power
    except OverflowError:
        raise Refused(Reason.NOT_FINITE) from None
    if value > LIMIT:
        raise Refused(Reason.OUT_OF_RANGE)
    return value
