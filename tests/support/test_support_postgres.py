"""The PostgreSQL of the tests starts wherever they run, and never outlives them."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from . import postgres, postgres_binaries
from .patience import PATIENCE_S
from .postgres import StartedPostgresServer, running_server
from .postgres_binaries import PostgresNotAvailableError, find_binaries

if TYPE_CHECKING:
    from .postgres import PostgresServer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("binaries", find_binaries(), ids=str)
def test_a_server_starts_and_stops(binaries: Path) -> None:
    server = StartedPostgresServer(binaries)
    engine = create_engine(server.create_database("first"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_setting('max_connections')")) == "200"
    engine.dispose()
    server.stop()
    server.stop()
    assert not server.directory.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo(server.url))


def test_binaries_in_a_private_folder_are_copied_for_the_server(tmp_path: Path) -> None:
    install = find_binaries()[0].parent
    private = tmp_path / "private" / install.parent.name / install.name
    shutil.copytree(install, private, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, tmp_path / "private" / libraries.name)
    (tmp_path / "private").chmod(0o700)
    server = StartedPostgresServer(private / "bin")
    try:
        assert databases(server)
        assert (server.directory / "wheel").exists() == (os.geteuid() == 0)
    finally:
        server.stop()
    assert not server.directory.exists()


def test_a_copied_database_has_the_rows_of_its_template(postgres_server: PostgresServer) -> None:
    with psycopg.connect(conninfo(postgres_server.create_database("original"))) as original:
        original.execute("CREATE TABLE songs AS SELECT 'Sinnerman' AS title")
    with psycopg.connect(conninfo(postgres_server.create_database("copy", "original"))) as copied:
        assert copied.execute("SELECT title FROM songs").fetchall() == [("Sinnerman",)]
    postgres_server.drop_database("copy")
    postgres_server.drop_database("original")


def test_a_database_is_dropped_under_its_connections(postgres_server: PostgresServer) -> None:
    connection = psycopg.connect(conninfo(postgres_server.create_database("busy")))
    postgres_server.drop_database("busy")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    postgres_server.drop_database("busy")


def test_a_server_of_others_is_used_and_left_clean(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WKMP_TEST_PG_URL", postgres_server.url.replace("+psycopg", ""))
    before = databases(postgres_server)
    with running_server() as one, running_server() as other:
        assert one.create_database("same") != other.create_database("same")
        assert len(databases(postgres_server)) == len(before) + 2
    assert databases(postgres_server) == before


def test_a_server_of_others_that_does_not_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WKMP_TEST_PG_URL", "postgresql://me:secret@/x?host=/nonexistent")
    with pytest.raises(PostgresNotAvailableError, match="does not answer") as caught:
        running_server().__enter__()
    assert "secret" not in str(caught.value)


def test_no_server_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "_INSTALLED", tmp_path)
    monkeypatch.setattr(postgres_binaries, "_WHEEL", "not_installed")
    with pytest.raises(PostgresNotAvailableError, match="WKMP_TEST_PG_URL"):
        find_binaries()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_SETTINGS", {"max_connections": "none"})
    with pytest.raises(PostgresNotAvailableError, match="max_connections"):
        StartedPostgresServer(find_binaries()[0])


STARTED_BY = {
    "the_main_thread": "server = start()",
    "a_thread_that_has_ended": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as threads:
    server = threads.submit(start).result()
""",
    "a_process_whose_forked_child_lives_on": """
server = start()
if os.fork() == 0:
    os.read(lifeline, 1)
    os._exit(0)
""",
}


@pytest.mark.parametrize("start", STARTED_BY.values(), ids=STARTED_BY.keys())
def test_a_server_ends_when_its_tests_are_killed(start: str) -> None:
    lifeline, held = os.pipe()
    program = f"""
import os, sys
from tests.support.postgres import StartedPostgresServer
from tests.support.postgres_binaries import find_binaries
lifeline = {lifeline}
def start(): return StartedPostgresServer(find_binaries()[0])
{start}
print(server.url, flush=True)
os.read(lifeline, 1)
"""
    tests = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, pass_fds=[lifeline]
    )
    try:
        assert tests.stdout is not None
        url = tests.stdout.readline().decode().strip()
        with closing(psycopg.connect(conninfo(url))) as connection:
            tests.send_signal(signal.SIGKILL)
            tests.wait()
            closed_by_server, _, _ = select.select([connection], [], [], PATIENCE_S)
    finally:
        tests.kill()
    assert closed_by_server
    directory = Path(str(make_url(url).query["host"]))
    deadline = time.monotonic() + PATIENCE_S
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not directory.exists()
    os.close(held)
    os.close(lifeline)
    tests.stdout.close()


def conninfo(url: str) -> str:
    """Return what libpq calls the URL that SQLAlchemy knows as `postgresql+psycopg`."""
    plain = make_url(url).set(drivername="postgresql")
    return plain.render_as_string(hide_password=False)


def databases(server: PostgresServer) -> set[str]:
    """Return the names of all databases on a server."""
    with closing(psycopg.connect(conninfo(server.url))) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
