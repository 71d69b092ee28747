"""scan: which files are there, and which may have changed, without opening one of them."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import xxhash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sigid.errors import DatasetError, Reason
from sigid.pipeline import extract, manifest, stamps
from sigid.pipeline.escape import raw, shown
from sigid.pipeline.facts import STAMP, UNKNOWN, UNREAD, VOID, hash_of
from sigid.pipeline.folder import Folder, Names
from sigid.pipeline.listing import Listing
from sigid.pipeline.scan import MAX_DEPTH, look, put_down, scan, trusted_stamp
from sigid.pipeline.stored import FORMAT_VERSION, read_summary, store, stored_folders
from sigid.pipeline.workplace import Workplace
from sigid.private import write_whole
from sigid.sources.source_a import SourceA
from tests.trees import (
    SAMPLE_A,
    THREE_POINTS,
    Anything,
    Site,
    later,
    ordinary_user,
    picture,
    site_a,
    snapshot,
    stored_listing,
    trajectory,
)

PROJECT = Path(__file__).parents[1]


def listing_of(paths: Iterable[str]) -> Listing:
    """A listing of files of one stamp."""
    by_folder: dict[str, list[str]] = {}
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, []).append(name)
    folders = [Folder.of(folder, sorted(names)) for folder, names in sorted(by_folder.items())]
    for each in folders:
        each.make_room()
        each.stamps = bytearray(STAMP.pack(1, 2, 3, 4) * len(each.names))
    return Listing(folders)


def paths_in(found: Listing) -> list[str]:
    return [folder.path_of(index) for folder, index in found]


names = st.sampled_from(["a", "a.b", "a-b", "a b", "a!", "a0", "A", "b", "é", "aa", "~", "\uffff", "\U0001f58b"])
trees = st.sets(st.lists(names, min_size=1, max_size=4).map("/".join), max_size=30)


def without_clashes(paths: set[str]) -> set[str]:
    """The paths but those of folders of other paths."""
    return {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}


@given(trees)
@example({"a", "a.b", "a-b", "a/b"})
@example({"a/a", "a.b", "a-b/a", "a/a.b", "a0"})
@example({"a", "a/b", "a/b/c", "a.b/c", "a-b"})
def test_files_are_listed_in_the_order_of_their_paths(paths: set[str]) -> None:
    # In a listing a name may stand for a file and for a folder: nothing in the order depends on there being no such.
    assert paths_in(listing_of(paths)) == sorted(paths)


@settings(max_examples=30, deadline=None)
@given(trees.map(without_clashes))
@example({"a", "a.b", "a-b/c", "x/a", "x/a.b", "x/a-b", "x/b/b"})
def test_a_scan_lists_the_files_that_are_there_in_the_order_of_their_paths(paths: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), Anything()).write(dict.fromkeys(paths, b""))

        found = look(site.source, site.root)

    below_a_folder = {path for path in paths if "/" in path}
    assert paths_in(found) == sorted(shown(path) for path in below_a_folder)
    assert len(found) == len(below_a_folder)


@given(trees, st.data())
def test_a_stored_listing_is_read_back_as_it_was(paths: set[str], data: st.DataObject) -> None:
    found = listing_of(paths)
    for folder, index in found:
        folder.record(index, data.draw(st.binary(min_size=16, max_size=16)), STAMP.pack(index, -1, 2**62, 2**64 - 1))
    with tempfile.TemporaryDirectory() as cache:
        file = f"{cache}/listing"

        store(file, found, "digest", "stamp", "1.1")

        assert stored_listing(file) == found
        summary = read_summary(file)
    assert summary is not None
    assert summary.digest == found.digest()
    assert (summary.files, summary.manifest, summary.manifest_stamp) == (len(found), "digest", "stamp")
    assert summary.readers == "1.1"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A stored listing."""
    file = tmp_path / "listing"
    store(str(file), listing_of(["a/b", "a/c", "b/c", "d"]), "digest", "stamp", "1.1")
    return file


def test_a_listing_that_is_cut_short_is_none(stored: Path) -> None:
    whole = stored.read_bytes()
    for length in range(len(whole)):
        stored.write_bytes(whole[:length])

        assert stored_listing(str(stored)) is None
        assert read_summary(str(stored)) is None or length >= whole.index(b"\n")


