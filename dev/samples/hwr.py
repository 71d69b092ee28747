"""HWR: points in, a file's bytes out; and the ways in which such a file is found wrong."""

from __future__ import annotations

from enum import Enum

import numpy as np

from .pen import PRESSURE_LEVELS, Floats

LINES_PER_MM = 200.0
"""Resolution of the tablet of SigComp2011: 2,000 lines a cm."""

_HOME = (4000.0, 9000.0)
"""Where on the tablet the field for the signature begins: its left and its upper edge, in lines."""


class Form(Enum):
    """How a trajectory is written down: the pattern of a point, what ends a line, and what ends the last one."""

    COMMAS = ("%.1f,%.1f,%.1f", "\n", "\n")
    COMMAS_OPEN_END = ("%.1f,%.1f,%.1f", "\n", "")
    COMMAS_DOS = ("%.1f,%.1f,%.1f", "\r\n", "\r\n")
    BLANKS = ("%d %d %d", "\n", "\n")
    """The form of the SigComp2011 files: integers."""


def encode(points: Floats, form: Form) -> bytes:
    """The HWR file of the (n, 3) points x, y in mm, y up, and pressure from 0 to 1.

    In it x and y are in lines of the tablet, `LINES_PER_MM`, and z is pressure from 0, in the air, to 1023.
    """
    point, between, last = form.value
    left, upper = points[:, 0].min(), points[:, 1].max()
    lines = (points - [left, upper, 0.0]) * [LINES_PER_MM, LINES_PER_MM, PRESSURE_LEVELS] + [*_HOME, 0.0]
    if form is Form.BLANKS:
        lines = np.rint(lines)
    return (between.join([point] * len(lines)) % tuple(lines.ravel().tolist()) + last).encode("ascii")


def last_line_short(text: bytes) -> bytes:
    """The last line lacks its third value."""
    return text.rstrip().rpartition(b",")[0]


def second_line_short(text: bytes) -> bytes:
    """The second line lacks its third value."""
    return _with_line(text, 1, _line(text, 1).rpartition(b",")[0])


def trailing_comma(text: bytes) -> bytes:
    """The last line ends with a comma."""
    return text.rstrip() + b","


def decimal_commas(text: bytes) -> bytes:
    """A tablet in a country that writes 1,5 for 1.5."""
    return text.replace(b".", b",")


def mixed_separators(text: bytes) -> bytes:
    """The second line is separated by blanks, the others by commas."""
    return _with_line(text, 1, _line(text, 1).replace(b",", b" "))


def five_columns(text: bytes) -> bytes:
    """Azimuth and altitude of the pen follow the pressure, as in SigComp2009."""
    return text.replace(b"\n", b",1500,600\n")


def with_header(text: bytes) -> bytes:
    """The first line names the columns."""
    return b"X,Y,Z\n" + text


def with_gap(text: bytes) -> bytes:
    """A blank line separates two strokes."""
    return _with_line(text, 20, b"\n" + _line(text, 20))


def with_underscore(text: bytes) -> bytes:
    """A number that Python would read: 1_000.0."""
    return _with_line(text, 2, b"1_000.0,9000.0,512.0")


def with_byte_order_mark(text: bytes) -> bytes:
    """The file went through an editor that marks UTF-8."""
    return b"\xef\xbb\xbf" + text


def with_nan(text: bytes) -> bytes:
    """The tablet lost the pen for a moment."""
    return _with_line(text, 5, b"nan,nan,0.0")


def with_infinity(text: bytes) -> bytes:
    """A number by the grammar, but more than a float can hold."""
    return _with_line(text, 5, b"1e999,9000.0,0.0")


def out_of_range(text: bytes) -> bytes:
    """A number that no tablet ever measured."""
    return _with_line(text, 5, b"4000.0,-1e16,0.0")


def every_number_form(text: bytes) -> bytes:
    """Sound: signs, bare points, exponents, blanks around commas and blank lines at the end are all in the grammar."""
    return b" +4000 ,\t9000.,\t.5 \n-0,90e2,1E+2\n" + text + b"\n \t\n"


def one_point(text: bytes) -> bytes:
    """Sound: a dot is a trajectory too."""
    return text.partition(b"\n")[0]


def _line(text: bytes, number: int) -> bytes:
    return text.split(b"\n")[number]


def _with_line(text: bytes, number: int, line: bytes) -> bytes:
    lines = text.split(b"\n")
    return b"\n".join([*lines[:number], line, *lines[number + 1 :]])
