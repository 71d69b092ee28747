"""What whoever sees a dataset for the first time has to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sigid.errors import Reason
from sigid.report.html.source import SourceFacts
from sigid.report.html.words import counted

WRONG, NOTE = "wrong", "note"
_CLAIMED_TWICE = (Reason.IDENTITY_CONFLICT, Reason.SHARED_FILE)
_REASONS_NAMED = 3


class Notice(NamedTuple):
    """A sentence, and where there is more of it."""

    level: str
    """`WRONG`, or `NOTE` for what may well be meant."""
    source: str
    what: str
    page: str
    more: str = ""


def notices(of: SourceFacts) -> list[Notice]:
    """Of a source: what is wrong first."""
    found = [
        Notice(level, of.name, what, f"{of.page}#{place}" if "." not in place else place, more)
        for level, what, place, more in _all(of)
    ]
    return sorted(found, key=lambda notice: notice.level != WRONG)


def _all(of: SourceFacts) -> Iterator[tuple[str, str, str, str]]:
    counts = of.counts
    if of.loads and of.loads[0].finished is None:
        yield WRONG, "The last load did not finish", "loads", "load again, and it goes on from there"
    if counts["rejected"]:
        reasons = Counter(counts["rejected_by_reason"]).most_common()
        named = ", ".join(f"{reason} {count:,}" for reason, count in reasons[:_REASONS_NAMED])
        named += ", ..." if len(reasons) > _REASONS_NAMED else ""
        what = f"{counts['rejected']:,} of {counted(counts['files'], 'file')} are not let in"
        yield WRONG, what, "rejected", named
    for reason in _CLAIMED_TWICE:
        if count := counts["rejected_by_reason"].get(reason.value):
            what = f"{counted(count, 'file claims', 'files claim')} to be a signature that another one is, too"
            yield WRONG, what, f"rejected-{reason.value}", ""
    if counts["stale"]:
        what = f"{counted(counts['stale'], 'signature is', 'signatures are')} stale"
        yield WRONG, what, "stale", "what their files say now is not valid"
    if of.identical_count:
        what = f"{counted(of.identical_count, 'signature has', 'signatures have')} the very content of another one"
        yield WRONG, what, "identical", ""
    if counts["without_genuine"]:
        what = f"{counted(counts['without_genuine'], 'signee', 'signees')} without a genuine signature"
        yield (
            WRONG,
            what,
            "without-genuine",
            f"of {counted(counts['signees'], 'signee')}",
        )
    if of.parents_missing:
        what = f"{counted(of.parents_missing, 'forgery imitates a signature', 'forgeries imitate signatures')} not here"
        yield WRONG, what, "rejected", ""
    if of.doubts:
        kinds = Counter(doubt.what for doubt in of.doubts)
        what = f"{counted(len(of.doubts), 'signature looks', 'signatures look')} odd on the contact sheets"
        yield WRONG, what, "odd", ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
    yield from _notes(of)


def _notes(of: SourceFacts) -> Iterator[tuple[str, str, str, str]]:
    counts = of.counts
    if counts["blank"]:
        what = f"{counts['blank']:,} of {counted(counts['images'], 'picture')} are placeholders of no bytes"
        yield NOTE, what, of.sheets_page if of.sheets else "spread", ""
    if of.single_genuine:
        what = f"{counted(of.single_genuine, 'signee has', 'signees have')} one genuine signature alone"
        yield NOTE, what, "spread", "there is no genuine pair of theirs"
    if counts["signatures"] and not counts["forged"]:
        yield NOTE, "There are no forgeries", "spread", ""
    if counts["retired"]:
        what = f"{counted(counts['retired'], 'signature is', 'signatures are')} retired"
        yield NOTE, what, "retired", "their files are gone"
