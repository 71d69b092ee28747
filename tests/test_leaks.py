"""No password, and nobody who is not asked about, is told, kept or shown; what is written is for its owner alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.postgresql import PostgresqlServer
from tests.servers import PASSWORD, url_of_guarded
from tests.trees import file_of, index, picture, trajectories, uuid
from tests.users import PROJECT, User

PERSON = "271828"
"""A signee's number."""
COORDINATE = "31415926.5"
"""Where his pen was."""
SECRETS = {PASSWORD.encode(), quote(PASSWORD, safe="").encode(), quote(PASSWORD).encode()}

MISTAKE = """
import sigid.pipeline.load
def store(*_):
    raise RuntimeError("a mistake of ours")
sigid.pipeline.load.store = store
"""


@pytest.fixture
def url(postgresql_server: PostgresqlServer) -> str:
    """A warehouse of the one user whom the server asks for a password, with nothing in it."""
    postgresql_server.guard()
    postgresql_server.execute("DROP DATABASE guarded")
    postgresql_server.execute("CREATE DATABASE guarded OWNER guarded")
    return url_of_guarded(postgresql_server, port=postgresql_server.port)


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Someone whose datasets are many small files, enough for several processes, one person's among them."""
    user = User(tmp_path)
    datasets = tmp_path / "datasets"
    user.environment |= {"SIGID_DATASETS": str(datasets), "SIGID_WORKERS": "2"}
    files = {f"SOURCE_A/{path}": content for path, content in trajectories(range(1, 3300)).items()}
    files[f"SOURCE_A/Online/Genuine/{PERSON}_1.HWR"] = f"1,2,{COORDINATE}".encode()
    files["SOURCE_A/Online/Genuine/rejected.HWR"] = b""
    files["SOURCE_B/INDEX"] = index({uuid(1): ""})
    files[f"SOURCE_B/{file_of(uuid(1))}"] = picture()
    for path, content in files.items():
        (datasets / path).parent.mkdir(parents=True, exist_ok=True)
        (datasets / path).write_bytes(content)
    return user


def watched(user: User, look: Callable[[], None], *arguments: str) -> bytes:
    """What doit says, while somebody looks all the time; whatever comes of it."""
    process = user.start(*arguments)
    with ThreadPoolExecutor() as reader:
        output = reader.submit(process.communicate)
        while not output.done():
            look()
            time.sleep(0.02)
    return output.result()[0].encode()


def command_lines() -> bytes:
    """Those of all processes, as everybody on the machine can see them."""
    lines = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(each.read_bytes())
        except OSError:
            continue  # it has ended
    return b"\n".join(lines)


def kept(folder: Path) -> bytes:
    return b"\n".join(str(each).encode() + (each.read_bytes() if each.is_file() else b"") for each in folder.rglob("*"))


TASKS = (
    *(["plan_source_a"], ["load_source_a"], ["load_source_b"], ["load_source_a", "--rehash"], ["catalog"]),
    *(["rejects"], ["verify", "--sample=100"], ["info", "load_source_a"], ["list", "--all", "--status"]),
    *(["help", "load_source_a"], ["migrate"], ["grant"], ["clean"]),
)


def test_no_password_is_said_kept_or_seen_by_others_in_anything_that_can_be_done(user: User, url: str) -> None:
    user.environment["SIGID_WAREHOUSE"] = url
    seen: set[bytes] = set()

    said = [watched(user, lambda: seen.add(command_lines()), *arguments) for arguments in TASKS]

    assert b"3300 added" in said[1], said[1]
    assert any(b"doit" in lines for lines in seen)
    for secret in SECRETS:
        assert secret not in b"".join([*said, *seen, kept(user.folder / "build")])


