"""Names that stand for others in one export: without its key nobody can tell which, nor recognise them elsewhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sigid.errors import SettingError
from sigid.private import write_whole

_KEY_BYTES = 32
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Pseudonyms under a key: a hash with the key, because the ids themselves follow from numbers that can be tried."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(_KEY_BYTES), repr=False)

    @classmethod
    def kept_in(cls, file: Path) -> Pseudonyms:
        """Those under the key in the file, which is made, with a random key, where it is missing.

        Raises SettingError where something else is in it.
        """
        if not file.exists():
            write_whole(str(file), [secrets.token_hex(_KEY_BYTES).encode() + b"\n"])
        content = file.read_bytes()
        if not re.fullmatch(rb"[0-9a-f]{64}\n?", content):
            raise SettingError(
                f"{file} holds no key of an export (64 hexadecimal digits); name a file that is not there"
            )
        return cls(bytes.fromhex(content.decode()))

    def of(self, what: str, *names: str) -> str:
        """The pseudonym of what has these names, 32 hexadecimal digits. `what` has at most 16 letters."""
        name = _SEPARATOR.join(names).encode()
        return blake2b(name, key=self.key, digest_size=16, person=what.encode()).hexdigest()

    def column(self, name: str, row: Any) -> str | None:
        """What stands for the row's value in one of the `COLUMNS`; None for None."""
        return COLUMNS[name](self, row)


def _id(what: str, name: str) -> Callable[[Pseudonyms, Any], str | None]:
    return lambda names, row: None if getattr(row, name) is None else names.of(what, getattr(row, name))


def _number(what: str, person: str, name: str) -> Callable[[Pseudonyms, Any], str | None]:
    """Of a person's number: it follows from who he is, so that equal numbers of two people are two pseudonyms."""
    return lambda names, row: None if getattr(row, name) is None else names.of(what, getattr(row, person))


COLUMNS: Mapping[str, Callable[[Pseudonyms, Any], str | None]] = {
    "id": _id("signature", "id"),
    "parent_id": _id("signature", "parent_id"),
    "signee_id": _id("signee", "signee_id"),
    "signee": _number("signee's number", "signee_id", "signee_external_id"),
    "forger_id": _id("forger", "forger_id"),
    "forger": _number("forger's number", "forger_id", "forger_external_id"),
    "collection": lambda names, row: names.of("collection", row.source, row.signee_collection),
    "sample": _number("sample", "id", "sample"),
}
"""The columns that have pseudonyms in them, each with how it is made."""
