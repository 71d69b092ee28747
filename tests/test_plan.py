"""plan: what a load would do, said without doing any of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sigid.errors import DatasetError, Reason, RemovalsWithheld, SigidError
from sigid.pipeline import workers
from sigid.pipeline.plan import Planned, Step, plan
from sigid.sources.formats import Format
from tests.trees import (
    PARENTS_B,
    SAMPLE_A,
    SAMPLE_B,
    THREE_POINTS,
    Site,
    file_of,
    in_batches_of,
    index,
    ordinary_user,
    picture,
    site_a,
    site_b,
    snapshot,
    trajectories,
    trajectory,
)

pytestmark = pytest.mark.usefixtures("on_every_database")

GENUINE = "Online/Genuine/001_1.HWR"
OTHER = "Online/Genuine/004_1.HWR"


def steps(planned: list[Planned]) -> dict[str, Step]:
    return {each.path: each.step for each in planned}


def test_of_new_files_everything_is_to_be_added_and_nothing_at_all_is_written(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    before = snapshot(tmp_path)

    planned = site.plan()

    assert snapshot(tmp_path) == before
    assert Counter(each.step for each in planned) == {Step.ADD: 30, Step.REJECT: 4}
    assert {each.path for each in planned} == set(SAMPLE_A)


@pytest.mark.parametrize("make", [site_a, site_b])
def test_of_loaded_files_nothing_is_to_be_done_and_nothing_is_written(
    tmp_path: Path, make: Callable[[Path], Site]
) -> None:
    site = make(tmp_path)
    site.load()
    before = snapshot(tmp_path)

    planned = site.plan()

    assert planned == []
    assert snapshot(tmp_path) == before


def test_each_change_is_told_and_then_done(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.write(
        {
            "Online/Genuine/001_3.HWR": THREE_POINTS,
            "Offline/Genuine/001_01.PNG": picture(),
            "Online/Genuine/001_2.HWR": THREE_POINTS,
            OTHER: b"1,2\n",
            "Online/Genuine/notes": b"",
        }
    )
    site.remove("Offline/Genuine/015_01.PNG", "Online/Genuine/010_7.HWR")
    os.utime(site.root / GENUINE)
    before = snapshot(tmp_path)

    planned = site.plan()

    assert snapshot(tmp_path) == before
    assert steps(planned) == {
        "Online/Genuine/001_3.HWR": Step.ADD,
        "Online/Genuine/001_2.HWR": Step.ADD,
        "Offline/Genuine/001_01.PNG": Step.CHANGE,
        OTHER: Step.REJECT,
        "Online/Genuine/notes": Step.REJECT,
        "Offline/Genuine/015_01.PNG": Step.RETIRE,
    }
    assert {each.path: each.detail.partition(":")[0] for each in planned if each.detail} == {
        "Offline/Genuine/001_01.PNG": "blank -> 3x2 L",
        "Offline/Genuine/015_01.PNG": "its file is gone",
        OTHER: Reason.WRONG_COLUMN_COUNT,
        "Online/Genuine/notes": Reason.NAME_NOT_UNDERSTOOD,
    }
    assert site.counts() == {"added": 2, "changed": 1, "unchanged": 27, "retired": 1, "rejected": 4}
    assert site.plan() == []


@pytest.mark.parametrize("files_a_batch", [1, 3, 1000])
def test_the_files_that_are_there_come_in_the_order_of_their_paths_and_then_those_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files_a_batch: int
) -> None:
    in_batches_of(files_a_batch, monkeypatch.setattr)
    site = site_b(tmp_path)
    site.load()
    site.write({path: picture() for path in SAMPLE_B if path != "INDEX"})
    site.write({f"{first}/unlisted": b"" for first in "0179f"})
    site.remove(file_of("7d0d51a3-cf59-4d5e-a2c9-48e68c0d6051"))

    *there, gone, missing = site.plan()

    assert [each.path for each in there] == sorted(each.path for each in there)
    assert Counter(each.step for each in there) == {Step.CHANGE: 6, Step.REJECT: 5}
    assert (gone.step, missing.step) == (Step.RETIRE, Step.REJECT)


def test_what_would_change_about_a_signature_is_told(tmp_path: Path) -> None:
    retired, broken, shorter, moved = (f"Online/Genuine/00{n}_1.HWR" for n in (2, 3, 4, 5))
    shaded = "Offline/Genuine/001_01.PNG"
    site = site_a(tmp_path, dict.fromkeys((retired, broken, shorter, moved), THREE_POINTS) | {shaded: picture(1)})
    site.load()
    site.write({broken: b"1,2\n"})
    site.remove(retired)
    site.load()

    site.write({retired: THREE_POINTS, broken: THREE_POINTS, shorter: trajectory((1, 2, 3)), shaded: picture(2)})
    site.write({moved: THREE_POINTS.replace(b"9", b"8")})

    assert {each.path: each.detail for each in site.plan()} == {
        retired: "back again",
        broken: "valid again",
        shorter: "3 points -> 1 points",
        moved: "other content",
        shaded: "other content",
    }


def test_a_file_that_is_back_is_to_be_added(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.remove(GENUINE)
    site.load()

    site.write({GENUINE: THREE_POINTS})

    assert steps(site.plan()) == {GENUINE: Step.ADD}


def test_a_broken_file_that_is_mended_is_to_be_changed(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.write({GENUINE: b"1,2\n"})
    site.load()

    site.write({GENUINE: THREE_POINTS})

    assert steps(site.plan()) == {GENUINE: Step.CHANGE}
    assert site.counts() == {"changed": 1, "unchanged": 29, "rejected": 4}


def test_of_a_renamed_file_there_is_nothing_to_be_told(tmp_path: Path) -> None:
    # It was told as a file to be added and another to be retired, of which a load does neither.
    site = site_a(tmp_path)
    site.load()

    site.rename(GENUINE, "Online/Genuine/1_1.HWR")

    assert site.plan() == []
    assert site.counts() == {"unchanged": 30, "rejected": 4}


def test_rivals_are_to_be_rejected(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()

    site.write({"Online/Genuine/1_1.HWR": THREE_POINTS})

    assert site.plan() == [
        Planned(
            Step.REJECT,
            GENUINE,
            "identity_conflict: Online/Genuine/1_1.HWR claims to be the same signature; keep one of them",
        ),
        Planned(
            Step.REJECT,
            "Online/Genuine/1_1.HWR",
            f"identity_conflict: {GENUINE} claims to be the same signature; keep one of them",
        ),
    ]


def test_a_newer_reader_that_says_the_same_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_a(tmp_path)
    site.load()

    monkeypatch.setattr(Format.HWR, "version", Format.HWR.version + 1)

    assert site.plan() == []
    assert site.counts() == {"unchanged": 30, "rejected": 4}


def test_a_listed_file_that_is_missing_is_told_once(tmp_path: Path) -> None:
    # A plan said nothing of it.
    site = site_b(tmp_path, {path: content for path, content in SAMPLE_B.items() if path != "3/3b13f6c1"})

    planned = site.plan()

    assert Planned(Step.REJECT, "3/3b13f6c1", "file_missing: INDEX lists it, and it is not there") in planned
    assert Counter(each.step for each in planned) == {Step.ADD: 6, Step.REJECT: 1}
    site.load()
    assert site.plan() == []


def test_a_listed_file_that_vanished_is_to_be_retired_and_missed(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()

    site.remove("3/3b13f6c1")

    assert [(each.step, each.path) for each in site.plan()] == [
        (Step.RETIRE, "3/3b13f6c1"),
        (Step.REJECT, "3/3b13f6c1"),
    ]


def test_a_forgery_that_is_linked_anew_is_to_be_changed(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()
    forged = "8e13e034-4aa9-4c2e-a3f0-c846d8626ce9"

    site.write({"INDEX": index({**PARENTS_B, forged: "18b406ee-43c9-4336-b5b8-b3265df6a32b"})})

    assert site.plan() == [Planned(Step.CHANGE, file_of(forged))]
    assert site.counts() == {"changed": 1, "unchanged": 6}


def no_root(site: Site) -> None:
    site.root.rename(site.folder / "elsewhere")


def no_files(site: Site) -> None:
    for path in SAMPLE_B:
        (site.root / path).unlink()


def no_index(site: Site) -> None:
    site.remove("INDEX")


def wrong_index(site: Site) -> None:
    site.write({"INDEX": b"8" + SAMPLE_B["INDEX"][1:]})


@pytest.mark.parametrize("break_", [no_root, no_files, no_index, wrong_index])
def test_what_a_load_refuses_a_plan_refuses_in_the_same_words(tmp_path: Path, break_: Callable[[Site], None]) -> None:
    site = site_b(tmp_path)
    site.load()
    break_(site)

    with pytest.raises(DatasetError) as planning:
        site.plan()

    with pytest.raises(DatasetError) as loading:
        site.load()
    assert str(planning.value) == str(loading.value)


def told(site: Site) -> tuple[list[Planned], SigidError | None]:
    """What a plan says, and the problem that it raises when it has said it."""
    planned = []
    try:
        for each in plan(site.source, site.settings):
            planned.append(each)  # noqa: PERF402  # what came before the problem is kept
    except SigidError as problem:
        return planned, problem
    return planned, None


def test_what_a_load_would_not_retire_is_not_to_be_retired(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(60)))
    site.load()
    site.remove(*trajectories(range(21)))
    site.write(trajectories(range(99, 100)))

    planned, problem = told(site)

    loaded = site.load()
    assert planned == [Planned(Step.ADD, "Online/Genuine/0099_1.HWR")]
    assert (loaded.counts.added, loaded.counts.retired) == (1, 0)
    assert isinstance(problem, RemovalsWithheld)
    assert str(problem) == str(loaded.problem)


def test_what_cannot_be_read_is_named_when_the_rest_has_been_told() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        site.load()
        (site.root / "Online" / "Genuine").chmod(0)
        site.write({"Online/Forgeries/0001001_1.HWR": THREE_POINTS})

        planned, problem = told(site)

        assert planned == [Planned(Step.ADD, "Online/Forgeries/0001001_1.HWR")]
        assert isinstance(problem, DatasetError)
        assert "the folder Online/Genuine could not be read" in str(problem)
        (site.root / "Online" / "Genuine").chmod(0o700)


def test_files_that_are_known_behind_a_link_are_named_in_the_words_of_the_load(tmp_path: Path) -> None:
    """A folder was moved and a link left in its place: the plan ended well, as if all files had been seen."""
    site = site_a(tmp_path)
    site.load()
    (site.root / "Online" / "Genuine").rename(tmp_path / "volume")
    (site.root / "Online" / "Genuine").symlink_to(tmp_path / "volume")

    planned, problem = told(site)

    assert [(each.step, each.path) for each in planned] == [(Step.REJECT, "Online/Genuine")]
    assert isinstance(problem, DatasetError)
    assert str(problem) == str(site.load().problem)


def test_an_unreadable_file_is_to_be_rejected_and_keeps_others_from_being_retired() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        site.load()
        (site.root / GENUINE).chmod(0)
        site.remove(OTHER)

        planned, problem = told(site)

        assert planned == [Planned(Step.REJECT, GENUINE, "unreadable: Permission denied")]
        assert isinstance(problem, RemovalsWithheld)
        assert f"such as {OTHER}, and {GENUINE} could not be read" in str(problem)


def test_two_processes_plan_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FILES_WORTH_A_PROCESS", 5)
    in_batches_of(7, monkeypatch.setattr)
    site = site_a(tmp_path)
    alone = site.plan()

    assert site.using(workers=2).plan() == alone


def test_a_plan_can_be_broken_off(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.write({path: trajectory((9, 9, 9)) for path in (GENUINE, OTHER)})

    iterator = plan(site.source, site.settings)
    next(iterator)
    del iterator

    assert site.counts() == {"changed": 2, "unchanged": 28, "rejected": 4}
