"""What is gone is retired; what only cannot be seen, or was perhaps not meant to go, is not."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sigid.errors import DatasetError, Reason, RemovalsWithheld, SigidError
from sigid.pipeline import extract
from sigid.pipeline.load import load
from tests.trees import (
    SAMPLE_A,
    THREE_POINTS,
    Site,
    later,
    ordinary_user,
    site_a,
    site_b,
    trajectories,
    trajectory,
)

pytestmark = pytest.mark.usefixtures("on_every_database")

GENUINE = "Online/Genuine/001_1.HWR"
OTHER = "Online/Genuine/004_1.HWR"


@pytest.mark.parametrize("make", [site_a, site_b])
def test_a_missing_root_is_named_and_retires_nothing(tmp_path: Path, make: Callable[[Path], Site]) -> None:
    site = make(tmp_path)
    site.load()
    before = site.digest()
    site.root.rename(tmp_path / "elsewhere")

    with pytest.raises(DatasetError) as caught:
        site.load()

    assert str(caught.value) == (
        f"{site.root} is missing; nothing was retired. Put the dataset there, or set SIGID_DATASETS to the folder "
        "that holds it; if it is meant to be gone, load it with --allow-removals"
    )
    assert site.digest() == before


@pytest.mark.parametrize("left", [[], ["Offline/Genuine", "Online"]], ids=["nothing", "empty folders"])
def test_an_empty_root_is_named_and_retires_nothing(tmp_path: Path, left: list[str]) -> None:
    site = site_a(tmp_path)
    site.load()
    before = site.digest()
    shutil.rmtree(site.root)
    for folder in ("", *left):
        (site.root / folder).mkdir(parents=True, exist_ok=True)

    with pytest.raises(DatasetError) as caught:
        site.load()

    assert str(caught.value) == (
        f"{site.root} holds none of the source's files, which lie in Offline/Forgeries, Offline/Genuine, "
        "Online/Forgeries, Online/Genuine; nothing was retired. Put the dataset there, or set SIGID_DATASETS to the "
        "folder that holds it; if it is meant to be gone, load it with --allow-removals"
    )
    assert site.digest() == before


def test_a_root_whose_folders_have_other_capitals_is_as_good_as_empty(tmp_path: Path) -> None:
    site = site_a(tmp_path, dict.fromkeys(["Online/Genuine/001_1.HWR", "Online/Genuine/002_1.HWR"], THREE_POINTS))
    site.load()
    before = site.digest()
    site.rename("Online", "online")

    with pytest.raises(DatasetError, match="holds none of the source's files, which lie in Offline/Forgeries, "):
        site.load()

    assert site.digest() == before
    assert [each.what for each in site.verify()] == [f"there are no files in {site.root} to hold against it"]


def test_a_root_without_folders_of_a_source_that_has_its_files_in_any_is_named(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()
    shutil.rmtree(site.root)
    site.root.mkdir()

    with pytest.raises(DatasetError, match="holds none of the source's files, which lie in folders; nothing"):
        site.load()


@pytest.mark.parametrize("make", [site_a, site_b])
def test_a_missing_root_that_is_meant_to_be_gone_retires_everything(
    tmp_path: Path, make: Callable[[Path], Site]
) -> None:
    site = make(tmp_path)
    site.load()
    signatures = site.catalog()["signatures"]
    shutil.rmtree(site.root)

    loaded = site.load(allow_removals=True)

    assert (loaded.problem, loaded.counts.retired) == (None, signatures)
    assert site.catalog() == {"retired": signatures}


def test_a_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.settings.datasets.mkdir()
    site.root.write_bytes(b"")

    with pytest.raises(DatasetError, match=r"SOURCE_A cannot be read \(Not a directory\); nothing was retired\. Give"):
        site.load()


@pytest.mark.parametrize("allow_removals", [False, True])
@pytest.mark.parametrize("make", [site_a, site_b])
def test_an_unreadable_root_retires_nothing_whatever_is_allowed(
    make: Callable[[Path], Site], allow_removals: bool
) -> None:
    # With --allow-removals it retired everything: all that was in the root counted as gone.
    with ordinary_user() as folder:
        site = make(folder)
        site.load()
        before = site.digest()
        site.root.chmod(0)

        with pytest.raises(DatasetError) as caught:
            site.load(allow_removals=allow_removals)

        assert str(caught.value) == (
            f"{site.root} cannot be read (Permission denied); nothing was retired. "
            "Give this user the right to read it, or set SIGID_DATASETS to the folder that holds the dataset"
        )
        assert site.digest() == before
        site.root.chmod(0o700)


@pytest.mark.parametrize("allow_removals", [False, True])
def test_what_lies_in_an_unreadable_folder_is_not_retired_whatever_is_allowed(
    monkeypatch: pytest.MonkeyPatch, allow_removals: bool
) -> None:
    later(monkeypatch)
    with ordinary_user() as folder:
        site = site_a(folder)
        site.load()
        before = site.catalog()
        (site.root / "Online" / "Genuine").chmod(0)
        site.write({"Online/Forgeries/0001001_1.HWR": THREE_POINTS})

        loaded = site.load(allow_removals=allow_removals)

        assert loaded.counts.added == 1
        assert (loaded.counts.retired, loaded.counts.unchanged, loaded.counts.rejected) == (0, 30, 4)
        assert site.catalog()["signatures"] == before["signatures"] + 1
        assert "retired" not in site.catalog()
        if allow_removals:
            assert loaded.problem is None
        else:
            assert isinstance(loaded.problem, DatasetError)
            assert str(loaded.problem) == (
                "source_a: the folder Online/Genuine could not be read (Permission denied); what it held stays as it "
                "was. Give this user the right to read it and run again"
            )
        assert not site.is_current()

        (site.root / "Online" / "Genuine").chmod(0o700)

        assert site.counts() == {"unchanged": 31, "rejected": 4}
        assert site.digest() == site.clean_digest()


def test_listed_files_in_an_unreadable_folder_are_not_missing() -> None:
    with ordinary_user() as folder:
        site = site_b(folder)
        site.load()
        (site.root / "8").chmod(0)

        loaded = site.load()

        assert (loaded.counts.unchanged, loaded.counts.rejected) == (7, 0)
        assert site.rejections() == {}

        (site.root / "8").chmod(0o700)


def test_a_listed_file_that_was_missing_stays_so_while_its_folder_cannot_be_read() -> None:
    with ordinary_user() as folder:
        site = site_b(folder)
        site.remove("8/8e13e034")
        assert site.counts() == {"added": 6, "rejected": 1}
        (site.root / "8").chmod(0)

        loaded = site.load()

        assert (loaded.counts.unchanged, loaded.counts.rejected) == (6, 1)
        assert site.rejections() == {"8/8e13e034": Reason.FILE_MISSING}

        (site.root / "8").chmod(0o700)
        assert site.counts() == {"unchanged": 6, "rejected": 1}


def test_what_lies_behind_a_link_that_took_a_folders_place_is_not_retired(tmp_path: Path) -> None:
    # The folder was moved to a larger disk, and a link left in its place: its signatures were retired.
    site = site_a(tmp_path)
    site.load()
    (site.root / "Online" / "Genuine").rename(tmp_path / "volume")
    (site.root / "Online" / "Genuine").symlink_to(tmp_path / "volume")

    loaded = site.load()

    assert (loaded.counts.unchanged, loaded.counts.rejected) == (30, 5)
    assert site.rejections()["Online/Genuine"] is Reason.SYMLINK
    assert "retired" not in site.catalog()


def test_files_that_are_known_behind_a_link_are_a_problem_until_they_are_seen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder was moved and a link left in its place: the load ended well, and so did each one after it."""
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    folder = site.root / "Online" / "Genuine"
    folder.rename(tmp_path / "volume")
    folder.symlink_to(tmp_path / "volume")

    problems = [site.load().problem for _ in range(2)]

    assert [type(problem) for problem in problems] == [DatasetError] * 2
    assert {str(problem) for problem in problems} == {
        "source_a: Online/Genuine is a symbolic link, and is not followed; the 10 files known there stay as they were. "
        "Put the folder itself there, or mount it, and run again"
    }
    assert not site.is_current()

    folder.unlink()
    (tmp_path / "volume").rename(folder)

    assert site.counts() == {"unchanged": 30, "rejected": 4}
    assert site.is_current()


