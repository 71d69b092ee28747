"""What was erased is left out of what a scan sees, though the files may still lie there, and of what is kept of it.

Which files these are is asked once: the digest of a walk is kept, with that of what was left of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sigid.pipeline.facts import UNASKED
from sigid.pipeline.folder import Folder
from sigid.pipeline.listing import Listing
from sigid.pipeline.workplace import Workplace
from sigid.private import write_whole
from sigid.sources.base import Names, Source
from sigid.warehouse.tombstones import Tombstone, Tombstones

FORMAT_VERSION = 1


class Remembered(NamedTuple):
    """What is kept of the warehouse's tombstones in the build folder. It is a cache: a load mends it.

    But where the warehouse is made anew, nothing else knows them any more (see `lost`).
    """

    tombstones: Tombstones = Tombstones()
    walk: str = ""
    """The digest of a listing, with what was erased in it."""
    listing: str = ""
    """The digest of the same listing without that."""
    warehouse: str = ""
    """The warehouse's place, which tells it from others that are loaded with this build folder."""

    def digest(self, walk: str) -> str:
        """The digest of what is left of the listing of that digest, as far as that is known."""
        return self.listing if walk == self.walk else walk


NOTHING = Remembered()


def read(place: Workplace) -> Remembered:
    """What is kept; nothing where there is nothing that can be used."""
    try:
        facts = json.loads(place.erased.read_bytes())
        if facts["version"] != FORMAT_VERSION:
            return NOTHING
        tombstones = Tombstones(Tombstone(*each) for each in facts["tombstones"])
        return Remembered(tombstones, str(facts["walk"]), str(facts["listing"]), str(facts.get("warehouse", "")))
    except (OSError, ValueError, TypeError, KeyError):
        return NOTHING


def write(place: Workplace, remembered: Remembered) -> None:
    """Keep it; where nothing was erased there is nothing to be kept."""
    if not remembered.tombstones:
        place.erased.unlink(missing_ok=True)
        return
    tombstones = sorted(remembered.tombstones.each)
    facts = {"version": FORMAT_VERSION, **remembered._asdict(), "tombstones": tombstones}
    write_whole(str(place.erased), [json.dumps(facts).encode()])


def leave_out(found: Listing, source: Source, names: Names, tombstones: Tombstones) -> None:
    """Take the files of what was erased out of the listing, and note their paths there.

    Those that the stored listing had, too, are passed over where it was without the same already, and the names still
    mean what they meant.
    """
    if not tombstones:
        return
    is_known = source.index is None and found.without == tombstones
    for folder in found.folders:
        asked = _unasked(folder) if is_known else range(len(folder.names))
        erased = {index for index in asked if tombstones.cover(names.whose(folder.path_of(index)))}
        if erased:
            found.erased += map(folder.path_of, sorted(erased))
            folder.keep([index for index in range(len(folder.names)) if index not in erased])
    found.folders = [folder for folder in found.folders if folder.names]
    found.without = tombstones


def _unasked(folder: Folder) -> Sequence[int]:
    if UNASKED not in folder.claims:
        return ()
    return [index for index, claim in enumerate(folder.claims) if claim == UNASKED]
