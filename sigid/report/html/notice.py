"""What whoever sees a dataset for the first time has to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, TypeAlias

from sigid.errors import Reason
from sigid.identity import Authenticity
from sigid.report.html.source import SourceFacts
from sigid.report.html.words import counted

WRONG, NOTE = "wrong", "note"
_CLAIMED_TWICE = (Reason.IDENTITY_CONFLICT, Reason.SHARED_FILE)
_REASONS_NAMED = 3
_ENOUGH = 5
"""Of so few pictures nothing is said in general."""
_OF_ANOTHER_SIZE = 2


class Notice(NamedTuple):
    """A sentence, and where there is more of it."""

    level: str
    """`WRONG`, or `NOTE` for what may well be meant."""
    source: str
    what: str
    page: str
    """The file of a page, perhaps with a place on it."""
    more: str = ""


def notices(of: SourceFacts) -> list[Notice]:
    """Of a source: what is wrong first."""
    wrong = chain(_of_files(of), _of_signatures(of), _of_sizes(of), _of_sheets(of))
    return [
        *(Notice(WRONG, of.name, what, f"{of.page}#{place}", more) for what, place, more in wrong),
        *(Notice(NOTE, of.name, what, f"{of.page}#{place}", more) for what, place, more in _notes(of)),
    ]


_Sentence: TypeAlias = tuple[str, str, str]
"""What is said, the place on the source's page where there is more of it, and what is said besides."""


def _of_files(of: SourceFacts) -> Iterator[_Sentence]:
    counts, reasons = of.counts, Counter(of.counts["rejected_by_reason"])
    if of.loads and of.loads[0].finished is None:
        yield (
            "The last load has not finished",
            "loads",
            "it is under way, or was cut off: then load again, and it goes on",
        )
    if of.missing:
        what = f"{counted(of.missing, 'file', 'files')} that the index lists"
        yield f"{what} {'is' if of.missing == 1 else 'are'} not there", f"rejected-{Reason.FILE_MISSING}", ""
        del reasons[Reason.FILE_MISSING.value]
    if reasons:
        named = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(_REASONS_NAMED))
        named += ", ..." if len(reasons) > _REASONS_NAMED else ""
        what = f"{reasons.total():,} of {counted(counts['files'], 'file')}"
        yield f"{what} {'is' if reasons.total() == 1 else 'are'} not let in", "rejected", named
    for reason in _CLAIMED_TWICE:
        if count := reasons[reason.value]:
            what = f"{counted(count, 'file claims', 'files claim')} to be a signature that another one is, too"
            yield what, f"rejected-{reason}", ""


def _of_signatures(of: SourceFacts) -> Iterator[_Sentence]:
    counts = of.counts
    if counts["stale"]:
        what = f"{counted(counts['stale'], 'signature is', 'signatures are')} stale"
        yield what, "stale", "what was loaded stands, but its file is not let in any more"
    if of.relabelled:
        what = f"{counted(of.relabelled, 'signature is', 'signatures are')} genuine here and forged there"
        yield what, "identical", "the very same content has both labels"
    if of.identical_count:
        what = f"{counted(of.identical_count, 'signature has', 'signatures have')} the very content of another one"
        yield what, "identical", ""
    if counts["without_genuine"]:
        what = f"{counted(counts['without_genuine'], 'signee')} without a genuine signature"
        yield what, "without-genuine", f"of {counted(counts['signees'], 'signee')}"
    if of.parents_missing_count:
        count = of.parents_missing_count
        what = f"{counted(count, 'forgery imitates a signature', 'forgeries imitate signatures')} not here"
        yield what, "parents-missing", ""


def _of_sizes(of: SourceFacts) -> Iterator[_Sentence]:
    """Where a program could tell the genuine from the forged ones by the scanner, not by the hand."""
    for what, told in (("widths", "wide"), ("heights", "high")):
        series = of.spread.series(what)
        if all(numbers.total() >= _ENOUGH for numbers in series.values()) and len(series) == len(Authenticity):
            medians = {name: max(1, numbers.quantile(0.5)) for name, numbers in series.items()}
            (low, smaller), (high, larger) = sorted((median, name) for name, median in medians.items())
            if high >= _OF_ANOTHER_SIZE * low:
                times = f"{high / low:.1f}".removesuffix(".0")
                yield (
                    f"Half of the {larger} pictures are {times} times as {told} as half of the {smaller} ones",
                    "spread",
                    f"medians of {high:,} and {low:,} pixels",
                )


def _of_sheets(of: SourceFacts) -> Iterator[_Sentence]:
    if of.doubts:
        kinds = Counter(doubt.what for doubt in of.doubts)
        what = f"{counted(len(of.doubts), 'signature looks', 'signatures look')} odd on the contact sheets"
        yield what, "odd", ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())


def _notes(of: SourceFacts) -> Iterator[_Sentence]:
    counts = of.counts
    if counts["blank"]:
        verb = "is a placeholder" if counts["blank"] == 1 else "are placeholders"
        yield f"{counts['blank']:,} of {counted(counts['images'], 'picture')} {verb} of no bytes", "spread", ""
    if of.single_genuine:
        what = f"{counted(of.single_genuine, 'signee has', 'signees have')} one genuine signature alone"
        yield what, "spread", "there is no genuine pair of theirs"
    if counts["signatures"] and not counts["forged"]:
        yield "There are no forgeries", "spread", ""
    if counts["retired"]:
        what = f"{counted(counts['retired'], 'signature is', 'signatures are')} retired"
        yield what, "retired", "no file is there any more"