def test_a_link_in_the_place_of_a_folder_that_never_held_anything_is_a_rejection_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path, {path: content for path, content in SAMPLE_A.items() if not path.startswith("Online/")})
    (site.root / "Online").symlink_to("Offline")

    assert site.counts() == {"added": 17, "rejected": 1}
    assert site.is_current()


def test_while_a_file_cannot_be_read_none_that_is_gone_is_retired() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        site.load()
        (site.root / GENUINE).chmod(0)
        site.remove(OTHER)

        loaded = site.load()

        assert isinstance(loaded.problem, RemovalsWithheld)
        assert str(loaded.problem) == (
            f"source_a: 1 files are gone, such as {OTHER}, and {GENUINE} could not be read; nothing was retired. "
            "Bring them back, or load with --allow-removals"
        )
        assert site.rejections()[GENUINE] is Reason.UNREADABLE
        assert site.details()[GENUINE] == "Permission denied"
        assert len(site.live()) == 30

        (site.root / GENUINE).chmod(0o600)

        assert site.counts() == {"changed": 1, "unchanged": 28, "retired": 1, "rejected": 4}
        assert site.digest() == site.clean_digest()


def test_a_file_that_can_be_read_again_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    with ordinary_user() as folder:
        site = site_a(folder)
        site.load()
        digest, id_ = site.digest(), site.ids()[GENUINE]
        (site.root / GENUINE).chmod(0)
        assert site.counts() == {"unchanged": 29, "rejected": 5}
        written = site.written()
        assert site.counts() == {"unchanged": 29, "rejected": 5}
        assert site.written() == written
        assert site.stale() == {id_}
        assert not site.is_current()

        (site.root / GENUINE).chmod(0o600)
        site.load()

        assert site.digest() == digest


