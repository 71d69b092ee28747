"""Erasures that the build folder tells of and the warehouse does not: made anew, it would let everybody in again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sigid.errors import WarehouseError
from sigid.pipeline import erased
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.warehouse.erasure import Erasure, has_any_of
from sigid.warehouse.location import place_of
from sigid.warehouse.session import Session
from sigid.warehouse.tombstones import Tombstones


class Lost(NamedTuple):
    """Erasures that a warehouse was to know of."""

    erasures: tuple[Erasure, ...] = ()
    told_by: str = ""
    """The files that tell of them."""
    takes_away: bool = False
    """Whether the warehouse has something of the source, and so perhaps of what was erased."""

    def refuse(self, warehouse: str) -> None:
        """Raise WarehouseError where only an erasure may take them over."""
        if self.takes_away:
            raise self.problem(warehouse, "as if it were restored from a backup")

    def problem(self, warehouse: str, why: str) -> WarehouseError:
        """What is said of them where they are not taken over."""
        return WarehouseError(
            f"the warehouse {warehouse} lacks {len(self.erasures)} erasures that {self.told_by} tell of, {why}: "
            "`doit erase` does them again; to have them undone, delete these files"
        )


def lost_by(session: Session | None, source: Source, settings: Settings, known: Tombstones) -> Lost:
    """What is told of in the source's build folder, and not `known` to the warehouse, which may not be there yet.

    One that has nothing of the source is new, and is to know it. In one that has, a tombstone that was put down stays:
    where it is the one that is told of, it is not what it was. Another one in use has erasures of its own.
    """
    remembered = erased.read(Workplace.of(source, settings))
    missing = sorted(remembered.tombstones.each - known.each)
    if not missing:
        return Lost()
    takes_away = session is not None and has_any_of(session, source.name)
    if takes_away and remembered.warehouse != place_of(settings.warehouse):
        return Lost()
    now = datetime.now(UTC)
    return Lost(tuple(Erasure(each, now) for each in missing), f"{settings.build}/*/erased", takes_away)
