"""Files' names as text that can be printed and stored, and back: UTF-8, whatever the locale takes names for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

_LOCALE_IS_UTF8 = sys.getfilesystemencoding().lower() == "utf-8"


def all_shown(names: list[str]) -> list[str]:
    """Each of them as `shown`; the same list where nothing is to be escaped."""
    if _LOCALE_IS_UTF8 and _is_plain("".join(names)):
        return names
    return [shown(name) for name in names]


def shown(name: str) -> str:
    """A file's name as text that can be printed and stored: what cannot is escaped, and so is the backslash."""
    if not _LOCALE_IS_UTF8:
        name = os.fsencode(name).decode("utf-8", "surrogateescape")
    return name if _is_plain(name) else "".join(_escaped(character) for character in name)


def all_raw(names: Sequence[str]) -> Sequence[str]:
    """Each of them as `raw`."""
    return names if _LOCALE_IS_UTF8 and "\\" not in "".join(names) else [raw(name) for name in names]


def raw(path: str) -> str:
    """The opposite of `shown`."""
    name = "".join(_unescaped(path)) if "\\" in path else path
    return name if _LOCALE_IS_UTF8 else os.fsdecode(name.encode("utf-8", "surrogateescape"))


def _is_plain(text: str) -> bool:
    return text.isprintable() and "\\" not in text


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as os.fsdecode gives it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\U{code:08x}"


def _unescaped(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        if text[at] != "\\":
            yield text[at]
            at += 1
        elif text[at + 1] == "\\":
            yield "\\"
            at += 2
        elif text[at + 1] == "x":
            yield chr(0xDC00 + int(text[at + 2 : at + 4], 16))
            at += 4
        else:
            yield chr(int(text[at + 2 : at + 10], 16))
            at += 10
