"""What a great many names claim is the same, however many processes ask them and whatever befalls these."""

from __future__ import annotations

import os
import signal
from array import array

import pytest

from sigid.pipeline import claims, helpers
from sigid.pipeline.facts import NO_CLAIM, UNASKED
from sigid.pipeline.folder import Folder

OWNER = os.getpid()


def claim_of(folder: Folder, index: int) -> int:
    """Something that differs from file to file."""
    known = folder.claims[index]
    return known if known != UNASKED else hash((folder.path, folder.names[index])) % 2**63 + 2


def folders() -> list[Folder]:
    """Some that are large, an empty one, and one that was asked before."""
    made = [Folder.of(f"folder{n}", [f"{n}-{each}" for each in range(files)]) for n, files in enumerate((90, 0, 7, 40))]
    asked = Folder.of("asked", ["one", "other"])
    asked.claims = array("Q", [NO_CLAIM, 77])
    half = Folder.of("half", ["one", "other"])
    half.claims = array("Q", [UNASKED, 78])
    for each in made:
        each.make_room()
    return [*made, asked, half]


EXPECTED = [[claim_of(folder, index) for index in range(len(folder.names))] for folder in folders()]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are few where processes start for them, and parts small; copies are made, whatever was run before."""
    monkeypatch.setattr(claims, "FILES_WORTH_A_PROCESS", 20)
    monkeypatch.setattr(claims, "_PART_FILES", 8)
    monkeypatch.setattr(helpers, "has_one_thread", lambda: True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("processes", [1, 2, 5])
def test_several_processes_put_down_what_one_does(processes: int) -> None:
    asked = folders()

    claims.put_down(asked, claim_of, processes)

    assert [list(folder.claims) for folder in asked] == EXPECTED


@pytest.mark.usefixtures("small")
def test_what_killed_helpers_have_begun_is_asked_again() -> None:
    asked = folders()

    def or_die(folder: Folder, index: int) -> int:
        if os.getpid() != OWNER:
            os.kill(os.getpid(), signal.SIGKILL)
        return claim_of(folder, index)

    claims.put_down(asked, or_die, 3)

    assert [list(folder.claims) for folder in asked] == EXPECTED


def test_few_files_are_asked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started"))
    asked = folders()

    claims.put_down(asked, claim_of, 8)

    assert [list(folder.claims) for folder in asked] == EXPECTED
