"""What is let in as HWR: lines of three numbers, by the grammar of the format and not by Python's."""

from __future__ import annotations

import random
import re
import tracemalloc
from array import array
from decimal import Decimal
from itertools import chain, product
from math import inf, ldexp, nextafter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sigid.errors import Reason, Rejected
from sigid.sources.formats import hwr
from sigid.sources.formats.hwr import read_hwr

SAMPLE_FILES = sorted((Path(__file__).parent / "data" / "hwr").iterdir())


def refusal(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(Rejected) as caught:
        read_hwr(data)
    return caught.value.reason, caught.value.detail


def values_of(data: bytes) -> list[float]:
    """What is read, point by point."""
    columns = array("d", read_hwr(data))
    count = len(columns) // 3
    return list(chain.from_iterable(zip(columns[:count], columns[count:-count], columns[-count:], strict=True)))


def values_or_none(data: bytes) -> list[float] | None:
    try:
        return values_of(data)
    except Rejected:
        return None


# The grammar once more, as patterns: nothing of it is shared with the code under test.
NUMBER = rb"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
BLANKS = rb"[ \t]"
LINE_WITH_COMMAS = re.compile(rb"%b*" % BLANKS + (rb"%b*,%b*" % (BLANKS, BLANKS)).join([NUMBER] * 3) + rb"%b*" % BLANKS)
LINE_WITH_BLANKS = re.compile(rb"%b*" % BLANKS + (rb"%b+" % BLANKS).join([NUMBER] * 3) + rb"%b*" % BLANKS)
BLANK_LINES_AT_THE_END = re.compile(rb"(?:\r?\n[ \t]*)*\Z")


def reference(data: bytes) -> list[float] | None:
    """What the grammar says: the values, or None where a text is none of its."""
    lines = re.split(rb"\r?\n", data)
    while lines and not lines[-1].strip(b" \t"):
        lines.pop()
    for form in (LINE_WITH_COMMAS, LINE_WITH_BLANKS):
        matches = [form.fullmatch(line) for line in lines]
        texts = [text for match in matches if match for text in match.groups()]
        values = [float(text) for text in texts]
        if matches and all(matches) and all(len(t) <= 64 for t in texts) and all(abs(v) <= 1e15 for v in values):
            return values
    return None


@pytest.mark.parametrize(
    "data",
    [
        b"1,2,3",
        b"1,2,3\n",
        b"1,2,3\r\n",
        b"1 2 3",
        b"1\t2\t3\n",
        b" \t 1 \t 2 3\t\n",
        b" 1 ,\t2\t,  3 ",
        b"1,2,3\n\n",
        b"1,2,3\r\n\r\n \n\t\r\n  ",
        b"+1.,-2.0,+.3",
        b"01 002 0003",
        b"1e0,2E+0,.03e2",
    ],
)
def test_a_sound_form_of_one_point_is_read(data: bytes) -> None:
    assert [abs(value) for value in values_of(data)] in ([1, 2, 3], [1, 2, 0.3])


def test_the_columns_follow_each_other() -> None:
    assert read_hwr(b"1,2,3\n4,5,6\n") == array("d", [1, 4, 2, 5, 3, 6]).tobytes()


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"1,2,3\n4,5,6", [1, 2, 3, 4, 5, 6]),
        (b"1,2,3\r\n4,5,6\r\n", [1, 2, 3, 4, 5, 6]),
        (b"1,2,3\r\n4,5,6\n7,8,9", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (b".0,5,6", [0, 5, 6]),
        (b"-0,0,0", [-0.0, 0, 0]),
        (b"1e-400,0,0", [0, 0, 0]),
        (b"0.1 0.2 0.30000000000000004", [0.1, 0.2, 0.1 + 0.2]),
        (b"1e15,-1e15,+1000000000000000.0", [1e15, -1e15, 1e15]),
        (b"0" * 64 + b" 0." + b"3" * 62 + b" 1", [0, 1 / 3, 1]),
        (b"  " + b"1" + b" " * 60 + b",2," + b" " * 200 + b"3", [1, 2, 3]),
        (b"1" + b" " * 60_000 + b"2\t3", [1, 2, 3]),
    ],
)
def test_the_values_are_those_of_the_text(data: bytes, values: list[float]) -> None:
    assert [str(value) for value in values_of(data)] == [str(float(value)) for value in values]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n", b"  ", b"\t", b"\t\n \r\n\n", b" " * 100_000, b"\n" * 100_000])
