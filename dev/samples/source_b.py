"""SOURCE_B: files named by their ids, and an INDEX that says which is a forgery of which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import chain
from uuid import UUID

from sigid.errors import Reason

from . import odd, png
from .hand import Signing
from .sample import Dataset, Fate, Order, Sample, blank, picture

ABOUT = """\
Pictures of signatures that were written on a tablet, with an index that links forgeries to what they imitate.

    INDEX            the number of signatures; then a line for each: its id, four blanks, and the id of what it imitates
    <i>/<iiiiiiii>   a PNG; the first character and the first eight characters of its id

Each genuine signature is the only known sample of its signee."""

_FEW = 20

_BLOCK, _FORGERIES = 5, 2
"""Of so many signatures in a row the first two are forgeries of the third, and listed before it."""


@dataclass(frozen=True)
class Entry:
    """A line of the INDEX and its file."""

    id: UUID
    parent: UUID | None
    file: Sample | None
    """None: another entry has claimed it."""

    def line(self) -> str:
        """The line as it stands in the INDEX; that of a genuine signature ends with the four blanks."""
        return f"{self.id}    {self.parent or ''}\n"


def plan(order: Order) -> Iterator[Sample]:
    """Every file of the dataset but its README."""
    yield Sample("INDEX", partial(_index, order), Fate.APART)
    entries = chain(_sound(order), _odd(order) if order.defects else ())
    yield from (entry.file for entry in entries if entry.file)
    if order.defects:
        yield _unlisted(order)
        yield Sample(
            "0/.DS_Store", partial(bytes, odd.LITTER[".DS_Store"]), Fate.PASSED_OVER, "left behind by a file manager"
        )


def _index(order: Order) -> bytes:
    entries = chain(_sound(order), _odd(order) if order.defects else ())
    lines = [entry.line() for entry in entries]
    return f"{len(lines) + order.wrong_count}\n{''.join(lines)}".encode("ascii")


def _sound(order: Order) -> Iterator[Entry]:
    total = _count(order)
    for number in range(total):
        block, place = divmod(number, _BLOCK)
        original = block * _BLOCK + _FORGERIES
        if place < _FORGERIES and original < total:
            yield _entry(order, number, parent=_id(order, original), signing=_forged(original, place))
        else:
            yield _entry(order, number, signing=_genuine(number))


def _count(order: Order) -> int:
    return _FEW if order.files is None else order.files


def _genuine(number: int) -> Signing:
    return Signing(f"B/{number}", 1)


def _forged(original: int, copy: int) -> Signing:
    return replace(_genuine(original), forger=f"forger {copy + 1}")


def _entry(order: Order, number: int, *, signing: Signing, parent: UUID | None = None) -> Entry:
    is_blank = order.files is None and number % 7 == 4
    make = blank if is_blank else partial(picture, order.seed, signing)
    own = _id(order, number)
    return Entry(own, parent, Sample(_path(own), make, Fate.BLANK if is_blank else Fate.SIGNATURE))


def _id(order: Order, number: int) -> UUID:
    """The id of a signature: no two of the first 2^32 begin with the same eight characters.

    Multiplication by an odd constant permutes the numbers below 2^32 (Knuth, The Art of Computer Programming 3, 6.4).
    """
    start = int.from_bytes(blake2b(f"{order.seed}".encode(), digest_size=4).digest())
    prefix = (start + number * 0x9E3779B1) % 2**32
    rest = blake2b(f"{order.seed}/{number}".encode(), digest_size=12).digest()
    return UUID(bytes=prefix.to_bytes(4) + rest, version=4)


def _path(own: UUID) -> str:
    return f"{str(own)[0]}/{str(own)[:8]}"


def _odd(order: Order) -> Iterator[Entry]:
    """An entry for each thing that can be wrong, numbered after the sound ones."""
    total = _count(order)
    genuine, forgery = (_id(order, number) for number in (_FORGERIES, 0))
    lost, twin, orphan, copy, self_made, egg, hen, cut, nobody = (_id(order, total + number) for number in range(9))

    def drawn(own: UUID) -> Callable[[], bytes]:
        return partial(picture, order.seed, Signing(f"B/{own}", 1))

    def entry(own: UUID, parent: UUID | None, reason: Reason, oddity: str) -> Entry:
        return Entry(own, parent, Sample(_path(own), drawn(own), reason, oddity))

    yield Entry(lost, None, Sample(_path(lost), None, Reason.FILE_MISSING, "listed, but there is no such file"))
    yield entry(twin, None, Reason.SHARED_FILE, "two listed ids begin with these eight characters")
    yield Entry(UUID(int=twin.int ^ 1), None, None)
    yield entry(orphan, nobody, Reason.PARENT_UNKNOWN, "a forgery of an id that is not listed")
    yield entry(copy, forgery, Reason.PARENT_FORGED, "a forgery of a forgery")
    yield entry(self_made, self_made, Reason.PARENT_IS_SELF, "a forgery of itself")
    yield entry(egg, hen, Reason.PARENT_CYCLE, "a forgery of its own forgery")
    yield entry(hen, egg, Reason.PARENT_CYCLE, "a forgery of its own forgery")
    cut_off = Sample(_path(cut), lambda: png.cut_off(drawn(cut)()), Reason.TRUNCATED, "its picture ends in the middle")
    yield Entry(cut, genuine, cut_off)


def _unlisted(order: Order) -> Sample:
    own = _id(order, _count(order) + 9)
    return Sample(_path(own), partial(picture, order.seed, _genuine(0)), Reason.NOT_LISTED, "not in the INDEX")


DATASET = Dataset("SOURCE_B", ABOUT, plan)
