"""What is MariaDB's own: how large a row may be, option files, certificates, and roles that are made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

from sigid.entity import Points
from sigid.errors import SettingError, WarehouseError
from sigid.service import NewXYZSignature
from sigid.warehouse import mysql_server
from sigid.warehouse.database import open_database
from sigid.warehouse.mysql_server import Server
from sigid.warehouse.roles import Roles
from sigid.warehouse.warehouse import open_warehouse
from tests.databases import Databases
from tests.mariadb import MariadbServer, OwnMariadbServer
from tests.servers import PASSWORD, refusal, url_of_guarded
from tests.trees import Site, site_a, trajectories

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="session")
def databases(mariadb_databases: Databases) -> Databases:
    return mariadb_databases


@pytest.fixture
def guarded(mariadb_server: MariadbServer) -> OwnMariadbServer:
    """The server, which has a user who must say his password."""
    if not isinstance(mariadb_server, OwnMariadbServer):
        pytest.skip("whom the server that SIGID_TEST_MARIADB names lets in is not ours to say")
    mariadb_server.guard()
    return mariadb_server


def test_a_row_that_is_more_than_the_server_takes_is_told_at_once(
    warehouse_url: str, mariadb_server: MariadbServer
) -> None:
    points = Points([(1.0, 2.0, 3.0)] * 40_000)
    ((usual,),) = mariadb_server.execute("SELECT @@GLOBAL.max_allowed_packet")
    mariadb_server.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with open_warehouse(warehouse_url) as warehouse, pytest.raises(WarehouseError) as refused:
            warehouse.service().register_signatures([NewXYZSignature(points=points)])
    finally:
        mariadb_server.execute(f"SET GLOBAL max_allowed_packet = {usual}")

    assert str(refused.value).endswith("; have the server take larger packets: max_allowed_packet")


def test_rows_go_in_as_many_statements_as_a_server_that_takes_little_needs(
    warehouse_url: str, mariadb_server: MariadbServer
) -> None:
    """Rows of 1 MiB together were more than 1 MiB with the words before and after them, and were sent all the same."""
    with setting(mariadb_server, "max_allowed_packet", "65536"), open_warehouse(warehouse_url) as warehouse:
        points = [(1.0, 2.0, 3.0)] * 500
        many = [NewXYZSignature(points=points, sample=str(number)) for number in range(20)]
        warehouse.service().register_signatures(many, idempotence_key="signing/customers/1")

        assert warehouse.signatures().count() == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [("sql_select_limit", "2"), ("sql_safe_updates", "1"), ("max_join_size", "2"), ("completion_type", "'CHAIN'")],
)
def test_what_a_server_keeps_people_from_is_not_kept_from_us(
    tmp_path: Path, databases: Databases, mariadb_server: MariadbServer, name: str, value: str
) -> None:
    """With a limit of rows a catalogue, a digest and an export were of so many rows, and nothing said so."""
    expected = site_a(tmp_path / "one")
    expected.load()
    site = site_a(tmp_path / "other").using(warehouse=databases.url(tmp_path))
    with setting(mariadb_server, name, value):
        site.load()
        digest = site.digest()

    assert digest == expected.digest()


@contextmanager
def setting(server: MariadbServer, name: str, value: str) -> Iterator[None]:
    """For connections that are made meanwhile."""
    ((usual,),) = server.execute(f"SELECT @@GLOBAL.{name}")
    server.execute(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL {name} = %s", [usual])


def test_a_password_may_be_in_the_url_or_an_option_file(guarded: OwnMariadbServer, tmp_path: Path) -> None:
    open_warehouse(url_of_guarded(guarded, port=guarded.port)).close()
    guarded.execute("CREATE USER IF NOT EXISTS plain@'%' IDENTIFIED BY 'S3cret Pw'")
    guarded.execute("GRANT ALL ON guarded.* TO plain@'%'")
    own = f"mysql+pymysql://127.0.0.1:{guarded.port}/guarded"
    options = "[client]\nuser = plain\npassword = 'S3cret Pw'\n"
    (tmp_path / ".my.cnf").write_text(options)
    open_warehouse(own).close()
    (tmp_path / ".my.cnf").rename(tmp_path / "another.cnf")
    open_warehouse(f"{own}?read_default_file={quote(str(tmp_path / 'another.cnf'))}").close()

    assert "Access denied for user" in refusal(url_of_guarded(guarded, "", guarded.port))


def test_an_option_file_that_cannot_be_read_is_named_and_nothing_of_it_told(
    guarded: OwnMariadbServer, tmp_path: Path
) -> None:
    (tmp_path / ".my.cnf").write_text(f"password = {PASSWORD}\n")

    assert refusal(url_of_guarded(guarded, "", guarded.port), SettingError).startswith(
        f"{tmp_path}/.my.cnf is no option file "
    )


@pytest.mark.parametrize("rest", [f"{quote(PASSWORD, safe='')}@host", f"{quote(PASSWORD, safe='')}#@host/db"])
def test_a_url_without_a_database_or_cut_short_by_a_number_sign_is_refused(rest: str) -> None:
    assert refusal(f"mysql+pymysql://me:{rest}", SettingError) == (
        "SIGID_WAREHOUSE is no URL of a MariaDB or MySQL database; write it like mysql+pymysql://user@host/database"
    )


def test_certificates_that_are_not_there_are_told() -> None:
    text = refusal("mysql+pymysql://me@host/db?ssl_ca=/nowhere/ca.pem", SettingError)

    assert text.startswith("the certificates that SIGID_WAREHOUSE names cannot be used (No such file or directory); ")


@pytest.mark.parametrize(
    ("host", "proven", "warned"),
    [("db.example.org", False, True), ("db.example.org", True, False), ("127.0.0.1", False, False), ("", False, False)],
)
def test_a_way_to_the_server_that_proves_nothing_earns_a_line_that_says_how(
    host: str, proven: bool, warned: bool
) -> None:
    advice = mysql_server.tls_advice(host, proven)

    assert (advice is not None) == warned
    assert advice is None or ("ssl_verify_identity=true" in advice and "\n" not in advice)


def test_what_is_said_of_roles_makes_them(
    tmp_path: Path, databases: Databases, mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Site, "databases", databases)
    site = site_a(tmp_path)
    site.load()
    name = site.settings.warehouse.partition("?")[0].rpartition("/")[2]

    def said_to(login: str, statement: str) -> Any:
        with closing(Server(mariadb_server.url(name, user=login)).connect()) as driver, driver.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    roles = Roles("its owner", "loader", "reader")
    try:
        with closing(open_database(site.settings.warehouse)) as database:
            first, *statements = database.grant(roles)
        for statement in statements:
            mariadb_server.execute(statement)
        for login, role in {"lou": "loader", "rita": "reader"}.items():
            mariadb_server.execute(f"CREATE USER {login}@'%'")
            mariadb_server.execute(f"GRANT {role} TO {login}@'%'")
            mariadb_server.execute(f"SET DEFAULT ROLE {role} FOR {login}@'%'")

        lou = site.using(warehouse=mariadb_server.url(name, user="lou"))

        assert first.endswith("roles are made by hand; nothing was done. This would do it:")
        assert lou.write(trajectories([100])).counts()["added"] == 1
        with pytest.raises(WarehouseError, match="use a role that has the right, or have its owner grant it"):
            open_database(mariadb_server.url(name, user="rita"))
        assert said_to("rita", "SELECT count(*) FROM signatures WHERE signee = '100'") == ((1,),)
        for login, forbidden in (("lou", "DELETE FROM signature"), ("rita", "SELECT * FROM signature")):
            with pytest.raises(pymysql.OperationalError, match="command denied"):
                said_to(login, forbidden)
    finally:
        for statement in ("DROP USER IF EXISTS lou@'%', rita@'%'", "DROP ROLE IF EXISTS `its owner`, loader, reader"):
            mariadb_server.execute(statement)
