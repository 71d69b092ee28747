"""What is PostgreSQL's own: arrays on the wire, schemas, where it finds a password, and how it proves what it is."""

from __future__ import annotations

import logging
import random
import socket
import sys
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psycopg
import pytest

from sigid.entity import Points
from sigid.errors import ConnectionLost, SettingError, WarehouseError
from sigid.service import NewXYZSignature
from sigid.warehouse import postgresql_server as postgresql_server_module
from sigid.warehouse.postgresql import from_wire, to_wire
from sigid.warehouse.server import TOOK_TOO_LONG
from sigid.warehouse.warehouse import open_warehouse
from tests.databases import Databases
from tests.postgresql import PostgresqlServer
from tests.servers import PASSWORD, refusal, url_of_guarded

ONE_POINT = [NewXYZSignature(points=Points([(1.0, 2.0, 3.0)]), sample="1")]

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="session")
def databases(postgresql_databases: Databases) -> Databases:
    return postgresql_databases


@pytest.fixture
def guarded(postgresql_server: PostgresqlServer) -> PostgresqlServer:
    """The server, which has a role that must say its password."""
    postgresql_server.guard()
    return postgresql_server


# Arrays


@pytest.mark.parametrize("size", [1, 2, 200])
def test_an_array_is_sent_as_the_server_sends_it(postgresql_server: PostgresqlServer, size: int) -> None:
    chance = random.Random(size)  # noqa: S311  # repeatable is what it must be
    numbers = [*(chance.uniform(-1e15, 1e15) for _ in range(size - 1)), -0.0]
    packed = array("d", numbers).tobytes() if sys.byteorder == "little" else np.array(numbers, "<f8").tobytes()

    ((sent,),) = postgresql_server.execute("SELECT array_send(%s::float8[])", [numbers])

    assert to_wire(packed) == sent
    assert from_wire(sent) == packed


def test_points_are_arrays_to_any_client(warehouse_url: str, databases: Databases) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        points = Points([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)])
        warehouse.service().register_signatures([NewXYZSignature(points=points, metadata={"hertz": 200})])

    (row,) = databases.execute(
        warehouse_url,
        "SELECT x, y, z[2], metadata->>'hertz', array_length(x, 1) = point_count"
        " FROM signature JOIN trajectory ON signature_id = id",
    )
    assert row == ([1.0, 4.0], [2.0, 5.0], 6.0, "200", True)


def test_an_array_that_somebody_else_made_and_is_no_list_of_numbers_is_refused(
    warehouse_url: str, databases: Databases
) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures(ONE_POINT, "1")
        for other in ("{NULL}", "{{1},{2}}", "{}"):
            databases.execute(warehouse_url, f"UPDATE trajectory SET x = '{other}'")  # noqa: S608  # of constants
            with pytest.raises(WarehouseError, match="a coordinate of a trajectory is no list of numbers"):
                warehouse.digest()


# Where it is, and who is let in


