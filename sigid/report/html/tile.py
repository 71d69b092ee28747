"""A signature on a contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from sigid.entity import AnySignature, ImageSignature
from sigid.errors import DatasetError
from sigid.report.html.ink import Ink, drawn
from sigid.report.html.thumbnail import Thumbnail, thumbnail
from sigid.report.html.words import counted

ReadPicture: TypeAlias = Callable[[str, str, str | None], bytes]
"""The file of a picture, by its source, its path in that and its content's hash. Raises DatasetError."""


class Tile(NamedTuple):
    """What is shown of a signature: a picture, or ink, or why there is nothing; and what is odd about it."""

    title: str
    facts: str
    path: str | None
    stale: bool = False
    doubt: str | None = None
    picture: Thumbnail | None = None
    ink: Ink | None = None
    nothing: str | None = None


def tile_of(signature: AnySignature, path: str | None, read: ReadPicture) -> Tile:
    """The signature, whose file has that path in its source, if it was loaded from one."""
    by = f"by forger {signature.forger.external_id}, " if signature.forger else ""
    title = f"{by}sample {signature.sample}" if signature.sample else f"{by}{signature.id}"
    if not isinstance(signature, ImageSignature):
        ink = drawn(signature.points.array)
        return Tile(title, counted(len(signature.points), "point"), path, signature.stale, ink.doubt, ink=ink)
    if signature.blank:
        return Tile(title, "placeholder of no bytes", path, signature.stale, nothing="no picture yet")
    facts = f"{signature.width} x {signature.height}, {signature.mode}"
    if path is None:
        return Tile(title, facts, path, nothing="registered without a file")
    try:
        picture = thumbnail(read(signature.source, path, signature.content_hash))
    except (DatasetError, ValueError) as error:
        doubt = None if signature.stale else "its file cannot be shown"
        return Tile(title, facts, path, signature.stale, doubt, nothing=str(error))
    return Tile(title, facts, path, signature.stale, picture.doubt, picture=picture)
