"""Files' names as text that can be printed and stored, and back."""

from __future__ import annotations

from collections.abc import Iterator


def all_shown(names: list[str]) -> list[str]:
    """Each of them as `shown`."""
    if _is_plain("".join(names)):
        return names
    return [shown(name) for name in names]


def shown(name: str) -> str:
    """A file's name as text that can be printed and stored: what cannot is escaped, and so is the backslash."""
    return name if _is_plain(name) else "".join(_escaped(character) for character in name)


def raw(path: str) -> str:
    """The opposite of `shown`."""
    return "".join(_unescaped(path)) if "\\" in path else path


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
