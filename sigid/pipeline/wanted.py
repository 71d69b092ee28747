"""Who, or what, is to be erased: as somebody names it, or as a file tells that another warehouse has exported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from sigid.errors import NotKnown, SettingError
from sigid.identity import SERVICE, PersonKey, derive_id
from sigid.pipeline.ground import Ground
from sigid.private import write_whole
from sigid.settings import Settings
from sigid.sources.signees import doubt
from sigid.warehouse.database import open_database
from sigid.warehouse.erasure import Erasure, erasures, tombstones_of
from sigid.warehouse.session import Session, in_batches, marks
from sigid.warehouse.tombstones import Tombstone, Tombstones, new_key

_FORMAT = "sigid erasures, version 1"
_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_SHA256 = "[0-9a-f]{64}"


class New(NamedTuple):
    """What is to be erased besides what was before."""

    erasures: Collection[Erasure] = ()
    in_advance: Sequence[str] = ()
    """How those of them were named of whom nothing is known yet."""


Wanted: TypeAlias = Callable[[Ground, Session, Sequence[Erasure]], New]
"""What is to be erased, given what was erased before."""


def named(signees: Iterable[str], signatures: Iterable[str], *, in_advance: bool = False) -> Wanted:
    """Signees, by their keys or ids, and signatures, by their ids.

    Raises SettingError where one is neither. When they are looked for, raises NotKnown where one is neither in the
    warehouse nor among the files, nor was erased before, unless it is `in_advance` and he may be still to come.
    """
    keys = {_signee_id(text): PersonKey.parse(text) for text in signees if not re.fullmatch(_ID, text)}
    ids = {_signee_id(text): text for text in signees} | {_signature_id(text): text for text in signatures}

    def wanted(ground: Ground, session: Session, before: Sequence[Erasure]) -> New:
        unknown = _unknown(ids, ground, session, tombstones_of(before))
        others = {SERVICE, *(source for (source,) in session.select("SELECT DISTINCT source FROM signee"))}
        doubts = {ids[id_]: why for id_ in unknown if id_ in keys if (why := doubt(keys[id_], others))}
        if doubts:
            raise NotKnown("; ".join(f"{text}: {why}" for text, why in doubts.items()) + "; nothing was erased")
        if unknown and not in_advance:
            raise NotKnown(
                f"{', '.join(sorted(unknown.values()))}: neither in the warehouse nor among the files; nothing was "
                "erased. A signee is written like source_a/online/genuine/1, a signature as its id; "
                "to refuse somebody who is still to come, say --in-advance"
            )
        hmac_key = before[0].tombstone.hmac_key if before else new_key()
        now = datetime.now(UTC)
        return New([Erasure(Tombstone.of(id_, hmac_key), now) for id_ in ids], sorted(unknown.values()))

    return wanted


def _signee_id(text: str) -> str:
    if re.fullmatch(_ID, text):
        return text
    try:
        return derive_id("signee", str(PersonKey.parse(text)))
    except ValueError as error:
        raise SettingError(f"--signee: {error}") from error


def _signature_id(text: str) -> str:
    if re.fullmatch(_ID, text):
        return text
    raise SettingError(f"--signature: {text!r} is not the id of a signature, which has 26 letters and digits")


def _unknown(ids: dict[str, str], ground: Ground, session: Session, before: Tombstones) -> dict[str, str]:
    """Those of the ids that nothing is known of."""
    unknown = {id_: text for id_, text in ids.items() if id_ not in before}
    for table in ("signee", "signature"):
        for some in in_batches(list(unknown)):
            for (id_,) in list(session.select(f"SELECT id FROM {table} WHERE id IN ({marks(some)})", some)):  # noqa: S608  # our own names, and marks for values
                del unknown[id_]
    if unknown:
        for source, path in ground.files():
            for id_ in ground.whose(source.name, path):
                unknown.pop(id_, None)
    return unknown


def exported(file: Path) -> Wanted:
    """What the file tells of, which another warehouse, or this one before it was restored, has exported.

    Raises SettingError where it is no such file.
    """
    try:
        facts = json.loads(file.read_bytes())
        if facts["format"] != _FORMAT:
            raise ValueError("another format")
        each = [_parsed(**erasure) for erasure in facts["erasures"]]
    except OSError as error:
        raise SettingError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise SettingError(f"{file} is not what `doit erase --export` writes; nothing was erased") from error
    return lambda _ground, _session, _before: New(each)


def _parsed(mac: str, hmac_key: str, erased: str) -> Erasure:
    if not (re.fullmatch(_SHA256, mac) and re.fullmatch(_SHA256, hmac_key)):
        raise ValueError("no HMAC-SHA256")
    return Erasure(Tombstone(mac, hmac_key), datetime.fromisoformat(erased).astimezone(UTC))


def export(settings: Settings, file: Path) -> int:
    """Write all erasures of the warehouse, with no name or id in it, for `exported`. Returns how many there are."""
    with closing(open_database(settings.warehouse)) as database, database.session() as session:
        each = [{**erasure.tombstone._asdict(), "erased": erasure.erased.isoformat()} for erasure in erasures(session)]
    write_whole(str(file), [json.dumps({"format": _FORMAT, "erasures": each}, indent=1).encode()])
    return len(each)