def test_a_file_that_does_not_stand_still_is_rejected_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path, {GENUINE: THREE_POINTS})
    with monkeypatch.context() as restless:
        restless.setattr(extract, "_settled", lambda _status: False)

        assert site.counts() == {"rejected": 1}
        assert site.rejections() == {GENUINE: Reason.UNSTABLE}
        assert not site.is_current()

    assert site.counts() == {"added": 1}


def test_a_file_that_vanishes_between_scan_and_load_is_left_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    site.write({OTHER: trajectory((9, 9, 9))})
    found = site.scan()
    site.remove(GENUINE, OTHER)

    loaded = load(site.source, site.settings, found=found)

    assert (loaded.counts.unchanged, loaded.counts.retired) == (29, 0)
    assert len(site.live()) == 30
    assert not site.is_current()
    assert site.counts() == {"unchanged": 28, "retired": 2, "rejected": 4}
    assert site.digest() == site.clean_digest()


def test_more_than_a_fifth_gone_at_once_is_not_retired_but_by_express_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path, trajectories(range(100)))
    site.load()
    site.remove(*(f"Online/Genuine/{n:04}_1.HWR" for n in range(21)))
    site.write({"Online/Genuine/0500_1.HWR": THREE_POINTS, "Online/Genuine/0099_1.HWR": THREE_POINTS})

    for counts in ({"added": 1, "changed": 1, "unchanged": 99}, {"unchanged": 101}):
        loaded = site.load()

        assert isinstance(loaded.problem, RemovalsWithheld)
        assert str(loaded.problem) == (
            "source_a: 21 files are gone, such as Online/Genuine/0000_1.HWR, and that is more than a fifth of the "
            f"{sum(counts.values()) - counts.get('added', 0)} that there were; nothing was retired. "
            "Bring them back, or load with --allow-removals"
        )
        assert {name: getattr(loaded.counts, name) for name in counts} == counts
        assert loaded.counts.retired == 0
        assert not site.is_current()

    assert site.counts(allow_removals=True) == {"unchanged": 80, "retired": 21}
    assert site.digest() == site.clean_digest()


def test_what_was_withheld_and_is_brought_back_is_as_before(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(60)))
    site.load()
    digest = site.digest()
    (site.root / "Online" / "Genuine").rename(tmp_path / "aside")
    site.write({"Online/Forgeries/0001001_1.HWR": THREE_POINTS})
    assert isinstance(site.load().problem, RemovalsWithheld)

    site.remove("Online/Forgeries/0001001_1.HWR")
    (tmp_path / "aside").rename(site.root / "Online" / "Genuine")

    assert site.counts() == {"unchanged": 60, "retired": 1}
    assert site.digest() == digest


def test_twenty_files_may_go_at_once_however_few_are_left(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(21)))
    site.load()

    site.remove(*(f"Online/Genuine/{n:04}_1.HWR" for n in range(20)))

    assert site.counts() == {"unchanged": 1, "retired": 20}


