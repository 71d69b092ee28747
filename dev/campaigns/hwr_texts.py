"""hwr-texts: which texts of trajectories are let in, with which values, against a second reader of the same grammar."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import chain
from random import Random

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.hwr_literals import NUMBERS, TEXTS
from dev.campaigns.hwr_reference import Refused, points
from sigid.errors import Reason, Rejected
from sigid.sources.formats.hwr import read_hwr

_ODD = [
    *(text for text in NUMBERS if len(text) < 100),
    *(bytes([byte]) for byte in b"\0\b\t\n\v\f\r\x1a\x1c \"#',-.;E_eex|\x7f\x80\x85\xa0\xff"),
    *(b"\r\n", b"\n\n", b"\t,", b", ", b"\xef\xbb\xbf", "\u2028".encode(), "\u0661".encode()),
]


def _run(ground: Ground) -> Finding:
    wrong = [f"{text[:60]!r}: {why}" for text, verdict in _tabled() if (why := _against_table(text, verdict))]
    dice = Random(ground.seed)
    outcomes = Counter[str]()
    for _ in range(count := ground.of(4_000, 50_000)):
        text = _text(dice)
        outcome, why = _against_reference(text)
        outcomes[outcome] += 1
        if why:
            wrong.append(f"{text[:200]!r}: {why}")
    let_in = outcomes.pop("let in", 0)
    refused = ", ".join(f"{number:,} {reason}" for reason, number in outcomes.most_common())
    figure = f"{count:,} texts: {let_in:,} let in with the reference's values, {refused}; {len(_tabled())} literals"
    return Finding(figure, wrong)


def _tabled() -> list[tuple[bytes, tuple[float, ...] | Reason]]:
    in_a_line = (
        (
            b"7,8,9\n1,%b,3\n7,8,9\n" % text,
            verdict if isinstance(verdict, Reason) else (7, 8, 9, 1, verdict, 3, 7, 8, 9),
        )
        for text, verdict in NUMBERS.items()
    )
    return [*in_a_line, *TEXTS.items()]


def _against_table(text: bytes, verdict: tuple[float, ...] | Reason) -> str | None:
    """What is wrong with what becomes of the text."""
    found = _outcome(text)
    right = (
        verdict if isinstance(verdict, Reason) else _packed([verdict[at : at + 3] for at in range(0, len(verdict), 3)])
    )
    return None if found == right else f"{_told(found)} instead of {_told(right)}"


def _against_reference(text: bytes) -> tuple[str, str | None]:
    """What became of the text, and what is wrong with that."""
    found = _outcome(text)
    word = str(found) if isinstance(found, Reason) else "let in"
    try:
        right = _packed(points(text))
    except Refused as refused:
        return word, None if found in refused.reasons else f"{_told(found)} instead of {refused}"
    return word, None if found == right else f"{_told(found)} instead of {_told(right)}"


def _outcome(text: bytes) -> bytes | Reason:
    try:
        return read_hwr(text)
    except Rejected as rejected:
        return rejected.reason


def _packed(rows: list[tuple[float, ...]]) -> bytes:
    return array("d", chain.from_iterable(zip(*rows, strict=True))).tobytes()


def _told(outcome: bytes | Reason) -> str:
    return outcome if isinstance(outcome, Reason) else f"let in as {array('d', outcome).tolist()[:9]}"


def _text(dice: Random) -> bytes:
    """A text of the grammar, and more often than not something is done to it."""
    lines = [_line(dice, b"," if commas else b" ") for commas in [dice.random() < 0.5] for _ in range(_length(dice))]
    end = dice.choice([b"\n", b"\r\n"])
    text = b"".join(line + (end if dice.random() < 0.9 else b"\n") for line in lines[:-1]) + lines[-1]
    text += b"".join(end + _blanks(dice) for _ in range(dice.choice([0, 1, 1, 1, 2])))
    for _ in range(dice.choice([0, 0, 1, 1, 1, 2, 3])):
        text = dice.choice([_insert, _replace, _cut, _repeat, _swap])(dice, text)
    return text


def _length(dice: Random) -> int:
    """How many lines; one text in a thousand is longer than what is read in one piece."""
    return dice.randint(3_000, 9_000) if dice.random() < 0.001 else dice.choice([1, 1, 2, 3, 5, 8])


def _line(dice: Random, separator: bytes) -> bytes:
    gaps = [_gap(dice, separator) for _ in range(2)]
    first, second, third = (_number(dice) for _ in range(3))
    return b"".join([_blanks(dice), first, gaps[0], second, gaps[1], third, _blanks(dice)])


def _gap(dice: Random, separator: bytes) -> bytes:
    blanks = _blanks(dice)
    return blanks + separator + _blanks(dice) if separator == b"," else blanks or dice.choice([b" ", b"\t"])


def _blanks(dice: Random) -> bytes:
    return b"" if dice.random() < 0.8 else bytes(dice.choices(b" \t", k=dice.randint(1, 4)))


def _number(dice: Random) -> bytes:
    """A number, which is beyond the limit or too long now and then; or, seldom, something that is none."""
    kind = dice.random()
    if kind < 0.35:
        return b"%d" % dice.randint(-2_000, 20_000)
    if kind < 0.6:
        return b"%.*f" % (dice.randint(0, 17), dice.uniform(-3e4, 3e4))
    if kind < 0.75:
        return repr(dice.uniform(-1, 1) * 10.0 ** dice.randint(-320, 15)).encode()
    if kind < 0.998:
        return _spelt(dice)
    return dice.choice(_ODD)


def _spelt(dice: Random) -> bytes:
    """A number in any spelling that the grammar has."""
    whole, fraction = _digits(dice, 1, 1, 2, 3, 5, 11, 15), _digits(dice, 1, 3, 6, 15, 31, 33, 60)
    mantissa = dice.choice([whole, whole + b".", b"." + fraction, whole + b"." + fraction])
    power = dice.choice([b"%d", b"+%d", b"-%d", b"-%d", b"-%d"]) % dice.choice([0, 0, 1, 2, 7, 15, 40, 310])
    exponent = dice.choice([b"e", b"E"]) + power
    return dice.choice([b"", b"+", b"-"]) + mantissa + dice.choice([b"", b"", b"", exponent])


def _digits(dice: Random, *counts: int) -> bytes:
    return bytes(dice.choices(b"0123456789", k=dice.choice(counts)))


def _insert(dice: Random, text: bytes) -> bytes:
    at = dice.randint(0, len(text))
    return text[:at] + dice.choice(_ODD) + text[at:]


def _replace(dice: Random, text: bytes) -> bytes:
    at = dice.randint(0, len(text))
    return text[:at] + bytes([dice.randrange(256)]) + text[at + 1 :]


def _cut(dice: Random, text: bytes) -> bytes:
    start, stop = _stretch(dice, text)
    return text[:start] + text[stop:]


def _repeat(dice: Random, text: bytes) -> bytes:
    start, stop = _stretch(dice, text)
    return text[:stop] + text[start:]


def _swap(dice: Random, text: bytes) -> bytes:
    start, stop = _stretch(dice, text)
    middle = dice.randint(start, stop)
    return text[:start] + text[middle:stop] + text[start:middle] + text[stop:]


def _stretch(dice: Random, text: bytes) -> tuple[int, int]:
    start = dice.randint(0, len(text))
    return start, min(len(text), start + dice.choice([1, 1, 2, 5, 20]))


CAMPAIGN = Campaign(
    name="hwr-texts",
    shows="a text is let in if and only if the grammar has it, with the values that it says, bit for bit",
    run=_run,
)
