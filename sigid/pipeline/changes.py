"""What changed: computed from what a scan has found and what the ledger knows, before anything is read or written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from sigid.errors import Reason
from sigid.warehouse.ledger import Counts, FileLine, State


class Found(NamedTuple):
    """A file that is there, and what is known of it before it is read.

    Either `claim` and `version` say by what it is to be registered, or `rejection` says why it isn't.
    """

    path: str
    content: bytes
    """The content's hash, or what stands in its place in a listing."""
    claim: str = ""
    """The digest of what it claims to be."""
    version: str = ""
    """The version of that which extracts it."""
    rejection: tuple[Reason, str] | None = None


class Action(IntEnum):
    """What is to be done about a file."""

    NOTHING = 0
    READ = 1
    """It is read."""
    REJECT = 2
    """It is rejected without being read."""
    MEET = 3
    """The ledger does not know it: it is read unless its name, which is judged when its turn comes, is none."""


@dataclass(slots=True)
class Changes:
    """What a load has to do."""

    actions: bytearray = field(default_factory=bytearray)
    """An `Action` for each file that was found, in their order."""
    vanished: list[FileLine] = field(default_factory=list)
    """The ledger's lines of files that were there, and would have been found if they still were."""
    missing: list[FileLine] = field(default_factory=list)
    """The ledger's lines of files that an index lists and that were not there, and still aren't."""
    known: int = 0
    """How many files the ledger knew to exist."""
    unchanged: int = 0
    """How many signatures stand as they are."""
    still_rejected: int = 0
    """How many rejections stand as they are."""
    out_of_sight: Counter[str] = field(default_factory=Counter)
    """How many files that the ledger knew to exist may lie where none can be seen, by what hides them."""

    def to_read(self) -> int:
        """How many files are to be read."""
        return self.actions.count(Action.READ) + self.actions.count(Action.MEET)

    def add_others(self, counts: Counts, lines: Iterable[FileLine]) -> None:
        """Count what a load left behind, but for these lines, as standing as it is."""
        states = Counter(line.state for line in lines)
        unchanged = counts.added + counts.changed + counts.unchanged - states[State.LOADED]
        still_rejected = counts.rejected - states[State.REJECTED]
        self.unchanged += unchanged
        self.still_rejected += still_rejected
        self.known += unchanged + still_rejected

    def keep(self, line: FileLine) -> None:
        """Count a line that stands as it is."""
        self.unchanged += line.state is State.LOADED
        self.still_rejected += line.state is State.REJECTED


def compare(
    files: Iterable[tuple[str, Callable[[], Found]]],
    known: Iterable[FileLine],
    *,
    rehash: bool = False,
    hidden: Set[str] = frozenset(),
) -> Changes:
    """What it takes to get from the ledger's lines to the files: paths, and what is found there when it is asked for.

    Both are in the order of their paths. With `rehash` every file that is not rejected unread is read, whatever is
    known of its content. What was in the `hidden` folders stands as it is.
    """
    changes = Changes()
    lines = iter(known)
    line = next(lines, None)
    for path, found in files:
        while line is not None and line.path < path:
            _leave_behind(line, changes, hidden)
            line = next(lines, None)
        if line is None or line.path != path:
            changes.actions.append(Action.MEET)
            continue
        action = _decide(found(), line, rehash=rehash)
        changes.actions.append(action)
        changes.known += line.state.exists
        if action is Action.NOTHING:
            changes.keep(line)
        line = next(lines, None)
    while line is not None:
        _leave_behind(line, changes, hidden)
        line = next(lines, None)
    return changes


def what_hides(path: str, hidden: Set[str]) -> str | None:
    """The one of the folders in which the path lies, if it does; there may be many, and the root's path is empty."""
    while path:
        path = path.rpartition("/")[0]
        if path in hidden:
            return path
    return None


@dataclass(frozen=True, slots=True)
class Removals:
    """What becomes of the files that vanished."""

    leaving: Sequence[FileLine]
    """They are put down as gone."""
    withheld: Sequence[FileLine] = ()
    """It is not certain that they were meant to go; they stay as they are."""
    doubt: str = ""
    """Why it is not."""


def weigh(vanished: Sequence[FileLine], moved: Collection[str], known: int, unreadable: Sequence[str]) -> Removals:
    """What becomes of the files that vanished, of the `known` ones that there were.

    What has `moved`, as the ids of signatures that other files have become, is not lost. `unreadable` is what could
    not be read: what is lost may be there.
    """
    lost = [line for line in vanished if line.signature_id not in moved]
    if lost and unreadable:
        doubt = f"{unreadable[0]} could not be read"
    elif len(lost) > _FEW and len(lost) * _FIFTH > known:
        doubt = f"that is more than a fifth of the {known} that there were"
    else:
        return Removals(vanished)
    return Removals([line for line in vanished if line.signature_id in moved], lost, doubt)


_FEW = 20
_FIFTH = 5


def stands(line: FileLine, file: Found) -> bool:
    """Whether the ledger's line still says what becomes of a file of this content."""
    return (
        line.state.exists
        and line.content_hash is not None
        and line.claim == file.claim
        and line.extractor_version == file.version
    )


def _decide(file: Found, line: FileLine, *, rehash: bool) -> Action:
    if file.rejection is not None:
        same = line.state is State.REJECTED and (line.reason, line.detail) == file.rejection
        return Action.NOTHING if same else Action.REJECT
    if not rehash and stands(line, file) and line.content_hash == file.content.hex():
        return Action.NOTHING
    return Action.READ


def _leave_behind(line: FileLine, changes: Changes, hidden: Set[str]) -> None:
    changes.known += line.state.exists
    if line.state.exists and (folder := what_hides(line.path, hidden)) is not None:
        changes.keep(line)
        changes.out_of_sight[folder] += 1
    elif line.state.exists:
        changes.vanished.append(line)
    elif line.state is State.MISSING:
        changes.missing.append(line)
