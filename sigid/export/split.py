"""Who is trained on, and who is kept for validation and test: decided by the signee's id and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from sigid.errors import SettingError

_MOST = 1_000_000


class Split(StrEnum):
    """What the signatures of a signee are for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Shares(NamedTuple):
    """How many of so many signees each split gets, on average."""

    train: int = 80
    validation: int = 10
    test: int = 10

    @classmethod
    def parse(cls, text: str) -> Shares:
        """Read three whole numbers such as ``80,10,10``. Raises SettingError for anything else, and for three zeros."""
        parts = text.split(",")
        plain = all(part.isascii() and part.isdigit() and len(part) <= 7 for part in parts)
        if len(parts) != 3 or not plain or max(map(int, parts)) > _MOST or not any(map(int, parts)):
            raise SettingError(
                f"the shares {text!r} are not three whole numbers up to {_MOST:,} for train, validation and test; "
                "write them like 80,10,10"
            )
        return cls(*map(int, parts))


DEFAULT_SHARES = Shares()


@dataclass(frozen=True, slots=True)
class Splits:
    """Puts each signee into a split. No other signee has a say in it, so those who are added move nobody.

    A signee keeps his place on the scale as long as the seed stands; other shares move the marks on it.
    """

    seed: str
    shares: Shares

    def of(self, signee_id: str) -> Split:
        """The split of that signee."""
        place = int.from_bytes(blake2b(signee_id.encode(), key=self._key, digest_size=8).digest(), "big")
        mark = 0
        for split, share in zip(Split, self.shares, strict=True):
            mark += share
            if place * sum(self.shares) < mark << 64:
                return split
        raise AssertionError("every place is below the last mark")

    @property
    def _key(self) -> bytes:
        return blake2b(self.seed.encode(errors="surrogateescape"), digest_size=32, person=b"sigid split").digest()
