"""Pages: what is put into a template is text, whatever it looks like, and a page asks nobody for anything.

The policy in each page lets a browser load nothing but what is in the page itself: its one style, which is named by
its hash, and pictures that are written into it. No script runs.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sigid.private import write_whole
from sigid.report.html import ink
from sigid.report.html.words import counted
from sigid.report.terminal import printable
from sigid.version import VERSION
from sigid.warehouse.survey import Load

_HERE = Path(__file__).parent


class Pages:
    """Writes pages into a folder."""

    def __init__(self, folder: Path, made: datetime) -> None:
        self.written: list[str] = []
        self._folder = folder
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_shown,
        )
        self._templates.filters.update(n=_number, counted=counted, said=_said, took=_took)
        style = (_HERE / "style.css").read_text(encoding="utf-8")
        self._templates.globals.update(
            style=Markup(style),  # noqa: S704  # our own file
            policy=_policy(style),
            made=_said(made),
            version=VERSION,
            ink_size=(ink.WIDTH, ink.HEIGHT),
        )

    def share(self, **values: Any) -> None:
        """Have all further pages know these."""
        self._templates.globals.update(values)

    def write(self, page: str, template: str, **values: Any) -> None:
        """Write a page of that name."""
        text = self._templates.get_template(template).generate(page=page, **values)
        write_whole(str(self._folder / page), _encoded(text))
        self.written.append(page)


def _encoded(text: Iterator[str]) -> Iterator[bytes]:
    return (part.encode(errors="backslashreplace") for part in text)


def _policy(style: str) -> str:
    hashed = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"


def _shown(value: object) -> object:
    """What cannot be seen, or turns the direction of what follows, is escaped; nothing is shown for None."""
    if value is None:
        return ""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _number(value: int) -> str:
    return f"{value:,}"


def _said(value: object) -> str:
    """A time to the minute; anything else as it is."""
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else str(value)


def _took(load: Load) -> str:
    if load.finished is None:
        return "not finished"
    return f"{(load.finished - load.started).total_seconds():,.1f} s"
