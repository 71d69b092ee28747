"""Whether a load has anything to do. It is the warehouse that knows, and while its file stands, its last word holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from sigid.pipeline import manifest
from sigid.pipeline.scan import clock, is_at_rest, summary_of
from sigid.pipeline.workplace import Workplace
from sigid.private import write_whole
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.warehouse.fingerprint import holds
from sigid.warehouse.location import stamp_of_file
from sigid.warehouse.reach import FileStamp
from sigid.warehouse.records import SCHEMA_VERSION


def is_current(source: Source, settings: Settings) -> bool:
    """Whether the warehouse holds what the manifest of the source lists, as the last scan has left it.

    What the warehouse answers is kept, with the stamp of its file: to count its rows takes long where there are many.
    """
    place = Workplace.of(source, settings)
    summary = summary_of(place)
    if summary is None or not summary.files or summary.manifest_stamp != manifest.stamp(place):
        return False
    stamp = stamp_of_file(settings.warehouse)  # before the question: what happens meanwhile must not go unseen
    answer = _answer(summary.manifest, stamp)
    if answer and _read(place.answer) == answer:
        return True
    if not holds(settings.warehouse, source.name, summary.manifest):
        return False
    with suppress(OSError):
        if stamp and is_at_rest(stamp.changed, clock(place)):
            write_whole(str(place.answer), [answer])
    return True


def has_answered(manifest: str, place: Workplace, settings: Settings) -> bool:
    """Whether the warehouse's last word was that it holds what this manifest lists, and its file has stood since.

    That is certain until somebody opens it to write.
    """
    answer = _answer(manifest, stamp_of_file(settings.warehouse))
    return bool(answer) and _read(place.answer) == answer


def _answer(manifest: str, stamp: FileStamp | None) -> bytes:
    return f"{manifest} {SCHEMA_VERSION} {' '.join(map(str, stamp))}".encode() if stamp else b""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
