"""What can go wrong, and how it is said.

One bad file is a `Rejected` with a reason code: it is recorded, and the load goes on. Everything else that sigid
refuses is another `SigidError`: it stops the run. Every message names the culprit, the rule and the way out.
"""

from __future__ import annotations

from enum import StrEnum


class SigidError(Exception):
    """Base of everything that sigid raises on purpose; its text is one line made for the user."""


class SettingError(SigidError):
    """A setting has a value that cannot be used."""


class DatasetError(SigidError):
    """A whole dataset cannot be trusted as it stands: its root is missing, or its index contradicts itself."""


class RemovalsWithheld(SigidError):
    """Files are gone, and it is not certain that they were meant to go: nothing was retired."""


class RejectionsStand(SigidError):
    """The load is done, but rejections stand and the caller asked to be strict about them."""


class DamageFound(SigidError):
    """The warehouse does not agree with itself, or with what was loaded into it."""


class BusyError(SigidError):
    """Another process works on the same thing."""


class WarehouseError(SigidError):
    """The warehouse cannot be opened, read or written."""


class ErasedError(SigidError):
    """Who, or what, is to be registered was erased, and is not taken again."""


class NotKnown(SigidError):
    """Who, or what, is named is nowhere to be found."""


class ErasureIncomplete(SigidError):
    """What was to be erased is deleted and does not come back, but files may still hold bytes of it."""


class ConnectionLost(WarehouseError):
    """The server is not there, or no longer: what was under way may be done again, from what was committed."""


class Reason(StrEnum):
    """Why a file is not in the warehouse. The codes are a fixed interface; the README explains each."""

    # What the name or the index says
    NAME_NOT_UNDERSTOOD = "name_not_understood"
    IDENTITY_CONFLICT = "identity_conflict"
    NOT_LISTED = "not_listed"
    FILE_MISSING = "file_missing"
    SHARED_FILE = "shared_file"
    PARENT_UNKNOWN = "parent_unknown"
    PARENT_FORGED = "parent_forged"
    PARENT_IS_SELF = "parent_is_self"
    PARENT_CYCLE = "parent_cycle"
    # What the file system says
    SYMLINK = "symlink"
    NOT_REGULAR = "not_regular"
    TOO_DEEP = "too_deep"
    UNREADABLE = "unreadable"
    UNSTABLE = "unstable"
    # What the bytes say
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    MALFORMED_LINE = "malformed_line"
    WRONG_COLUMN_COUNT = "wrong_column_count"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    NOT_PNG = "not_png"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TRAILING_DATA = "trailing_data"
    TOO_MANY_PIXELS = "too_many_pixels"
    ANIMATED = "animated"


class Rejected(SigidError):
    """One file is not let in.

    `reason` is the code; `detail` is one line of text that names the line or the byte.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Rejected], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)