def test_a_file_without_a_point_is_empty(data: bytes) -> None:
    assert refusal(data) == (Reason.EMPTY, f"there is no point in its {len(data)} bytes")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"1,2,3\n4,5", "line 2: 2 columns separated by commas instead of 3"),
        (b"1,2,3\n4\n5,6,7,8", "line 2: 1 column separated by commas instead of 3"),
        (b"1,2,3,\n4,5,6", "line 1: 4 columns separated by commas instead of 3, the last one empty"),
        (b"1,2,3 , ", "line 1: 4 columns separated by commas instead of 3, the last one empty"),
        (b",1,2,3", "line 1: 4 columns separated by commas instead of 3"),
        (b"1,2\n3,4,5,6", "line 1: 2 columns separated by commas instead of 3"),
        (b"1,2,3\n4 5 6", "line 2: 1 column separated by commas instead of 3"),
        (b"1 2 3\n4,5,6", "line 2: 1 column separated by blanks instead of 3"),
        (b"1 2 3\n4 , 5 , 6", "line 2: 5 columns separated by blanks instead of 3"),
        (b"1 2 3\n4 5\n6 7 8 9", "line 2: 2 columns separated by blanks instead of 3"),
        (b"1 2 3 4", "line 1: 4 columns separated by blanks instead of 3"),
        (b"1;2;3", "line 1: 1 column separated by blanks instead of 3"),
        (b"200\n1 2 3", "line 1: 1 column separated by blanks instead of 3"),
        (b"x y pressure time\n1 2 3 4", "line 1: 4 columns separated by blanks instead of 3"),
    ],
)
def test_a_line_that_has_not_three_columns_is_refused(data: bytes, detail: str) -> None:
    assert refusal(data) == (Reason.WRONG_COLUMN_COUNT, detail)


NO_NUMBERS = [
    b"abc",
    b"1_0",
    b"0x10",
    b"0x1p3",
    b"1d5",
    b"1f",
    b"--1",
    b"+-1",
    b"1-",
    b"1e",
    b"e5",
    b"1e5.0",
    b"1e 5",
    b"1.2.3",
    b".",
    b"+",
    b"-.",
    b"1 0",
    b"- 1",
    b"1'000",
    b"1L",
    b"1j",
    b"(1)",
    b'"1"',
    b"None",
    b"nano",
    b"--nan",
    b"inf1",
    b"|",
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_field_that_is_no_number_of_the_grammar_is_refused(text: bytes) -> None:
    shown = repr(text)[1:]

    assert refusal(b"1,2,3\n4,%b,6\n" % text) == (Reason.MALFORMED_LINE, f"line 2: column 2 is no number: {shown}")


@pytest.mark.parametrize("text", [text for text in NO_NUMBERS if b" " not in text])
def test_a_field_between_blanks_that_is_no_number_of_the_grammar_is_refused(text: bytes) -> None:
    shown = repr(text)[1:]

    assert refusal(b"1 2 3\n4 5 %b\n" % text) == (Reason.MALFORMED_LINE, f"line 2: column 3 is no number: {shown}")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"1,,3", "line 1: column 2 is empty"),
        (b"1,2,", "line 1: column 3 is empty"),
        (b" ,2,3", "line 1: column 1 is empty"),
        (b"X,Y,Z\n1,2,3", "line 1: column 1 is no number: 'X'"),
        (b"1 2 3\n4 5, 6", "line 2: column 2 is no number: '5,'"),
        (b"1 2 " + b"z" * 60, "line 1: column 3 is no number: 'zzzzzzzzzzzzzzzzzzzzzzzz'..."),
        (b"1 2 <script>'\"", "line 1: column 3 is no number: '<script>\\'\"'"),
        (b"1,2," + b"0" * 65, f"line 1: column 3 has 65 characters, more than 64: '{'0' * 24}'..."),
        (b"1,2,1." + b"0" * 400, f"line 1: column 3 has 402 characters, more than 64: '1.{'0' * 22}'..."),
        (b"1 2 1e" + b"0" * 63, f"line 1: column 3 has 65 characters, more than 64: '1e{'0' * 22}'..."),
        (b"\n1,2,3", "line 1: it is blank, and more lines follow"),
        (b"1,2,3\n\n4,5,6", "line 2: it is blank, and more lines follow"),
        (b"1 2 3\r\n \t\r\n4 5 6\r\n", "line 2: it is blank, and more lines follow"),
        (b"\xef\xbb\xbf1,2,3", "line 1: it begins with a byte order mark"),
        (b"\xff\xfe1\0,\0", "line 1: it begins with a byte order mark"),
        (b"\xef\xbb\xbf", "line 1: it begins with a byte order mark"),
        (b"\r", "line 1: byte 1 is a carriage return without a line feed"),
        (b"1,2,3\r", "line 1: byte 6 is a carriage return without a line feed"),
        (b"1,2,3\r4,5,6\r", "line 1: byte 6 is a carriage return without a line feed"),
        (b"1,2,3\n4,5,6\r\r\n", "line 2: byte 6 is a carriage return without a line feed"),
        (b"1 2\r3", "line 1: byte 4 is a carriage return without a line feed"),
        (b"1,2,3\n\r", "line 2: byte 1 is a carriage return without a line feed"),
        (b"1,2,3\n4,\0005,6", "line 2: byte 3 is 0x00, which is no text"),
        (b"\x89PNG\r\n\x1a\n", "line 1: byte 1 is 0x89, which is no text"),
    ],
)
def test_a_malformed_line_is_refused_and_named(data: bytes, detail: str) -> None:
    assert refusal(data) == (Reason.MALFORMED_LINE, detail)