def test_any_number_of_files_may_be_renamed(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(60)))
    site.load()
    live = site.live()

    for n in range(60):
        site.rename(f"Online/Genuine/{n:04}_1.HWR", f"Online/Genuine/{n:05}_01.hwr")

    assert site.counts() == {"unchanged": 60}
    assert site.live() == live
    assert site.digest() == site.clean_digest()


def sixty(folder: Path) -> Site:
    """A source of sixty files in three of its folders."""
    pictures = {f"Offline/Genuine/{n:03}_01.PNG": b"" for n in range(1, 11)}
    forgeries = {f"Online/Forgeries/0007{n:03}_1.HWR": THREE_POINTS for n in range(1, 11)}
    return site_a(folder, {**trajectories(range(1, 41)), **pictures, **forgeries})


def emptied(site: Site) -> None:
    for file in [each for each in site.root.rglob("*") if each.is_file()]:
        file.unlink()


def instead_of_the_root(site: Site) -> Path:
    site.root.rename(site.folder / "elsewhere")
    return site.root


def most_are_gone(site: Site) -> None:
    for file in sorted(site.root.rglob("*.HWR"))[:36]:
        file.unlink()


def all_folders_have_other_names(site: Site) -> None:
    for folder in sorted(site.root.iterdir()):
        folder.rename(folder.with_name(folder.name.upper()))


def a_folder_is_a_file(site: Site) -> None:
    shutil.rmtree(site.root / "Online/Genuine")
    (site.root / "Online/Genuine").write_bytes(b"")


def files_are_folders(site: Site) -> None:
    for file in sorted(site.root.rglob("*.HWR")):
        file.unlink()
        file.mkdir()


GONE: dict[str, Callable[[Site], object]] = {
    "the root is missing": instead_of_the_root,
    "the root is empty, as where nothing is mounted": lambda site: instead_of_the_root(site).mkdir(),
    "the root is a file": lambda site: instead_of_the_root(site).write_bytes(b""),
    "the root is a link to nowhere": lambda site: instead_of_the_root(site).symlink_to("nowhere"),
    "the root is a link to itself": lambda site: instead_of_the_root(site).symlink_to(site.root),
    "only empty folders are left": emptied,
    "most of its files are gone": most_are_gone,
    "a whole folder is gone": lambda site: shutil.rmtree(site.root / "Online"),
    "all folders have other names": all_folders_have_other_names,
    "a folder is a file": a_folder_is_a_file,
    "all files are empty folders": files_are_folders,
}


@pytest.mark.parametrize("form", GONE)
def test_in_whatever_form_a_source_is_gone_nothing_of_it_is_retired(tmp_path: Path, form: str) -> None:
    site = sixty(tmp_path)
    site.load()
    before = site.digest()

    GONE[form](site)
    with pytest.raises(SigidError):  # noqa: PT012  # the load refuses to begin, or names its problem at the end
        loaded = site.load()
        raise loaded.problem or AssertionError("it is told")

    assert site.digest() == before
    assert "retired" not in site.catalog()


@pytest.mark.parametrize("trouble", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTCONN])
@pytest.mark.parametrize("folder", ["", "Online", "Online/Genuine"])
def test_what_the_disk_or_the_network_does_not_give_out_is_not_retired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, trouble: int
) -> None:
    site = sixty(tmp_path)
    site.load()
    before = site.digest()
    scandir = os.scandir

    def failing(path: str) -> object:
        if Path(path) == site.root / folder:
            raise OSError(trouble, os.strerror(trouble), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(DatasetError, match=re.escape(os.strerror(trouble))):  # noqa: PT012  # as above
        loaded = site.load()
        raise loaded.problem or AssertionError("it is told")

    assert site.digest() == before


@pytest.mark.parametrize("content", [None, b"", b"0\n", b"1\n", b"\xff\xfe"])
def test_where_an_index_is_gone_or_none_nothing_is_retired(tmp_path: Path, content: bytes | None) -> None:
    site = site_b(tmp_path)
    site.load()
    before = site.digest()
    if content is None:
        site.remove("INDEX")
    else:
        site.write({"INDEX": content})

    if content == b"0\n":  # it is sound: seven signatures are listed no more, and their files rejected
        assert site.counts() == {"rejected": 7}
        assert site.live()
        return
    with pytest.raises(DatasetError):
        site.load()

    assert site.digest() == before
