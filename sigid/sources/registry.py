"""The sources that there are. A new one is a module and a line here; everything else picks it up by itself."""

from __future__ import annotations

from sigid.sources.base import Source
from sigid.sources.source_a import SourceA
from sigid.sources.source_b import SourceB

SOURCES: tuple[Source, ...] = (
    SourceA(),
    SourceB(),
)