def test_no_password_is_said_or_kept_where_something_fails(user: User, url: str) -> None:
    wrong = quote(PASSWORD.upper(), safe="")
    right = quote(PASSWORD, safe="")
    mistake = user.folder / "mistake"
    mistake.mkdir()
    (mistake / "sitecustomize.py").write_text(MISTAKE)
    of_mistake = {"SIGID_WAREHOUSE": url, "PYTHONPATH": f"{mistake}:{PROJECT}"}
    failures = {
        "no such user": {"SIGID_WAREHOUSE": url.replace("//guarded:", "//nobody:")},
        "another password": {"SIGID_WAREHOUSE": url.replace(right, wrong)},
        "no such database": {"SIGID_WAREHOUSE": url.replace("/guarded?", "/nowhere?")},
        "no server": {"SIGID_WAREHOUSE": f"postgresql+psycopg://guarded:{right}@127.0.0.1:1/guarded"},
        "no such host": {"SIGID_WAREHOUSE": f"postgresql+psycopg://guarded:{right}@nowhere.invalid/guarded"},
        "no number of a port": {"SIGID_WAREHOUSE": f"postgresql+psycopg://guarded:{right}@127.0.0.1:port/guarded"},
        "no such scheme": {"SIGID_WAREHOUSE": f"postgres://guarded:{right}@127.0.0.1/guarded"},
        "the password as it is": {"SIGID_WAREHOUSE": f"postgresql+psycopg://guarded:{PASSWORD}@127.0.0.1/guarded"},
        "no such option": {"SIGID_WAREHOUSE": f"{url}&nonsense=1"},
        "no folder to build in": {"SIGID_WAREHOUSE": url, "SIGID_BUILD": "/proc/nowhere"},
        "a mistake of ours": of_mistake,
    }

    for name, environment in failures.items():
        before = dict(user.environment)
        user.environment |= environment
        said = watched(user, lambda: None, "load_source_a")
        user.environment = before

        assert any(word in said for word in (b" failed: ", b"SIGID_WAREHOUSE", b"RuntimeError")), (name, said)
        assert (b"Traceback" in said) == (name == "a mistake of ours"), said
        for secret in (*SECRETS, wrong.encode(), PASSWORD.upper().encode(), COORDINATE.encode()):
            assert secret not in said + kept(user.folder / "build"), name


def test_nobody_who_is_not_asked_about_is_named(user: User) -> None:
    """A plan and the list of rejections name the files that they are about, and nothing names others."""
    tasks = [each for each in TASKS if each[0] not in ("plan_source_a", "clean")]
    seen: set[bytes] = set()

    said = [watched(user, lambda: seen.add(command_lines()), *arguments) for arguments in tasks]

    assert b"3300 added" in said[0], said[0]
    assert b"rejected.HWR" in b"".join(said)
    assert PERSON.encode() in (user.build / "source_a" / "manifest").read_bytes()
    of_doit = (user.build / "doit.sqlite3").read_bytes()
    for canary in (PERSON, COORDINATE):
        assert canary.encode() not in b"".join([*said, *seen, of_doit])


def test_everything_is_for_its_owner_alone_at_every_moment_whatever_the_umask(user: User, tmp_path: Path) -> None:
    user.environment["SIGID_WAREHOUSE"] = f"sqlite:///{tmp_path}/elsewhere/and/deeper/warehouse.sqlite"
    seen: dict[str, int] = {}

    def look() -> None:
        for place in (user.build, tmp_path / "elsewhere"):
            for each in (place, *place.rglob("*")):
                try:
                    seen[str(each)] = seen.get(str(each), 0) | each.lstat().st_mode & 0o777
                except OSError:
                    continue  # it is gone again

    before = os.umask(0o000)
    try:
        for arguments in (["load_source_a"], ["load_source_b"], ["catalog"], ["verify"], ["load_source_a", "--rehash"]):
            watched(user, look, *arguments)
    finally:
        os.umask(before)

    assert {Path(each).name for each in seen} >= {
        "warehouse.sqlite",
        "warehouse.sqlite-wal",
        "doit.sqlite3",
        "manifest",
    }
    assert {each: oct(mode) for each, mode in seen.items() if mode & 0o077} == {}
    assert {each: oct(seen[each]) for each in seen if Path(each).is_dir() and seen[each] != 0o700} == {}


def test_nothing_that_lies_on_the_disk_is_a_pickle(user: User) -> None:
    watched(user, lambda: None, "load_source_a")

    files = [each for each in user.build.rglob("*") if each.is_file()]
    assert files
    for each in files:
        assert each.read_bytes()[:2] not in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
