"""What a dataset's names mean now: the index is read where there is one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from sigid.errors import DatasetError, Reason, Rejected
from sigid.pipeline.extract import read_file
from sigid.sources.base import Claim, Names, Source

_INDEX_MAX_BYTES = 2**30


class NoNames:
    """The names of a dataset that is gone with its index."""

    def claim(self, path: str) -> Claim:
        """Nothing."""
        raise Rejected(Reason.NOT_LISTED, f"there is no index, and so nothing says what {path} is")

    def expected(self) -> Iterable[str]:
        """Nothing."""
        return ()

    def whose(self, path: str) -> Iterable[str]:
        """Nobody's."""
        return ()

    def only(self, paths: Collection[str]) -> Names:
        """All of it."""
        return self


def names_of(
    source: Source, root: str, put_down: Callable[[bytes, bytes], None] = lambda _content, _stamp: None
) -> Names:
    """What the names mean. `put_down` is told the content and the stamp of the index, if there is one.

    Raises DatasetError where the index can't be trusted.
    """
    index = source.index
    if index is None:
        return source.names(None)
    try:
        content, stamp = read_file(root, index, "index", _INDEX_MAX_BYTES)
    except FileNotFoundError:
        raise DatasetError(f"{root} has no {index}, which says what its files are; nothing is touched") from None
    except Rejected as rejected:
        raise DatasetError(f"{root}/{index} cannot be read: {rejected.detail}; nothing is touched") from rejected
    put_down(content, stamp)
    try:
        return source.names(content)
    except DatasetError as error:
        raise DatasetError(f"{root}: {error}; nothing is touched until then") from error
