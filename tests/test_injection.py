"""Whatever a name, an index or a text says, to the database it is a value, and to who reads it one line."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from sigid import NewXYZSignature
from sigid.errors import DatasetError, Reason
from sigid.pipeline.escape import shown
from sigid.report import findings, rejects, steps
from sigid.warehouse.finding import Finding, Mark
from sigid.warehouse.records import TABLES
from tests.trees import THREE_POINTS, Anything, Site, site_a, site_b, uuid

pytestmark = pytest.mark.usefixtures("on_every_database")

STRINGS = [
    "'",
    '"',
    "`",
    "''",
    "\\",
    "\\'",
    "--",
    "';--",
    "' OR '1'='1",
    '" OR ""="',
    "'; DROP TABLE signature; --",
    '"; DROP TABLE signature; --',
    "`; DROP TABLE signature; --",
    "'); DELETE FROM signature; --",
    "' UNION SELECT id, id FROM signee --",
    "$$; DROP TABLE signature; $$",
    "$1",
    "%s",
    "%(id)s",
    "%",
    "_",
    "?",
    ":id",
    "{id}",
    "{0.__class__}",
    "${SIGID_WAREHOUSE}",
    "$(id)",
    "`id`",
    "| id",
    "; id",
    "=1+1",
    "@SUM(A1)",
    "-rf",
    "[red]x[/red]",
    ":warning:",
    "<img src=x onerror=alert(1)>",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\r! forged",
    "\n! forged: line",
    "\u2028! forged",
    "\u202egnp",
    "E'\\x41'",
    "/*",
    "*/",
    "NULL",
    "\u0000".replace("\u0000", "\x01"),
]


def lines_of(out: StringIO) -> list[str]:
    """As a terminal or `wc` counts them, and as Python does."""
    text = out.getvalue()
    assert text.count("\n") == len(text.splitlines())
    return text.splitlines()


def names() -> list[str]:
    """Those that can be a file's."""
    return [text.replace("/", "\u2215") for text in STRINGS]


def tables(site: Site) -> set[str]:
    for table in TABLES:
        site.execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608  # of constants
    return set(TABLES)


def test_files_of_any_name_are_literal_rows_and_a_line_each(tmp_path: Path) -> None:
    site = site_a(tmp_path, {f"Online/Genuine/{name}.HWR": THREE_POINTS for name in names()})
    expected = {f"Online/Genuine/{shown(name)}.HWR" for name in names()}
    out = StringIO()
    steps.write("source_a", site.plan(), out)
    assert len(lines_of(out)) == len(expected) + 1

    assert site.counts() == {"rejected": len(expected)}

    assert {path for (path,) in site.execute("SELECT path FROM source_file")} == expected
    out = StringIO()
    with site.warehouse() as warehouse:
        rejects.write(warehouse.rejections(), out)
    assert len(lines_of(out)) == len(expected)
    assert site.counts() == {"rejected": len(expected)}
    assert site.verify() == []


def test_files_of_any_name_that_are_signatures_are_loaded_changed_and_retired(tmp_path: Path) -> None:
    site = Site(tmp_path, Anything()).write({f"{name}/{name}": THREE_POINTS for name in names() if len(name) < 100})
    number = len(list(site.root.rglob("*"))) // 2

    assert site.counts() == {"added": number}
    assert site.counts() == {"unchanged": number}
    site.remove(f"{names()[10]}/{names()[10]}")
    assert site.counts() == {"unchanged": number - 1, "retired": 1}
    assert site.verify() == []


@pytest.mark.parametrize("place", ["id", "parent", "count"])
def test_an_index_with_anything_in_the_place_of_an_id_is_refused_in_one_line(tmp_path: Path, place: str) -> None:
    site = site_b(tmp_path)
    site.load()
    digest = site.digest()

    for text in STRINGS:
        written = {"id": f"1\n{text}    \n", "parent": f"1\n{uuid(1)}    {text}\n", "count": f"{text}\n{uuid(1)}    \n"}
        site.write({"INDEX": written[place].encode()})
        with pytest.raises(DatasetError) as refused:
            site.load()
        assert len(str(refused.value).splitlines()) == 1, text
        assert str(refused.value).isprintable(), text

    assert site.digest() == digest


def test_keys_samples_and_metadata_of_any_text_are_literal_values(tmp_path: Path) -> None:
    site = Site(tmp_path)
    texts = [text for text in STRINGS if text.strip() and text.isprintable() and "/" not in text]

    with site.warehouse() as warehouse:
        for text in texts:
            new = [NewXYZSignature(points=[(1, 2, 3)], sample=text, metadata={text: text})]
            warehouse.service().register_signatures(new, f"service/{text}/{text}")

        for text in texts:
            (found,) = warehouse.signatures(signee=f"service/{text}/{text}")
            assert (found.sample, found.metadata) == (text, {text: text})
        assert len(list(warehouse.signatures())) == len(texts)
        assert list(warehouse.signatures(source="' OR '1'='1")) == []
        assert list(warehouse.rejections(source="' OR '1'='1")) == []
    assert tables(site) == TABLES
    assert {text for (text,) in site.execute("SELECT external_id FROM signee")} == set(texts)


@pytest.mark.parametrize("text", STRINGS)
def test_what_a_verification_finds_is_one_line(text: str) -> None:
    line = findings.line(Finding(Mark.WRONG, text, text, text))

    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_a_rejection_keeps_its_reason_beside_any_name(tmp_path: Path) -> None:
    site = site_a(tmp_path, {f"Online/Genuine/{name}.HWR": b"" for name in names()})

    site.load()

    assert set(site.rejections().values()) == {Reason.NAME_NOT_UNDERSTOOD}
