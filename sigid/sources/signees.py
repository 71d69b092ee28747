"""Whether a file of some source could be of a signee, by his key alone."""

from __future__ import annotations

from collections.abc import Collection

from sigid.identity import PersonKey
from sigid.sources.registry import SOURCES


def doubt(key: PersonKey, others: Collection[str]) -> str:
    """Why no file could be of that signee, and what to write instead; nothing where one could.

    Of sources that are registered otherwise than from files, the `others`, any key may be somebody's.
    """
    source = next((each for each in SOURCES if each.name == key.source.strip().lower()), None)
    if key.source in others and (source is None or source.name != key.source):
        return ""
    if source is None:
        names = ", ".join(sorted({each.name for each in SOURCES}.union(others)))
        return f"there is no source {key.source!r}; there are {names}"
    try:
        meant = source.meant(key._replace(source=source.name))
    except ValueError as error:
        return f"no file of {source.name} can be of that signee; {error}"
    return "" if meant == key else f"no file of {source.name} can be of one who is written so; say {meant}"
