"""MLflow's database: its role is a plain one, and the server has no right that it does not need."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg2  # type: ignore[import-untyped]  # it ships no types
import pytest

from components.platform import Platform
from local import credentials
from local.home import Home
from local.servers import ports, postgres, supervision
from tests.support.waiting import wait_until


def connected(port: int, home: Home, user: str = postgres.USER) -> "psycopg2.extensions.connection":
    password = credentials.postgres_password(home)
    return psycopg2.connect(
        host="127.0.0.1", port=port, user=user, password=password, dbname=postgres.DATABASE
    )


def refused(connection: "psycopg2.extensions.connection", statement: str) -> None:
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
        connection.rollback()


def test_who_has_mlflow_s_password_reads_and_writes_no_file(platform: Platform, home: Home) -> None:
    assert platform.registry.url
    port = ports.kept(home)["postgres"]
    with closing(connected(port, home)) as connection:
        for statement in (
            f"COPY (SELECT 1) TO '{home.path}/written'",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('/etc/hostname')",
            "CREATE ROLE another SUPERUSER",
        ):
            refused(connection, statement)
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        connected(port, home, "postgres")


def test_the_server_may_write_nobody_s_files(platform: Platform, home: Home) -> None:
    assert platform.registry.url
    (pid,) = (each.pid for each in supervision.processes(home) if each.name == "postgres")
    status = Path(f"/proc/{pid}/status").read_text()
    (held,) = (int(line.split()[1], 16) for line in status.splitlines() if "CapEff" in line)
    assert psutil.Process(pid).uids().effective != 0
    read_search = 1 << 2
    assert held & ~read_search == 0


@contextmanager
def started(home: Home, port: int) -> Iterator[None]:
    program = postgres.server(home, {"postgres": port}).program
    with subprocess.Popen(program.command, cwd="/", stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def wait_for_answer(home: Home, port: int) -> None:
    healthy = postgres.server(home, {"postgres": port}).healthy
    wait_until(lambda: healthy() is None)


def test_the_superuser_of_an_earlier_sluice_becomes_a_plain_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.make()
    credentials.make(home)
    with monkeypatch.context() as earlier:
        earlier.setattr(postgres, "_SUPERUSER", postgres.USER)
        earlier.setattr(postgres, "_role", lambda _: "SELECT 1")
        earlier.setattr(postgres, "_refuse_superuser", lambda *_: None)
        postgres.prepare(home)
    postgres._plain(home).unlink()
    table = "CREATE TABLE kept (id serial PRIMARY KEY, said text)"
    postgres._say(home, postgres._data(home), "mlflow", table, "INSERT INTO kept VALUES (7, 'a')")
    postgres.prepare(home)
    postgres.prepare(home)
    (port,) = ports.choose(1)
    with started(home, port):
        wait_for_answer(home, port)
        with closing(connected(port, home)) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE kept ADD COLUMN more text")
            cursor.execute("INSERT INTO kept VALUES (8, 'b')")
            cursor.execute("SELECT id FROM kept")
            assert cursor.fetchall() == [(7,), (8,)]
            connection.commit()
            refused(connection, "SELECT pg_read_file('/etc/hostname')")
