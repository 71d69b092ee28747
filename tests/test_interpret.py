"""interpret: what files say under the names that they have, wherever that is found out."""

from __future__ import annotations

import pickle
from pathlib import Path

from sigid.errors import Reason
from sigid.pipeline.extract import Plain
from sigid.pipeline.facts import hash_of
from sigid.pipeline.interpret import File, Job, Known, Readings, Registrable, interpret
from sigid.sources.source_a import SourceA
from tests.trees import picture, site_a, trajectory

FILES = {
    "Offline/Genuine/001_01.png": picture(),
    "Offline/Genuine/001_02.png": b"",
    "Offline/Forgeries/0103001_01.png": b"no picture",
    "Online/Forgeries/0103001_1.hwr": trajectory((1, 2, 3), (4, 5, 6)),
    "Online/Genuine/001_1.hwr": b"1,2\n",
}
SENTINEL = "2026-11-23 00:00:00.000000"


def job(folder: Path, *files: File) -> Job:
    source = SourceA()
    return Job(str(site_a(folder, FILES).root), source, source.names(None), SENTINEL, list(files))


def test_readings_arrive_in_another_process_as_they_were(tmp_path: Path) -> None:
    readings = interpret(job(tmp_path, *map(File, FILES), File("Online/Genuine/002_1.hwr")))

    arrived = pickle.loads(pickle.dumps(readings))  # noqa: S301  # as they are sent

    assert arrived == readings
    assert isinstance(arrived, Readings)
    assert [type(each.said) for each in arrived] == [Registrable, Registrable, tuple, Registrable, tuple, Plain]
    drawn = arrived[3].said
    assert isinstance(drawn, Registrable)
    assert drawn.row.point_count == 2
    assert drawn.signature.trajectory == drawn.trajectory
    assert drawn.forger is not None
    assert (drawn.signee.external_id, drawn.forger.external_id, drawn.row.created) == ("1", "103", SENTINEL)
    assert [each.rejection and each.rejection[0] for each in arrived] == [
        *(None, None, Reason.NOT_PNG, None, Reason.WRONG_COLUMN_COUNT, None)
    ]


def test_a_content_is_the_known_one_only_under_the_same_claim_and_version(tmp_path: Path) -> None:
    path = "Online/Forgeries/0103001_1.hwr"
    (first,) = interpret(job(tmp_path, File(path)))
    known = Known(hash_of(FILES[path]).hex(), first.claim, first.version)

    others = [
        known,
        known._replace(content_hash=hash_of(b"").hex()),
        known._replace(claim="another"),
        known._replace(version="0.9"),
    ]
    outcomes = [interpret(job(tmp_path, File(path, each)))[0].said for each in others]

    assert [outcome is Plain.SAME for outcome in outcomes] == [True, False, False, False]