@pytest.mark.parametrize(
    "character",
    [
        *"\0\b\v\f\x1b\x1c\x1d\x1e\x1f\x7f",
        "\x85",
        "\xa0",
        "\u200b",
        "\u2028",
        "\u2029",
        "\u3000",
        "\ufeff",
        "\uff11",
        "\u0661",
        "\u2212",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_what_is_not_ascii_text_is_refused_wherever_it_stands(character: str, encoding: str) -> None:
    odd = character.encode(encoding, "ignore") or character.encode()

    for data in (
        b"1,2,3%b4,5,6",
        b"1,2,3%b",
        b"1,2%b,3",
        b"1%b,2,3",
        b"1 2 3%b\n",
        b"1 2%b3",
        b"1 2 3\n%b",
        b"%b\n1 2 3",
    ):
        reason, detail = refusal(data % odd)
        assert reason is Reason.MALFORMED_LINE
        assert detail.isascii()
        assert detail.isprintable()


@pytest.mark.parametrize("sign", [b"", b"+", b"-"])
@pytest.mark.parametrize("text", [b"nan", b"NaN", b"NAN", b"inf", b"Inf", b"INF", b"infinity", b"InFiNiTy"])
def test_a_number_that_is_not_finite_is_refused(sign: bytes, text: bytes) -> None:
    shown = repr(sign + text)[1:]

    assert refusal(b"1,2,%b" % (sign + text)) == (Reason.NOT_FINITE, f"line 1: column 3 is not finite: {shown}")
    assert refusal(b"1 %b 3" % (sign + text)) == (Reason.NOT_FINITE, f"line 1: column 2 is not finite: {shown}")


@pytest.mark.parametrize("text", [b"1e999", b"-1e999", b"1E309", b"1.8e308", b"1e99999999999999999999"])
def test_a_number_that_overflows_is_not_finite(text: bytes) -> None:
    shown = repr(text)[1:]

    assert refusal(b"%b,2,3" % text) == (Reason.NOT_FINITE, f"line 1: column 1 is too large to be finite: {shown}")


@pytest.mark.parametrize(
    "text", [b"1000000000000001", b"-1000000000000000.2", b"1e16", b"-1.1E15", b"9007199254740993", b"9" * 64, b"1e308"]
)
def test_a_number_that_is_too_large_is_out_of_range(text: bytes) -> None:
    shown = repr(text)[1:] if len(text) <= 24 else repr(text[:24])[1:] + "..."

    assert refusal(b"1,2,3\n4,5,%b" % text) == (
        Reason.OUT_OF_RANGE,
        f"line 2: column 3 is outside of +-1e+15: {shown}",
    )


def test_of_several_offences_the_first_is_named() -> None:
    assert refusal(b"1,2,3\n4,5,x\nnan,8\n")[1].startswith("line 2: column 3")
    assert refusal(b"1,2,3\n4,nan,x\n")[0] is Reason.NOT_FINITE
    assert refusal(b"1,2,3\n4,1e16,nan\n")[0] is Reason.OUT_OF_RANGE


def test_the_line_is_named_in_a_long_file_too() -> None:
    lines = [b"%d,%d,%d" % (i, i + 1, i % 1024) for i in range(50_000)]
    sound = b"\r\n".join(lines)
    lines[43_210] = b"1,2,three"

    assert values_of(sound)[-3:] == [49_999, 50_000, 49_999 % 1024]
    assert refusal(b"\n".join(lines)) == (Reason.MALFORMED_LINE, "line 43211: column 3 is no number: 'three'")
    assert refusal(sound + b"\n" * 70_000 + b"1,2,3")[1] == "line 50001: it is blank, and more lines follow"


@pytest.mark.parametrize("line", [b"1" * 20_000_000, b"1," * 10_000_000, b" " * 20_000_000 + b"1", b"\0" * 20_000_000])
def test_a_line_without_end_is_refused_without_taking_it_apart(line: bytes) -> None:
    data = b"1,2,3\n4,5,6\n" + line + b"\n7,8,9\n"

    tracemalloc.start()
    why = refusal(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert why == (Reason.MALFORMED_LINE, "line 3 is too long: more than 65536 bytes")
    assert peak < len(data) + 4 * 2**20


def test_a_long_file_needs_little_memory_beside_its_points() -> None:
    data = b"0,0,0\n" * 500_000

    tracemalloc.start()
    points = len(read_hwr(data)) // 24
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert points == 500_000
    assert peak < len(data) + 2 * points * 24 * 1.125 + 4 * 2**20


@pytest.mark.parametrize("shift", range(9))
def test_a_file_is_read_the_same_wherever_it_is_cut_into_pieces(shift: int) -> None:
    sound = b" " * shift + b"1,2,3\r\n4,5,6\n" * 10_000

    assert values_of(sound) == [1, 2, 3, 4, 5, 6] * 10_000
    assert refusal(sound + b"7,8\n") == (
        Reason.WRONG_COLUMN_COUNT,
        "line 20001: 2 columns separated by commas instead of 3",
    )


def test_the_longest_line_is_read() -> None:
    longest = b"1 2" + b" " * 65_532 + b"3"

    assert values_of(b"\n".join([longest, longest, longest])) == [1, 2, 3] * 3
    assert refusal(longest + b"\n" + longest + b"3\n")[1] == "line 2 is too long: more than 65536 bytes"


SOUND_NUMBERS = [
    "0",
    "1",
    "-1",
    "+1",
    "007",
    ".5",
    "-.5",
    "1.",
    "+1.",
    "12.25",
    "1e3",
    "1E-3",
    "-2.5e+2",
    ".1e1",
    "1.e1",
    "0.1",
    "1e15",
    "123456789012345",
    "1e-999",
]
LONG_NUMBERS = ["0" * 64, "1." + "0" * 63, "1e16", "-999999999999999.9", "9" * 16, "1e999"]
FRAGMENTS = [*"0123456789+-.eE,, \t\n\r_|x\0\v\x85\ufeff\uff11", "\r\n", "nan", "inf", "1_0", *LONG_NUMBERS]
ANYTHING = st.lists(st.sampled_from(FRAGMENTS), max_size=24).map(lambda texts: "".join(texts).encode())


def text_of_the_grammar(chance: random.Random) -> bytes:
    """A text of the grammar, but that some numbers are too long or too large."""

    def blanks(least: int) -> str:
        return "".join(chance.choices(" \t", k=chance.choice([least, least, least, 2])))

    def number() -> str:
        return chance.choice(LONG_NUMBERS if chance.random() < 0.01 else SOUND_NUMBERS)

    def line() -> str:
        between = [blanks(0) + "," + blanks(0) if commas else blanks(1) for _ in range(2)]
        return blanks(0) + number() + between[0] + number() + between[1] + number() + blanks(0)

    commas = chance.random() < 0.5
    lines = [line() for _ in range(chance.randint(1, 4))]
    lines += [blanks(0) for _ in range(chance.choice([0, 0, 1, 3]))]
    return "".join(each + chance.choice(["\n", "\r\n"]) for each in lines[:-1]).encode() + lines[-1].encode()


def test_a_text_is_let_in_with_its_values_if_and_only_if_the_grammar_has_it() -> None:
    chance = random.Random(45)  # noqa: S311 - the same texts in every run, and no secrets
    let_in = 0

    for _ in range(15_000):
        text = text_of_the_grammar(chance)
        at, lost = chance.randint(0, len(text)), chance.choice([0, 0, 1, 2])
        changed = text[:at] + chance.choice(FRAGMENTS).encode() + text[at + lost :]
        assert values_or_none(text) == reference(text), text
        assert values_or_none(changed) == reference(changed), changed
        let_in += values_or_none(changed) is not None

    assert 1_500 < let_in < 13_500


@settings(max_examples=1_000, deadline=None)
@given(ANYTHING)
@example(b"1,2,3,|,4")
@example(b"1 2 3 | 4 5 6")
def test_any_text_is_let_in_if_and_only_if_the_grammar_has_it(data: bytes) -> None:
    assert values_or_none(data) == reference(data)


# The quick way and the careful one


def outcome(data: bytes) -> bytes | tuple[Reason, str]:
    try:
        return read_hwr(data)
    except Rejected as rejected:
        return rejected.reason, rejected.detail


def careful_outcome(data: bytes) -> bytes | tuple[Reason, str]:
    """The outcome of reading line by line alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hwr, "_read_at_once", lambda *_: None)
        return outcome(data)


def is_read_quickly(data: bytes) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hwr, "_read_lines", lambda *_: pytest.fail("line by line"))
        try:
            return bool(read_hwr(data))
        except pytest.fail.Exception:
            return False


@pytest.mark.parametrize(
    "data",
    [
        b"1,2,3\n-4,5.25,0.6\r\n1e3,2E-3,-3.5e+2\n",
        b"1 2 3\n4 5 6",
        b"1\t2\t3\r\n4\t5\t6\r\n",
        b"  1   22  333\n 44   5    6 \n",
        b"1, 2, 3\n4 ,\t5 ,6 \n",
        b"-0.0,-0.5,-0e0",
        b"0.30000000000000004,123456789012345.6,-999999999999999.9",
        b"1,2,3\n" * 50_000,
    ],
)
def test_what_json_can_spell_is_read_by_it(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hwr, "_of_floats", lambda _: pytest.fail("number by number"))

    assert is_read_quickly(data)
    assert outcome(data) == careful_outcome(data)


@pytest.mark.parametrize("text", [b"+1", b".5", b"5.", b"007", b"-0", b"-007", b"1.e3", b"0" * 64, b"00.5"])
def test_what_json_cannot_spell_is_read_quickly_all_the_same(text: bytes) -> None:
    """Line by line a trajectory took ten times as long, for one number of all that lacks the zero before its point."""
    for data, place in ((b"%b,2,3", 0), (b"1,2,3\n4,%b,6\n", 4), (b"1 2 %b\n4 5 6", 2), (b"1 ,\t%b\t, 3", 1)):
        assert is_read_quickly(data % text)
        assert str(values_of(data % text)[place]) == str(float(text))


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False).map(text_of_the_grammar))
def test_what_is_let_in_is_read_quickly(data: bytes) -> None:
    assert is_read_quickly(data) == (reference(data) is not None)


@settings(max_examples=1_000, deadline=None)
@given(ANYTHING | st.randoms(use_true_random=False).map(text_of_the_grammar))
@example(b"-0,1,-0")
@example(b"1 2 3\n 4 5,6")
@example(b"1,2,3\n\n4,5,6")
def test_both_ways_say_the_same_of_any_text(data: bytes) -> None:
    assert outcome(data) == careful_outcome(data)


def test_both_ways_say_the_same_of_every_short_field() -> None:
    for size in range(5):
        for letters in product("019+-.e ", repeat=size):
            field = "".join(letters).encode()
            for data in (b"4,5,6\n1,%b,3" % field, b"1 2 %b" % field):
                assert outcome(data) == careful_outcome(data), data


def test_a_number_is_read_as_the_nearest_double() -> None:
    chance = random.Random(46)  # noqa: S311 - the same numbers in every run, and no secrets
    numbers: list[str] = []
    while len(numbers) < 6_000:
        low = ldexp(chance.uniform(0.5, 1), chance.randint(-6, 49))
        half_way = format((Decimal(low) + Decimal(nextafter(low, inf))) / 2, "f")
        numbers += [each for each in (half_way, half_way + "1", half_way[:-1] + "49") if len(each) <= 64]

    numbers = numbers[:6_000]

    lines = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
    data = "\n".join(map(",".join, lines)).encode()

    assert is_read_quickly(data)
    assert values_of(data) == [float(number) for number in numbers]


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[st.floats(-1e15, 1e15)] * 3), st.sampled_from([",", " ", "\t", " , "]))
def test_a_point_that_was_written_exactly_is_read_exactly(point: tuple[float, ...], between: str) -> None:
    assert tuple(values_of(between.join(map(repr, point)).encode())) == point


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | ANYTHING)
def test_a_refusal_is_one_line_of_printable_ascii(data: bytes) -> None:
    if values_or_none(data) is None:
        _, detail = refusal(data)
        assert detail.isascii()
        assert detail.isprintable()
        assert len(detail) < 160


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.name)
def test_a_sample_file_is_refused_for_the_reason_that_it_is_named_after(path: Path) -> None:
    code = path.name.partition(".")[0]

    if code == "sound":
        assert values_or_none(path.read_bytes())
    else:
        assert refusal(path.read_bytes())[0] == code


def test_there_is_a_sample_file_for_every_reason() -> None:
    codes = {path.name.partition(".")[0] for path in SAMPLE_FILES}

    assert codes == {"sound", "empty", "malformed_line", "wrong_column_count", "not_finite", "out_of_range"}
