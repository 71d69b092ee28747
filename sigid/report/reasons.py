"""What each reason code says, in a line."""

from __future__ import annotations

from sigid.errors import Reason

MEANINGS: dict[Reason, str] = {
    Reason.NAME_NOT_UNDERSTOOD: "the name is not of the source's convention",
    Reason.IDENTITY_CONFLICT: "another file claims to be the same signature; neither is loaded while both stand",
    Reason.NOT_LISTED: "the index does not list it",
    Reason.FILE_MISSING: "the index lists it, and it is not there",
    Reason.SHARED_FILE: "the index lists two signatures whose file this would be",
    Reason.PARENT_UNKNOWN: "what it is said to imitate is nowhere in the index",
    Reason.PARENT_FORGED: "what it is said to imitate is a forgery itself",
    Reason.PARENT_IS_SELF: "it is said to imitate itself",
    Reason.PARENT_CYCLE: "what it is said to imitate imitates it",
    Reason.SYMLINK: "a link; it is not followed",
    Reason.NOT_REGULAR: "no regular file; it is not opened",
    Reason.TOO_DEEP: "it lies below too many folders, or its path is too long",
    Reason.UNREADABLE: "the system did not give it out, or reading it crashed or hung",
    Reason.UNSTABLE: "it changed while it was read, three times",
    Reason.EMPTY: "it has no content",
    Reason.TOO_LARGE: "it has more than a signature can have",
    Reason.MALFORMED_LINE: "a line is not numbers between commas",
    Reason.WRONG_COLUMN_COUNT: "a line is not three numbers",
    Reason.NOT_FINITE: "a number is infinite, or none at all",
    Reason.OUT_OF_RANGE: "a number is too large",
    Reason.NOT_PNG: "it is no PNG",
    Reason.TRUNCATED: "its end is missing",
    Reason.DAMAGED: "a checksum or the pixels' data is wrong",
    Reason.TRAILING_DATA: "something follows its end",
    Reason.TOO_MANY_PIXELS: "it is more than 25 megapixels",
    Reason.ANIMATED: "it has more than one frame",
}
"""Of every code there is."""