def test_a_listing_with_a_byte_changed_is_none(stored: Path) -> None:
    whole = stored.read_bytes()
    end_of_summary = whole.index(b"\n")
    for place, flip in ((place, flip) for place in range(len(whole)) for flip in (1, 0x80)):
        damaged = bytearray(whole)
        damaged[place] ^= flip
        stored.write_bytes(damaged)

        assert stored_listing(str(stored)) is None
        assert read_summary(str(stored)) is None or place > end_of_summary


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b" ",
        b"\x00" * 1000,
        b"\xff" * 1000,
        b"garbage",
        *(f"{xxhash.xxh3_128_hexdigest(text)} ".encode() + text + b"\n" for text in (b"", b"[]", b"1", b"{}", b"null")),
        *(
            f"{xxhash.xxh3_128_hexdigest(text)} ".encode() + text + b"\n"
            for text in (b'{"version": 1}', b'"version"', b'["version"]', b'{"version": 1, "digests": 3, "more": 4}')
        ),
    ],
)
def test_what_is_no_listing_is_none(stored: Path, content: bytes) -> None:
    stored.write_bytes(content)

    assert stored_listing(str(stored)) is None
    assert read_summary(str(stored)) is None


def test_a_listing_of_another_version_is_none(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigid.pipeline.stored.FORMAT_VERSION", FORMAT_VERSION + 1)

    assert stored_listing(str(stored)) is None
    assert read_summary(str(stored)) is None


def test_a_listing_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    assert stored_listing(str(tmp_path / "folder")) is stored_listing(str(tmp_path / "missing")) is None
    assert read_summary(str(tmp_path / "folder")) is read_summary(str(tmp_path / "missing")) is None


def test_a_listing_is_written_whole_or_not_at_all(stored: Path) -> None:
    before = stored.read_bytes()

    def parts() -> Iterator[bytes]:
        yield b"half of it"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(str(stored), parts())

    assert stored.read_bytes() == before
    assert list(stored.parent.iterdir()) == [stored]


def test_what_a_listing_says_of_its_version_is_in_its_first_line(stored: Path) -> None:
    line = stored.read_bytes().split(b"\n")[0]

    assert json.loads(line.partition(b" ")[2])["version"] == FORMAT_VERSION


def test_the_manifest_has_each_files_hash_and_path_as_xxhsum_writes_them(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": THREE_POINTS, "Online/Genuine/notes": b"no signature"})
    os.mkfifo(site.root / "Online/Genuine/002_1.HWR")

    site.scan()
    before = site.manifest
    site.load()

    assert before.decode().splitlines() == [
        "unknown                           Online/Genuine/001_1.HWR",
        "not_regular                       Online/Genuine/002_1.HWR",
        "unknown                           Online/Genuine/notes",
    ]
    assert site.manifest.decode().splitlines() == [
        f"{xxhash.xxh3_128_hexdigest(THREE_POINTS)}  Online/Genuine/001_1.HWR",
        "not_regular                       Online/Genuine/002_1.HWR",
        "unread                            Online/Genuine/notes",
    ]


def test_the_manifest_is_not_even_written_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    before = (site.cache / "manifest").stat()

    assert site.scan() is None
    site.load()

    after = (site.cache / "manifest").stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_the_manifest_is_the_same_after_a_touch(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    manifest = site.manifest
    for path in SAMPLE_A:
        os.utime(site.root / path, (1, 1))

    assert site.scan() is not None
    assert site.manifest != manifest
    site.load()

    assert site.manifest == manifest


def test_the_manifest_is_the_same_when_it_is_made_anew(tmp_path: Path) -> None:
    # A file that is rejected by its name was "unread" in the first manifest, and "unknown" in one made anew.
    site = site_a(tmp_path, {**SAMPLE_A, "Online/Genuine/notes": b"no signature"})
    site.load()
    manifest = site.manifest

    site.forget()
    site.load()

    assert site.manifest == manifest


def test_ahead_of_a_load_the_manifest_stays_and_is_put_down_where_none_follows(tmp_path: Path) -> None:
    # It was written twice, which took a third of what one changed file cost among 100,000.
    site = site_a(tmp_path)
    site.load()
    manifest = site.manifest
    site.write({"Online/Genuine/001_1.HWR": b"7,8,9\n", "Online/Genuine/099_1.HWR": THREE_POINTS})

    found = scan(site.source, site.settings, ahead_of_load=True)
    assert site.manifest == manifest
    assert found is not None
    put_down(found, site.source, site.settings)
    late = site.manifest
    site.scan()

    assert late == site.manifest != manifest


def test_the_manifest_that_another_load_has_left_stays(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.write({"Online/Genuine/001_1.HWR": b"7,8,9\n"})
    found = scan(site.source, site.settings, ahead_of_load=True)
    site.load()
    manifest = site.manifest

    assert found is not None
    put_down(found, site.source, site.settings)

    assert site.manifest == manifest


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_lost_manifest_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    manifest = site.manifest
    if damage is None:
        (site.cache / "manifest").unlink()
    else:
        (site.cache / "manifest").write_bytes(damage)

    site.scan()

    assert site.manifest == manifest


def test_files_of_the_build_folder_are_their_owners_alone(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    umask = os.umask(0)
    try:
        site.load()
    finally:
        os.umask(umask)

    made = {**snapshot(site.settings.build), **snapshot(tmp_path / "warehouse")}
    assert {stat.S_IMODE(mode) for mode, _ in made.values()} == {0o600, 0o700}
    assert stat.S_IMODE(site.settings.build.stat().st_mode) == 0o700


OPENED = """
import sys
from pathlib import Path
from tests.trees import Site

site = Site(Path(sys.argv[1]))
names = {path.name for path in site.root.rglob("*") if path.is_file()}
opened = []

@sys.addaudithook
def hook(event, arguments):
    if event == "open" and str(arguments[0]).rpartition("/")[2] in names:
        opened.append(arguments[0])

site.scan()
by_scan, opened = opened, []
site.load()
print(len(by_scan), len(opened))
"""


def test_a_scan_opens_no_file_of_the_dataset(tmp_path: Path) -> None:
    site_a(tmp_path)

    run = subprocess.run(
        [sys.executable, "-c", OPENED, tmp_path], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["0", "34"]  # and the load that follows opens them, so that the hook does hear of it


@given(st.binary(min_size=1, max_size=20).map(lambda name: os.fsdecode(name.replace(b"\0", b"\n"))))
@example("\\")
@example("\\\\x41\\U00000041")
@example("new\nline\r\ttab\x1b[31m\u202egnp.\u2028")
@example("\udcff\udc80\\")
def test_any_name_is_shown_in_print_and_found_again(name: str) -> None:
    assert shown(name).isprintable()
    assert raw(shown(name)) == name


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20))
def test_any_text_is_shown_in_print_and_found_again(name: str) -> None:
    assert shown(name).isprintable()
    assert raw(shown(name)) == name


def test_a_plain_name_is_shown_as_it_is() -> None:
    assert shown("Größe (1), „a“.PNG") == "Größe (1), „a“.PNG"


HOSTILE = {
    "new\nline.HWR": "new\\U0000000aline.HWR",
    "tab\t.HWR": "tab\\U00000009.HWR",
    "\x1b[31mred.HWR": "\\U0000001b[31mred.HWR",
    "\u202eRWH.1_100": "\\U0000202eRWH.1_100",
    "back\\slash": "back\\\\slash",
    "\udcff\udcfe": "\\xff\\xfe",
    "-rf": "-rf",
    " ": " ",
    '"; --': '"; --',
    "n" * 255: "n" * 255,
}


def test_a_hostile_name_is_one_escaped_line_wherever_it_is_told(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.write({f"Online/Genuine/{name}": b"" for name in HOSTILE})

    site.load()

    expected = {f"Online/Genuine/{name}" for name in HOSTILE.values()}
    assert {path for path, reason in site.rejections().items() if reason is Reason.NAME_NOT_UNDERSTOOD} == expected
    assert expected < {line[34:] for line in site.manifest.decode().split("\n")}
    assert site.manifest.count(b"\n") == len(SAMPLE_A) + len(HOSTILE)


def test_a_file_with_a_hostile_name_can_be_read_all_the_same(tmp_path: Path) -> None:
    site = Site(tmp_path, Anything())
    site.write({f"fold\ner\\/{name}": THREE_POINTS for name in HOSTILE})

    assert site.counts() == {"added": len(HOSTILE)}
    assert site.counts() == {"unchanged": len(HOSTILE)}


LOADED = """
import sys
from pathlib import Path
from tests.trees import Anything, Site
site = Site(Path(sys.argv[1]), Anything())
print(site.counts(), ascii(sorted(site.ids())))
"""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_files_name_is_the_same_text_in_every_locale(tmp_path: Path, locale: str) -> None:
    # In a locale that is not UTF-8 names came as other text: what was loaded was gone, and there again by other names.
    site = Site(tmp_path, Anything())
    site.write({"\u00e9/\u6f22\udcff\n.HWR": THREE_POINTS, "plain/1.HWR": THREE_POINTS})

    run = subprocess.run(
        [sys.executable, "-c", LOADED, tmp_path],
        cwd=PROJECT,
        env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "{'added': 2} ['plain/1.HWR', '\\xe9/\\u6f22\\\\xff\\\\U0000000a.HWR']\n"
    assert site.counts() == {"unchanged": 2}


JUNK = [".DS_Store", "._001_01.PNG", "Thumbs.db", "desktop.ini", ".ds_store", "THUMBS.DB", "Desktop.ini"]


def test_what_file_managers_leave_is_passed_over(tmp_path: Path) -> None:
    site = site_a(tmp_path, {f"Offline/Genuine/{name}": b"\0" for name in JUNK})
    site.write({"Offline/Genuine/001_01.PNG": b"", "Offline/Genuine/.hidden": b""})

    assert site.counts() == {"added": 1, "rejected": 1}
    assert site.rejections() == {"Offline/Genuine/.hidden": Reason.NAME_NOT_UNDERSTOOD}


def test_files_beside_the_data_folders_are_no_part_of_the_data(tmp_path: Path) -> None:
    beside = [
        "README",
        "Offline/README",
        "Offline/Genuine.zip",
        "Else/Genuine/001_01.PNG",
    ]
    site = site_a(tmp_path, {**dict.fromkeys(beside, picture()), "Offline/Genuine/001_01.PNG": b""})
    (site.root / "Offline" / "link").symlink_to("Genuine")
    os.mkfifo(site.root / "pipe")

    assert site.counts() == {"added": 1}
    assert paths_in(site.listing) == ["Offline/Genuine/001_01.PNG"]


def test_a_folder_in_other_capitals_than_the_sources_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lay in offline/genuine, beside Online/Genuine, was passed over, and nothing said so."""
    later(monkeypatch)
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": THREE_POINTS, "offline/genuine/001_01.PNG": b""})
    site.write({"Online/forgeries/0001001_1.HWR": THREE_POINTS, "Online/more/0001001_1.HWR": THREE_POINTS})

    counts = site.counts()

    assert counts == {"added": 1, "rejected": 2}
    assert site.rejections() == dict.fromkeys(["Online/forgeries", "offline"], Reason.NAME_NOT_UNDERSTOOD)
    assert site.details() == {
        "Online/forgeries": "what it holds is passed over; the source's folder is Online/Forgeries",
        "offline": "what it holds is passed over; the source's folder is Offline",
    }
    assert site.is_current()
    assert site.verify() == []

    site.rename("offline", "Offline")
    site.rename("Offline/genuine", "Offline/Genuine")

    assert site.counts() == {"added": 1, "unchanged": 1, "rejected": 1}
    assert site.digest() == site.clean_digest()


def test_a_folder_below_the_data_folders_is_looked_into(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Offline/Genuine/more/001_01.PNG": b"", "Offline/Genuine/001_01.PNG": b""})

    site.load()

    assert site.rejections() == {"Offline/Genuine/more/001_01.PNG": Reason.NAME_NOT_UNDERSTOOD}


def test_what_is_no_regular_file_is_named_and_neither_followed_nor_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "001_01.PNG").write_bytes(picture())
    site = site_a(tmp_path, {"Offline/Genuine/001_01.PNG": b""})
    genuine = site.root / "Offline" / "Genuine"
    (genuine / "002_01.PNG").symlink_to(outside / "001_01.PNG")
    (genuine / "003_01.PNG").symlink_to("001_01.PNG")
    (genuine / "004_01.PNG").symlink_to("nowhere")
    (genuine / "005_01.PNG").symlink_to("005_01.PNG")
    (genuine / "006_01.PNG").symlink_to("/dev/zero")
    (genuine / "folder").symlink_to(outside)
    (genuine / "loop").symlink_to("..")
    (site.root / "Online").symlink_to("Offline")
    os.mkfifo(genuine / "007_01.PNG")
    monkeypatch.chdir(genuine)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("008_01.PNG")

        counts = site.counts()

    assert counts == {"added": 1, "rejected": 10}
    links = ["002_01.PNG", "003_01.PNG", "004_01.PNG", "005_01.PNG", "006_01.PNG", "folder", "loop"]
    assert site.rejections() == {
        "Online": Reason.SYMLINK,
        **{f"Offline/Genuine/{name}": Reason.SYMLINK for name in links},
        **{f"Offline/Genuine/{name}": Reason.NOT_REGULAR for name in ("007_01.PNG", "008_01.PNG")},
    }
    assert site.details()["Online"] == "it is a symbolic link; put the folder itself here, or mount it"
    assert site.details()["Offline/Genuine/002_01.PNG"] == "it is a symbolic link; put the file itself here"
    assert site.details()["Offline/Genuine/007_01.PNG"] == "it is no regular file"


def test_what_lies_too_deep_is_named_once_and_not_looked_into(tmp_path: Path) -> None:
    deepest = "/".join(["Online", "Genuine", *("d" * (MAX_DEPTH - 2))])
    site = site_a(tmp_path, {f"{deepest}/file": b"", f"{deepest}/deeper/file": b"", f"{deepest}/deeper/d/file": b""})

    site.load()

    assert site.rejections() == {
        f"{deepest}/file": Reason.NAME_NOT_UNDERSTOOD,
        f"{deepest}/deeper": Reason.TOO_DEEP,
    }
    assert site.details()[f"{deepest}/deeper"] == "it lies too deep to be looked into, or its path is too long"


def test_a_tree_deeper_than_any_path_and_any_recursion_is_only_too_deep(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": THREE_POINTS})
    descriptor = os.open(site.root / "Online" / "Genuine", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deeper", dir_fd=descriptor)
        below = os.open("deeper", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    try:
        counts = site.counts()
    finally:
        subprocess.run(["rm", "-r", site.root / "Online" / "Genuine" / "deeper"], check=True)

    assert counts == {"added": 1, "rejected": 1}


def test_a_folder_whose_path_is_too_long_for_the_system_is_a_problem_and_no_end(tmp_path: Path) -> None:
    far = tmp_path.joinpath(*["far" * 80] * 7)
    site = Site(tmp_path).using(datasets=far).write({"Online/Genuine/001_1.HWR": THREE_POINTS})
    name = "𝄞" * 63  # as many bytes as a name may have, and a quarter as many characters
    descriptor = os.open(site.root / "Online" / "Genuine", os.O_RDONLY)
    for _ in range(10):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    try:
        loaded = site.load()
    finally:
        subprocess.run(["rm", "-r", site.root / "Online" / "Genuine" / name], check=True)

    assert loaded.counts.added == 1
    assert isinstance(loaded.problem, DatasetError)
    assert "File name too long" in str(loaded.problem)


def test_a_root_that_is_a_link_is_as_good_as_the_folder(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.root.rename(tmp_path / "volume")
    site.root.symlink_to(tmp_path / "volume")

    assert site.counts() == {"added": 30, "rejected": 4}


def test_a_folder_that_cannot_be_read_is_put_down_as_that() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        (site.root / "Online" / "Genuine").chmod(0)

        found = look(SourceA(), site.root)

        assert found.unreadable == {"Online/Genuine": "Permission denied"}
        assert len(found) == 24
        assert found.root_missing is False


def test_a_folder_whose_entries_cannot_be_looked_at_is_put_down_as_unreadable() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        (site.root / "Online" / "Genuine").chmod(0o444)  # names can be listed, but nothing be known of them

        found = look(SourceA(), site.root)

        assert found.unreadable == {"Online/Genuine": "Permission denied"}


def test_what_can_be_read_again_is_scanned_again() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        (site.root / "Online" / "Genuine").chmod(0)
        site.scan()

        (site.root / "Online" / "Genuine").chmod(0o700)

        found = site.scan()
        assert found is not None
        assert (found.unreadable, len(found)) == ({}, 34)


def test_a_stamp_is_trusted_only_if_the_file_rested_for_two_seconds() -> None:
    second = 1_000_000_000
    stamp = STAMP.pack(10, 20, 100 * second, 30)

    assert trusted_stamp(stamp, 102 * second + 1) == stamp
    for clock in (102 * second, 101 * second, 100 * second, 99 * second, 0):
        assert trusted_stamp(stamp, clock) == STAMP.pack(VOID, 20, 100 * second, 30)


def test_a_future_date_of_the_content_alone_is_no_reason_to_distrust_a_stamp() -> None:
    stamp = STAMP.pack(10, 2**62, 100, 30)

    assert trusted_stamp(stamp, 3_000_000_000) == stamp


def test_a_file_that_changed_just_before_it_was_read_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_a(tmp_path)
    site.load()

    found = site.scan()

    assert found is not None
    assert all(found_folder.content(index) == UNKNOWN for found_folder, index in found)
    later(monkeypatch)
    site.load()
    assert site.scan() is None


def test_a_file_whose_content_does_not_matter_is_not_asked_for_when_it_changes(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/notes": b"1", "Online/Genuine/001_1.HWR": THREE_POINTS})
    site.load()
    site.write({"Online/Genuine/notes": b"22"})

    found = site.scan()

    assert found is not None
    assert {folder.names[index]: folder.content(index) for folder, index in found} == {
        "001_1.HWR": UNKNOWN,  # it is read once more, having changed just before
        "notes": UNREAD,
    }


def test_a_change_that_does_not_matter_calls_for_no_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    site = site_a(tmp_path, {"Online/Genuine/notes": b"1", "Online/Genuine/001_1.HWR": THREE_POINTS})
    site.load()
    site.write({"Online/Genuine/notes": b"22"})

    assert scan(site.source, site.settings, ahead_of_load=True) is None
    assert site.is_current()
    site.remove("Online/Genuine/notes")
    assert not site.is_current()


def test_an_edit_that_leaves_every_stamp_as_it_was_is_found_where_stamps_are_coarse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def coarse_stamp(status: os.stat_result) -> bytes:
        """As a file system has it that counts whole seconds."""
        second = 1_000_000_000
        modified, changed = status.st_mtime_ns // second * second, status.st_ctime_ns // second * second
        return STAMP.pack(status.st_size, modified, changed, status.st_ino)

    monkeypatch.setattr(stamps, "stamp_of", coarse_stamp)
    monkeypatch.setattr(extract, "stamp_of", coarse_stamp)
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": trajectory((1, 2, 3))})
    site.load()

    site.write({"Online/Genuine/001_1.HWR": trajectory((1, 2, 4))})

    assert site.counts() == {"changed": 1}


@given(st.permutations([f"{n:02}" for n in range(8)]), st.permutations([f"{n:02}" for n in range(4, 12)]))
def test_what_is_known_of_a_file_is_found_in_whatever_order_a_folder_lists_it(old: list[str], new: list[str]) -> None:
    def folder_of(names: list[str]) -> Folder:
        stamps = b"".join(STAMP.pack(int(name), 2, 3, 4) for name in names)
        folder = Folder.of("a", names)
        folder.make_room()
        folder.stamps = bytearray(stamps)
        return folder

    before, now = folder_of(old), folder_of(new)
    for index, name in enumerate(old):
        before.record(index, hash_of(name.encode()))
    changed = now.names.index("05")
    now.record(changed, UNKNOWN, STAMP.pack(5, 2, 99, 4))

    gone = [before.names[place] for place in now.remember(before)]

    assert sorted(gone) == ["00", "01", "02", "03"]
    known = {name: now.content(index) for index, name in enumerate(new) if now.content(index) != UNKNOWN}
    assert known == {name: hash_of(name.encode()) for name in ("04", "06", "07")}


@given(st.sets(st.integers(0, 249)), st.sampled_from([0, 1, 250]))
@example({0, 99, 100, 199, 249}, 0)
@example(set(range(250)), 0)
def test_every_stamp_that_differs_is_found_wherever_among_the_others(changed: set[int], new: int) -> None:
    def folder_of(names: list[str], size: int) -> Folder:
        folder = Folder.of("a", names)
        folder.make_room()
        folder.stamps = bytearray(b"".join(STAMP.pack(size * (int(name) in changed), 2, 3, 4) for name in names))
        return folder

    names = [f"{n:03}" for n in range(250)]
    before, now = folder_of(names, 0), folder_of([*[str(1000 + n) for n in range(new)], *names], 1)
    for index in range(250):
        before.record(index, hash_of(b"known"))

    assert list(now.remember(before)) == []

    assert list(now.unknown()) == [*range(new), *(new + index for index in sorted(changed))]


def test_the_folders_before_a_damaged_one_are_believed(stored: Path) -> None:
    whole = stored.read_bytes()
    stored.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    assert [folder.path for folder in stored_folders(str(stored))] == ["", "a"]
    assert stored_listing(str(stored)) is None


@given(st.lists(st.text(st.characters(exclude_characters="\n"), min_size=1)))
def test_names_in_one_text_are_the_same_names(names: list[str]) -> None:
    compact = Names.of(names)

    assert list(compact) == names
    assert [compact[index] for index in range(len(names))] == names
    assert compact[1:3] == names[1:3]
    assert len(compact) == len(names)
    with pytest.raises(IndexError):
        compact[len(names)]


@given(st.lists(st.text(st.characters(exclude_characters="\n"), min_size=1)), st.integers(1, 5))
def test_names_come_in_pieces_without_one_that_is_cut_or_lost(names: list[str], size: int) -> None:
    pieces = list(Names.of(names).pieces(size))

    assert [name for piece in pieces for name in piece] == names
    assert [len(piece) for piece in pieces] == [len(list(piece)) for piece in pieces]
    assert all(pieces)


def test_names_of_one_length_come_in_pieces_of_the_size_asked_for() -> None:
    names = Names.of([f"{n:03}" for n in range(10)])

    assert [len(piece) for piece in names.pieces(4)] == [4, 4, 2]


ALIKE = st.sampled_from(["b", "  b", "a  b", "a  a  b", "c", "b  c", "a"])


PATHS = st.sets(st.lists(ALIKE, min_size=1, max_size=3).map("/".join), min_size=1)


@given(PATHS, PATHS, st.data())
def test_a_manifest_in_which_lines_are_replaced_is_the_one_that_is_written_anew(
    old: set[str], new: set[str], data: st.DataObject
) -> None:
    found = listing_of(new)
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace.of(Anything(), Site(Path(folder)).settings)
        manifest.write(before := listing_of(old), place)
        inode = place.manifest.stat().st_ino
        others = [each for each in found if each[0].path_of(each[1]) in old]
        changed = (
            data.draw(st.lists(st.sampled_from(others), unique_by=lambda each: each[0].path_of(each[1])))
            if others
            else []
        )
        changed += [each for each in found if each[0].path_of(each[1]) not in old]
        for folder_, index in changed:
            folder_.record(index, data.draw(st.sampled_from([UNREAD, b"\1" * 16, b"\xff" * 16])))
        found.manifest_stamp, found.departed = before.manifest_stamp, dict.fromkeys(old - new, 1)

        with patch.object(manifest, "_lines", side_effect=AssertionError("it is to be put right")):
            manifest.write(found, place, changed)

        assert place.manifest.stat().st_ino != inode
        assert place.manifest.read_bytes() == b"".join(manifest._lines(found))


def test_a_manifest_that_lists_more_than_is_known_to_be_gone_is_written_anew(tmp_path: Path) -> None:
    place = Workplace.of(Anything(), Site(tmp_path).settings)
    manifest.write(before := listing_of({"a/1", "a/2", "a/3"}), place)
    found = listing_of({"a/1"})
    found.manifest_stamp, found.departed = before.manifest_stamp, {"a/2": 1}

    manifest.write(found, place, [])

    assert place.manifest.read_bytes() == b"".join(manifest._lines(found))


def test_what_a_killed_process_had_begun_to_write_is_gone_after_a_scan_that_finds_nothing_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only who wrote a manifest removed it: a load that was killed while it mended what one had left, left it for good.
    site = site_a(tmp_path)
    later(monkeypatch)
    site.load()
    left = site.cache / "listing.8kx1_q2z.new"
    left.write_bytes(b"half of a listing")

    assert site.scan() is None

    assert not left.exists()
