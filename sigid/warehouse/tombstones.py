"""Tombstones: what was erased, told to nobody who does not ask for it by its id."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from typing import NamedTuple

_KEY_BYTES = 32


class Tombstone(NamedTuple):
    """That a signee, or a signature, was erased: the HMAC-SHA256 of the id, and the key of that, in hex."""

    mac: str
    hmac_key: str

    @classmethod
    def of(cls, id_: str, hmac_key: str) -> Tombstone:
        """The tombstone of that id. Raises ValueError where the key is not hexadecimal."""
        return cls(_mac(id_, bytes.fromhex(hmac_key)).hex(), hmac_key)


class Tombstones:
    """Some tombstones, whatever keys they were made with; most often it is one."""

    def __init__(self, each: Iterable[Tombstone] = ()) -> None:
        """Raises ValueError where one is not hexadecimal."""
        self.each = frozenset(each)
        self._macs_by_key: dict[bytes, set[bytes]] = {}
        for mac, hmac_key in self.each:
            self._macs_by_key.setdefault(bytes.fromhex(hmac_key), set()).add(bytes.fromhex(mac))

    def __eq__(self, other: object) -> bool:
        return self.each == other.each if isinstance(other, Tombstones) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.each)

    def __bool__(self) -> bool:
        return bool(self.each)

    def __contains__(self, id_: str) -> bool:
        """Whether what has that id was erased."""
        return any(_mac(id_, hmac_key) in macs for hmac_key, macs in self._macs_by_key.items())

    def cover(self, ids: Iterable[str]) -> bool:
        """Whether one of these was erased."""
        return any(id_ in self for id_ in ids)


def new_key() -> str:
    """A key for a warehouse that has none."""
    return os.urandom(_KEY_BYTES).hex()


def _mac(id_: str, hmac_key: bytes) -> bytes:
    return hmac.digest(hmac_key, id_.encode(), "sha256")
