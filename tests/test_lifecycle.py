"""Files appear, change, vanish, return, turn invalid, get rivals and become unreadable: the warehouse follows.

A model says what is to be in the warehouse after each load, from what the files are now and were at the loads before.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sigid.errors import DatasetError, Reason, Rejected, RemovalsWithheld, SigidError
from sigid.pipeline import load as load_module
from sigid.pipeline.facts import hash_of
from sigid.pipeline.plan import Planned, Step, plan
from sigid.pipeline.scan import clock
from sigid.sources.source_a import SourceA
from tests.databases import SqliteFiles
from tests.trees import Site, ordinary_user, picture, trajectory

ALWAYS_THERE = "Offline/Genuine/999_1.PNG"
HIDEABLE = "Online/Genuine"
PATHS = [
    "Offline/Genuine/001_1.PNG",
    "Offline/Genuine/001_01.png",
    "Online/Forgeries/0001001_1.HWR",
    "Online/Forgeries/0001001_01.HWR",
    "Online/Genuine/001_1.HWR",
    "Online/Genuine/1_1.HWR",
    "Online/Genuine/1_01.hwr",
    "Online/Genuine/002_1.HWR",
    "Online/Genuine/notes",
]
IDENTITY: dict[str, str] = {}
for _path in (*PATHS, ALWAYS_THERE):
    try:
        IDENTITY[_path] = SourceA().claim(_path).signature_id
    except Rejected:
        assert _path == "Online/Genuine/notes"

VALID = {"HWR": [trajectory((n, n, n)) for n in (1, 2)], "PNG": [picture(1), picture(2), b""]}
INVALID = {
    "HWR": {b"": Reason.EMPTY, b"1,2\n": Reason.WRONG_COLUMN_COUNT},
    "PNG": {b"no picture": Reason.NOT_PNG},
}


def kind_of(path: str) -> str:
    return "PNG" if path.startswith("Offline") else "HWR"


@dataclass
class File:
    """What is there under a path: a link has no content, an unreadable file hides it."""

    content: bytes | None
    readable: bool = True


@dataclass
class Line:
    """What the ledger is to know of a file that is there: nothing is wrong with one that is loaded."""

    rejection: tuple[Reason, tuple[str, ...]] | None = None
    was: str | None = None
    """The signature that it is; of one that turned invalid, the one that it was."""


@dataclass
class Signature:
    content: bytes
    stale: bool = False
    retired: bool = False


@dataclass
class Model:
    """What a load is to make of the files that it sees."""

    lines: dict[str, Line] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)

    def load(self, files: dict[str, File], *, hidden: bool) -> tuple[Counter[str], type[SigidError] | None]:
        """Go on to what the files are now. Returns what the load is to count, and its problem."""
        seen = {path: file for path, file in files.items() if not (hidden and path.startswith(f"{HIDEABLE}/"))}
        out_of_sight = {path for path in self.lines if hidden and path.startswith(f"{HIDEABLE}/")}
        counts = Counter[str]()
        rejections = {path: self._rejection(path, file, seen) for path, file in seen.items()}
        vanished = {path: self._holds(path) for path in set(self.lines) - set(seen) - out_of_sight}
        for path, rejection in rejections.items():
            if rejection is None:
                counts[self._register(path, files[path].content or b"")] += 1
        before = {path: self._holds(path) for path in self.lines}
        for path, rejection in rejections.items():
            if rejection is not None:
                counts["rejected"] += 1
                self._reject(path, rejection, before.get(path))
        in_doubt = hidden or any(rejection and rejection[0] is Reason.UNREADABLE for rejection in rejections.values())
        others = {self._holds(path) for path in self.lines if path not in vanished}
        lost = {path for path, id_ in vanished.items() if id_ is None or id_ not in others}
        withheld = lost if in_doubt else set()
        for path in (*withheld, *out_of_sight):
            counts["rejected" if self.lines[path].rejection else "unchanged"] += 1
        for path in set(vanished) - withheld:
            del self.lines[path]
        for id_ in {id_ for path, id_ in vanished.items() if id_ and path not in withheld}:
            if id_ not in {self._holds(path) for path in self.lines} and not self.signatures[id_].retired:
                self.signatures[id_].retired = True
                counts["retired"] += 1
        if withheld:
            return counts, RemovalsWithheld
        return counts, DatasetError if hidden else None

    def _rejection(self, path: str, file: File, seen: dict[str, File]) -> tuple[Reason, tuple[str, ...]] | None:
        if file.content is None:
            return Reason.SYMLINK, ()
        if path not in IDENTITY:
            return Reason.NAME_NOT_UNDERSTOOD, ()
        rivals = sorted(
            other
            for other, its_file in seen.items()
            if other != path and its_file.content is not None and IDENTITY.get(other) == IDENTITY[path]
        )
        if rivals:
            return Reason.IDENTITY_CONFLICT, tuple(rivals)
        if not file.readable:
            return Reason.UNREADABLE, ()
        reason = INVALID[kind_of(path)].get(file.content)
        return (reason, ()) if reason else None

    def _register(self, path: str, content: bytes) -> str:
        """Returns what a load is to count it as."""
        id_, known = IDENTITY[path], self.signatures.get(IDENTITY[path])
        self.lines[path] = Line(was=id_)
        self.signatures[id_] = Signature(content)
        if known is None or known.retired:
            return "added"
        return "unchanged" if known == Signature(content) else "changed"

    def _reject(self, path: str, rejection: tuple[Reason, tuple[str, ...]], was: str | None) -> None:
        if path in self.lines and self.lines[path].rejection == rejection:
            return
        if any(line.was == was and not line.rejection for other, line in self.lines.items() if other != path):
            was = None  # another file is it now
        self.lines[path] = Line(rejection, was)
        if was:
            self.signatures[was].stale = True

    def _holds(self, path: str) -> str | None:
        """The signature that a file is; or was, unless another one has become it since."""
        line = self.lines[path]
        return line.was if line.was and (not line.rejection or self.signatures[line.was].stale) else None


class Lifecycle(RuleBasedStateMachine):
    """What users do to the files of SOURCE_A, with a load after every second thing or so."""

    def __init__(self) -> None:
        super().__init__()
        self.leaving = ExitStack()
        self.site = Site(self.leaving.enter_context(ordinary_user()))
        self.model = Model()
        self.files = {ALWAYS_THERE: File(b"")}
        self.hidden = False
        self.checks = 0
        self.site.write({ALWAYS_THERE: b""})

    @initialize(rested=st.booleans())
    def begin(self, rested: bool) -> None:
        """Files that have rested are compared only where they are affected by others; those that have not, always."""
        if rested:
            self.leaving.enter_context(patch.object(load_module, "clock", lambda place: clock(place) + 10 * 10**9))

    def teardown(self) -> None:
        self.leaving.close()

    def _at_hand(self, *, but: tuple[str, ...] = ()) -> list[str]:
        """The paths of files that can be worked on."""
        return [path for path in sorted(self.files) if path not in but and not self._is_hidden(path)]

    def _is_hidden(self, path: str) -> bool:
        return self.hidden and path.startswith(f"{HIDEABLE}/")

    def _pick(self, data: st.DataObject, paths: list[str]) -> str | None:
        return data.draw(st.sampled_from(paths), "path") if paths else None

    def _remove(self, path: str) -> None:
        if self.files.pop(path, None):
            self.site.remove(path)

    @rule(data=st.data(), path=st.sampled_from(PATHS), valid=st.booleans(), and_load=st.booleans())
    def write(self, data: st.DataObject, path: str, valid: bool, and_load: bool) -> None:
        if self._is_hidden(path):
            return
        contents = VALID[kind_of(path)] if valid else list(INVALID[kind_of(path)])
        content = data.draw(st.sampled_from(contents), "content")
        if path in self.files and (self.files[path].content is None or not self.files[path].readable):
            self._remove(path)
        self.site.write({path: content})
        self.files[path] = File(content)
        if and_load:
            self.load()

    @rule(data=st.data(), and_load=st.booleans())
    def remove(self, data: st.DataObject, and_load: bool) -> None:
        if path := self._pick(data, self._at_hand(but=(ALWAYS_THERE,))):
            self._remove(path)
        if and_load:
            self.load()

    @rule(data=st.data(), new=st.sampled_from(PATHS), leave_link=st.booleans(), and_load=st.booleans())
    def rename(self, data: st.DataObject, new: str, leave_link: bool, and_load: bool) -> None:
        here = [path for path in self._at_hand(but=(ALWAYS_THERE, new)) if kind_of(path) == kind_of(new)]
        old = self._pick(data, here)
        if old is None or self._is_hidden(new):
            return
        self._remove(new)
        (self.site.root / new).parent.mkdir(parents=True, exist_ok=True)
        self.site.rename(old, new)
        self.files[new] = self.files.pop(old)
        if leave_link:
            (self.site.root / old).symlink_to(self.site.root / new)
            self.files[old] = File(None)
        if and_load:
            self.load()

    @rule(data=st.data(), and_load=st.booleans())
    def replace_by_a_link(self, data: st.DataObject, and_load: bool) -> None:
        if path := self._pick(data, self._at_hand(but=(ALWAYS_THERE,))):
            self._remove(path)
            (self.site.root / path).symlink_to("anywhere")
            self.files[path] = File(None)
        if and_load:
            self.load()

    @rule(data=st.data(), and_load=st.booleans())
    def lock_or_unlock_a_file(self, data: st.DataObject, and_load: bool) -> None:
        files = [path for path in self._at_hand() if self.files[path].content is not None]
        if path := self._pick(data, files):
            self.files[path].readable = not self.files[path].readable
            (self.site.root / path).chmod(0o600 if self.files[path].readable else 0)
        if and_load:
            self.load()

    @rule(and_load=st.booleans())
    def hide_or_show_a_folder(self, and_load: bool) -> None:
        self.hidden = not self.hidden
        (self.site.root / HIDEABLE).mkdir(parents=True, exist_ok=True)
        (self.site.root / HIDEABLE).chmod(0 if self.hidden else 0o700)
        if and_load:
            self.load()

    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        path = self._pick(data, self._at_hand())
        if path and self.files[path].content is not None:
            (self.site.root / path).touch()
        self.load()

    @rule(file=st.sampled_from(["listing", "manifest", "lock"]), content=st.sampled_from([None, b"", b"garbage"]))
    def damage_the_cache(self, file: str, content: bytes | None) -> None:
        if (self.site.cache / file).exists():
            (self.site.cache / file).unlink()
            if content is not None:
                (self.site.cache / file).write_bytes(content)
        self.load()

    @rule()
    def forget_the_build_folder(self) -> None:
        self.site.forget()
        self.load()

    @rule()
    def load(self) -> None:
        rejected_before = {path: line.rejection for path, line in self.model.lines.items()}
        counts, problem = self.model.load(self.files, hidden=self.hidden)
        planned, planned_problem = self._plan()

        loaded = self.site.load()

        assert Counter({name: getattr(loaded.counts, name) for name in loaded.counts._fields}) == counts
        assert type(loaded.problem) is (problem or type(None))
        self._check_the_warehouse()

        newly_rejected = {
            path
            for path, line in self.model.lines.items()
            if line.rejection and line.rejection != rejected_before.get(path)
        }
        assert Counter(each.step for each in planned if each.step is not Step.REJECT) == Counter(
            {Step.ADD: counts["added"], Step.CHANGE: counts["changed"], Step.RETIRE: counts["retired"]}
        )
        assert {each.path for each in planned if each.step is Step.REJECT} == newly_rejected
        assert str(planned_problem) == str(loaded.problem)

        self._check_that_nothing_is_left_to_do(counts)
        if problem is None and not any(each.stale and not each.retired for each in self.model.signatures.values()):
            clean = self.site.afresh()
            clean.load(allow_removals=True)
            assert self.site.digest() == clean.digest()
            assert self.site.manifest == clean.manifest

    def _plan(self) -> tuple[list[Planned], SigidError | None]:
        planned: list[Planned] = []
        try:
            for each in plan(self.site.source, self.site.settings):
                planned.append(each)  # noqa: PERF402  # what came before the problem is kept
        except SigidError as error:
            return planned, error
        return planned, None

    def _check_the_warehouse(self) -> None:
        lines = self.site.execute("SELECT path, reason FROM source_file WHERE state IN ('loaded', 'rejected')")
        assert dict(lines) == {
            path: line.rejection[0].value if line.rejection else None for path, line in self.model.lines.items()
        }
        signatures = self.site.execute("SELECT id, content_hash, stale, retired_at IS NOT NULL FROM signature")
        live = {id_: (content, bool(stale)) for id_, content, stale, retired in signatures if not retired}
        assert live == {
            id_: (hash_of(signature.content).hex(), signature.stale)
            for id_, signature in self.model.signatures.items()
            if not signature.retired
        }
        assert {id_ for id_, *_ in signatures} == set(self.model.signatures)
        self.checks += 1
        if self.checks % 4 == 1:  # it takes as long as all the rest
            assert [each for each in self.site.wrong() if "cannot be read" not in each] == []

    def _check_that_nothing_is_left_to_do(self, counts: Counter[str]) -> None:
        before = self.site.written()

        again = self.site.load().counts

        assert (again.added, again.changed, again.retired, again.rejected) == (0, 0, 0, counts["rejected"])
        assert again.unchanged == counts["unchanged"] + counts["added"] + counts["changed"]
        assert self.site.written() == before


@pytest.mark.usefixtures("on_every_database")
def test_the_warehouse_follows_whatever_becomes_of_the_files() -> None:
    lives = 20 if isinstance(Site.databases, SqliteFiles) else 4  # a server takes ten times as long
    run_state_machine_as_test(
        Lifecycle, settings=settings(max_examples=lives, stateful_step_count=15, deadline=None, database=None)
    )