def test_a_schema_that_is_not_there_is_told(postgresql_server: PostgresqlServer) -> None:
    assert refusal(postgresql_server.url(schema="nowhere")).endswith(
        "; create that schema, or name another one in SIGID_WAREHOUSE"
    )


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_does_not_take_all_names_of_files_is_refused_at_once(
    postgresql_server: PostgresqlServer, encoding: str
) -> None:
    """In LATIN1 each load ended in a traceback over a Greek name of a file, in SQL_ASCII over any name."""
    postgresql_server.execute(f"CREATE DATABASE narrow ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        said = refusal(postgresql_server.url("narrow"))
    finally:
        postgresql_server.execute("DROP DATABASE narrow")

    assert f"a database with the encoding {encoding} does not take" in said
    assert said.endswith("; make one with the encoding UTF8")


def test_the_environment_may_say_which_schema_and_not_which_encoding(
    postgresql_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PGOPTIONS said was passed over, and the tables were made in another schema than psql shows."""
    postgresql_server.execute("CREATE SCHEMA elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    try:
        with open_warehouse(postgresql_server.url()) as warehouse:
            warehouse.service().register_signatures([NewXYZSignature(points=[(1, 2, 3)], sample="\u03b1")])
            (signature,) = warehouse.signatures()

        ((made,),) = postgresql_server.execute("SELECT count(*) FROM elsewhere.signature")
    finally:
        postgresql_server.execute("DROP SCHEMA elsewhere CASCADE")

    assert (made, signature.sample) == (1, "\u03b1")


def test_a_transaction_that_the_server_ended_for_taking_too_long_is_told_as_such(
    postgresql_server: PostgresqlServer,
) -> None:
    """It was to be run again when the cause is gone, and nothing said what that was."""
    for state in ("25P03", "25P04"):
        ended = psycopg.OperationalError("terminating connection due to a timeout")
        ended.sqlstate = state

        told = postgresql_server_module.Server(postgresql_server.url()).refusal(ended)

        assert str(told).endswith(f"; {TOOK_TOO_LONG}")


def test_a_password_with_an_at_sign_as_it_is_does_not_show_half_of_it_as_the_host() -> None:
    half = quote(PASSWORD, safe="")

    assert refusal(f"postgresql+psycopg://me:un@{half}@host/db", SettingError) == (
        "SIGID_WAREHOUSE is no URL of a PostgreSQL database; write it like postgresql+psycopg://user@host/database"
    )


def test_a_password_may_be_in_the_url_the_environment_or_a_file(
    guarded: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:guarded:guarded:{PASSWORD}\n")
    file.chmod(0o600)

    open_warehouse(url_of_guarded(guarded)).close()
    with monkeypatch.context() as environment:
        environment.setenv("PGPASSWORD", PASSWORD)
        open_warehouse(url_of_guarded(guarded, "")).close()
    with monkeypatch.context() as environment:
        environment.setenv("PGPASSFILE", str(file))
        open_warehouse(url_of_guarded(guarded, "")).close()

    assert "no password supplied" in refusal(url_of_guarded(guarded, ""))


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"S", 'root certificate file "/nowhere/ca.pem" does not exist'), (b"N", "server does not support SSL")],
    ids=["no certificates here", "no proof there"],
)
def test_where_the_server_cannot_prove_what_it_is_what_to_check_is_told(answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as thread:
        port = listening.getsockname()[1]
        asked = thread.submit(answer_once, listening, answer)
        text = refusal(
            f"postgresql+psycopg://me@127.0.0.1:{port}/db?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
            ConnectionLost,
        )
        asked.result()

    assert said in text
    assert "; check sslmode, sslrootcert, sslcert and sslkey in SIGID_WAREHOUSE" in text


def answer_once(listening: socket.socket, answer: bytes) -> None:
    """Answer the first one who asks whether the server speaks TLS."""
    listening.settimeout(20)
    reached, _ = listening.accept()
    with reached:
        reached.recv(8)
        reached.sendall(answer)


@pytest.mark.parametrize(
    ("host", "mode", "warned"),
    [
        ("db.example.org", "", True),
        ("192.0.2.1", "require", True),
        ("db.example.org", "verify-ca", True),
        ("db.example.org", "verify-full", False),
        ("localhost", "", False),
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("/run/postgresql", "", False),
    ],
)
def test_a_way_to_the_server_that_proves_nothing_earns_a_line_that_says_how(host: str, mode: str, warned: bool) -> None:
    advice = postgresql_server_module.tls_advice(host, mode)

    assert (advice is not None) == warned
    assert advice is None or ("sslmode=verify-full" in advice and "\n" not in advice)


def test_how_the_server_has_to_prove_what_it_is_may_be_in_the_environment(
    guarded: PostgresqlServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postgresql_server_module, "tls_advice", lambda host, mode: f"beware of {host}, {mode}")
    monkeypatch.setenv("PGSSLMODE", "disable")

    with caplog.at_level(logging.WARNING, "sigid"):
        open_warehouse(url_of_guarded(guarded)).close()

    assert [record.getMessage() for record in caplog.records] == [
        f"the warehouse guarded at {guarded.place}: beware of {guarded.place}, disable"
    ]
