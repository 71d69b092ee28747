"""What a signature's row, and the rows around it, say that cannot all be true: rules, without a database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sigid.identity import Authenticity, Kind, Modality, PersonKey, derive_id, signature_key
from sigid.warehouse.finding import BACKUP, rehash


class Facts(NamedTuple):
    """What is stored of one signature, in its row and in those around it."""

    id: str
    source: str
    signee_id: str | None
    """None where the signee is not there."""
    signee: PersonKey | None
    """None where he has no key, or is not there."""
    has_forger: bool
    forger_id: str | None
    """None where there is none, or where he is not there."""
    forger: PersonKey | None
    parent_id: str | None
    kind: str
    modality: str
    authenticity: str
    sample: str | None
    is_asset: bool
    blank: bool
    picture: tuple[object, object, object]
    """Width, height and mode."""
    point_count: int | None
    points: tuple[float, ...]
    """How many numbers each of the three coordinates has; nothing where there is no trajectory."""
    metadata: str | None
    content_hash: str | None
    created: object
    retired_at: object
    """The times as the database has them."""
    stale: bool
    lines: int
    """How many lines of the ledger have it; some of them are of files that are loaded or rejected."""
    loaded: int
    rejected: int
    file_hash: str | None
    """The hash of the content that the line of a loaded file has."""

    @property
    def retired(self) -> bool:
        """Whether it is retired, whenever that was."""
        return self.retired_at is not None

    @property
    def is_derived(self) -> bool:
        """Whether the id follows from the key. Where that is not known, or its people's ids don't follow, it may."""
        people = (("signee", self.signee_id, self.signee), ("forger", self.forger_id, self.forger))
        sound = all(key is None or id_ == derive_id(kind, str(key)) for kind, id_, key in people)
        named = self.signee is not None and (self.forger is not None or not self.has_forger)
        if not sound or not named or self.signee is None or self.sample is None or not self._is_spoken_of:
            return True
        key = signature_key(Kind(self.kind), self.signee, Authenticity(self.authenticity), self.forger, self.sample)
        return self.id == derive_id("signature", key)

    @property
    def _is_spoken_of(self) -> bool:
        return self.kind in list(Kind) and self.authenticity in list(Authenticity)


def contradictions(facts: Facts) -> Iterator[tuple[str, str]]:
    """What is wrong with it, each with the way out of that."""
    by_file = rehash(facts.source) if facts.loaded else BACKUP
    for what in _of_rows(facts):
        yield what, by_file
    for what in _of_ledger(facts):
        yield what, by_file
    for what in _beyond_files(facts):
        yield what, BACKUP


def _of_rows(facts: Facts) -> Iterator[str]:
    """What a file could say anew."""
    if facts.signee_id is None:
        yield "its signee is not in the warehouse"
    if facts.has_forger and facts.forger_id is None:
        yield "its forger is not in the warehouse"
    if facts.signee is not None and facts.signee.source != facts.source:
        yield "its signee is of another source"
    if not facts.is_derived:
        yield "its id does not follow from whose it is, who wrote it, and which sample it is"
    for word, words in ((facts.kind, Kind), (facts.modality, Modality), (facts.authenticity, Authenticity)):
        if word not in list(words):
            yield f"its {words.__name__.lower()} is none that there is"
    if facts.authenticity == Authenticity.GENUINE and (facts.has_forger or facts.parent_id):
        yield "it is genuine, and imitates something"
    if facts.parent_id == facts.id:
        yield "it imitates itself"
    if not _is_object(facts.metadata):
        yield "its metadata is no JSON object"
    yield from _of_points(facts) if facts.kind == Kind.XYZ else _of_picture(facts)


def _of_points(facts: Facts) -> Iterator[str]:
    if not facts.points:
        yield "its points are not in the warehouse"
    elif min(facts.points) >= 0 and set(facts.points) != {facts.point_count}:
        counts = ", ".join(f"{number:g}" for number in facts.points)
        yield f"it has {facts.point_count} points, and its x, y and z have {counts} numbers"
    if facts.point_count is None or facts.point_count < 1:
        yield "it is a trajectory of no points"
    if facts.blank or facts.picture != (None, None, None):
        yield "it is a trajectory, and says what a picture is like"


def _of_picture(facts: Facts) -> Iterator[str]:
    width, height, mode = facts.picture
    if facts.point_count is not None:
        yield "it is a picture, and counts points"
    if facts.blank and facts.picture != (None, None, None):
        yield "it is blank, and has a size or a mode"
    elif facts.loaded and not facts.blank and None in facts.picture:
        yield "its width, height or mode is missing"
    if any(isinstance(size, int) and size < 1 for size in (width, height)) or mode == "":
        yield "its width, height or mode is none"


def _of_ledger(facts: Facts) -> Iterator[str]:
    if facts.loaded > 1:
        yield f"{facts.loaded} loaded files are this one signature"
    if facts.loaded and facts.retired:
        yield "it is retired, and its file is loaded"
    if facts.loaded and facts.content_hash != facts.file_hash:
        yield "the ledger and the signature have different hashes of its content"
    if facts.stale and not facts.retired and (facts.loaded or not facts.rejected):
        yield "it is stale, and no rejected file was it"
    if not facts.retired and facts.lines and not facts.loaded and not (facts.stale and facts.rejected):
        yield "it is neither retired nor stale, and no loaded file is it any more"


def _beyond_files(facts: Facts) -> Iterator[str]:
    """What no file could say anew."""
    if facts.kind == Kind.IMAGE and not facts.is_asset:
        yield "it is a picture without an asset"
    if min(facts.points, default=0) < 0:
        yield "a coordinate of it is no list of numbers"
    if facts.kind == Kind.IMAGE and facts.points:
        yield "it is a picture, and has points"
    if not _is_time(facts.created) or not (facts.retired_at is None or _is_time(facts.retired_at)):
        yield "a time of it is none"


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, datetime) or bool(datetime.fromisoformat(str(value)))
    except ValueError:
        return False


def _is_object(text: str | None) -> bool:
    try:
        return text == "{}" or isinstance(json.loads(text or ""), dict)
    except ValueError:
        return False
