"""What changed, and what is certain to be gone: decided from two lists, without a disk or a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigid.errors import Reason
from sigid.pipeline.changes import Action, Changes, Found, Removals, compare, weigh
from sigid.pipeline.facts import UNKNOWN, UNREAD
from sigid.warehouse.ledger import FileLine, State

PATHS = ["a", "a.b", "a-b", "a/b", "a/c", "ab", "b/a", "b/c/d", "é", "z"]
CONTENTS = [bytes([n]) * 16 for n in (2, 3)]
CLAIMS = ["claim", "another claim"]
VERSIONS = ["1.1", "1.2"]
REJECTIONS = [(Reason.EMPTY, "0 bytes"), (Reason.SYMLINK, "a link"), (Reason.EMPTY, "other words")]

rejections = st.sampled_from(REJECTIONS)
found_files = st.builds(
    Found,
    st.just(""),
    st.sampled_from([*CONTENTS, UNKNOWN, UNREAD]),
    st.sampled_from(CLAIMS),
    st.sampled_from(VERSIONS),
    st.none() | rejections,
)


@st.composite
def ledger_lines(draw: st.DrawFn) -> FileLine:
    """A line such as a load writes it, of no path yet."""
    state = draw(st.sampled_from(State))
    reason, detail = draw(rejections) if state in (State.REJECTED, State.MISSING) else (None, None)
    was_read = state is State.LOADED or (state is State.REJECTED and draw(st.booleans()))
    return FileLine(
        "",
        state,
        content_hash=draw(st.sampled_from(CONTENTS)).hex() if was_read else None,
        extractor_version=draw(st.sampled_from(VERSIONS)) if was_read else None,
        claim=draw(st.sampled_from(CLAIMS)) if was_read else None,
        reason=reason,
        detail=detail,
        signature_id="signature" if state is State.LOADED else None,
    )


found_lists = st.dictionaries(st.sampled_from(PATHS), found_files).map(
    lambda files: [files[path]._replace(path=path) for path in sorted(files)]
)


def _with_path(line: FileLine, path: str) -> FileLine:
    return FileLine(path, *(getattr(line, name) for name in FileLine._fields if name != "path"))


line_lists = st.dictionaries(st.sampled_from(PATHS), ledger_lines()).map(
    lambda lines: [_with_path(lines[path], path) for path in sorted(lines)]
)


def compared(found: Iterable[Found], known: Iterable[FileLine], **options: Any) -> Changes:
    return compare([(file.path, partial(copy, file)) for file in found], known, **options)


def should_be(file: Found, line: FileLine | None, *, rehash: bool) -> Action:
    """The decision once more, case by case."""
    if line is None:
        return Action.MEET
    exists = line.state in (State.LOADED, State.REJECTED)
    if file.rejection:
        if line.state is State.REJECTED and (line.reason, line.detail) == file.rejection:
            return Action.NOTHING
        return Action.REJECT
    if rehash or not exists or line.content_hash is None:
        return Action.READ
    known = (bytes.fromhex(line.content_hash), line.claim, line.extractor_version)
    return Action.NOTHING if known == (file.content, file.claim, file.version) else Action.READ


def is_below(path: str, folders: set[str]) -> bool:
    parents = {str(parent) for parent in PurePosixPath(path).parents}
    return "" in folders or not parents.isdisjoint(folders)


@given(found_lists, line_lists, st.booleans(), st.sets(st.sampled_from(["a", "b", "b/c", ""]), max_size=2))
def test_each_file_is_judged_by_its_own_line_alone(
    found: list[Found], known: list[FileLine], rehash: bool, hidden: set[str]
) -> None:
    line_of = {line.path: line for line in known}
    not_found = [line for line in known if line.path not in {file.path for file in found}]
    existed = [line for line in known if line.state in (State.LOADED, State.REJECTED)]
    hidden_lines = [line for line in not_found if line in existed and is_below(line.path, hidden)]

    changes = compared(found, known, rehash=rehash, hidden=hidden)

    actions = [Action(action) for action in changes.actions]
    assert actions == [should_be(file, line_of.get(file.path), rehash=rehash) for file in found]
    left_alone = [line_of[file.path] for file, action in zip(found, actions, strict=True) if action is Action.NOTHING]
    standing = Counter(line.state for line in (*left_alone, *hidden_lines))
    assert (changes.unchanged, changes.still_rejected) == (standing[State.LOADED], standing[State.REJECTED])
    assert changes.vanished == [line for line in not_found if line in existed and line not in hidden_lines]
    assert changes.missing == [line for line in not_found if line.state is State.MISSING]
    assert changes.known == len(existed)


def loaded(path: str, signature_id: str | None = None) -> FileLine:
    """The line of a file that was registered."""
    return FileLine(path, State.LOADED, CONTENTS[0].hex(), 1, "1.1", "claim", signature_id=signature_id or f"of {path}")


def test_of_equal_lists_nothing_is_to_be_done() -> None:
    found = [Found(path, CONTENTS[0], "claim", "1.1") for path in sorted(PATHS)]
    known = [loaded(path) for path in sorted(PATHS)]

    changes = compared(found, known)

    assert set(changes.actions) == {Action.NOTHING}
    assert (changes.unchanged, changes.known, changes.vanished) == (len(PATHS), len(PATHS), [])


@pytest.mark.parametrize(
    "file",
    [
        Found("a", CONTENTS[1], "claim", "1.1"),
        Found("a", UNKNOWN, "claim", "1.1"),
        Found("a", CONTENTS[0], "another claim", "1.1"),
        Found("a", CONTENTS[0], "claim", "1.2"),
    ],
    ids=["content", "unknown content", "claim", "version"],
)
def test_a_file_is_read_again_when_anything_of_it_differs(file: Found) -> None:
    changes = compared([file], [loaded("a")])

    assert list(changes.actions) == [Action.READ]


def lines(count: int) -> list[FileLine]:
    return [loaded(f"{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("lost", "known", "is_certain"),
    [
        (1, 1, True),
        (20, 20, True),
        (20, 21, True),
        (21, 104, False),
        (21, 105, True),
        (200, 1000, True),
        (201, 1000, False),
        (1000, 1000, False),
    ],
)
def test_more_than_twenty_files_and_a_fifth_gone_at_once_is_not_taken_for_meant(
    lost: int, known: int, is_certain: bool
) -> None:
    removals = weigh(lines(lost), set(), known, [])

    if is_certain:
        assert removals == Removals(lines(lost))
    else:
        doubt = f"that is more than a fifth of the {known} that there were"
        assert removals == Removals([], lines(lost), doubt)


def test_files_under_a_new_name_are_no_loss() -> None:
    moved = {line.signature_id for line in lines(980) if line.signature_id}

    removals = weigh(lines(1000), moved, 1000, [])

    assert removals == Removals(lines(1000))


def test_only_what_is_lost_is_withheld() -> None:
    gone = [FileLine("rejected", State.REJECTED, reason=Reason.EMPTY, detail=""), *lines(1000)]
    moved = {line.signature_id for line in gone[501:] if line.signature_id}

    removals = weigh(gone, moved, 1001, [])

    assert removals.withheld == gone[:501]
    assert removals.leaving == gone[501:]


def test_nothing_is_taken_for_lost_while_something_cannot_be_read() -> None:
    removals = weigh(lines(3), {"of 1"}, 1000, ["Online/Genuine", "Offline"])

    assert [line.path for line in removals.withheld] == ["0", "2"]
    assert [line.path for line in removals.leaving] == ["1"]
    assert removals.doubt == "Online/Genuine could not be read"


def test_nothing_is_withheld_where_nothing_is_lost() -> None:
    assert weigh([], set(), 0, ["Offline"]) == Removals([])
    assert weigh(lines(1), {"of 0"}, 1, ["Offline"]) == Removals(lines(1))
