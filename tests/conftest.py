"""Databases for tests: a fresh copy of a migrated template for each, on SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import settings

from tests.support.patience import PATIENCE_S
from tests.support.postgres import running_server
from tests.support.spare_databases import SpareDatabases
from wkmp_orm import Library
from wkmp_orm.settings import AI_DATABASE_MAX_LOCK_WAIT_MS as MAX_LOCK_WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer
    from wkmp_orm.core.engine.options import BulkChoice

TEMPLATE = "wkmp_template"
DATABASES = ("sqlite", "postgresql")

# An example's time says how busy the machine is, not how good the code: what may take no longer is
# measured where it is claimed.
settings.register_profile("no deadline", settings(), deadline=None)
settings.load_profile("no deadline")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let the programs that tests start hear it.

    A shell that runs the tests in the background (`pytest &`) has them ignore it, and whom they
    start as well: a test that interrupts a program would wait for its end in vain.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Database:
    """A fresh database at the newest schema, for one test."""

    url: str
    dialect: str
    root: Path
    bulk: BulkChoice = "auto"

    def open(self, **options: Any) -> Library:
        """Open it as a user would."""
        return Library.open(self.url, **({"root": self.root, "bulk": self.bulk} | options))

    def with_usual_patience(self) -> Database:
        """Wait for the writer lock as long as a user's database does; see `make_patient`."""
        with self.open() as library:
            library.settings.save({MAX_LOCK_WAIT.name: MAX_LOCK_WAIT.default})
        return self


def make_patient(new: Path | str) -> None:
    """Make a database that waits for the writer lock as long as a setting can say.

    Beside four busy processes on two processors the usual 5 s are not enough for many writers at
    once. Tests of the deadline set their own.
    """
    with Library.open(new) as library:
        library.settings.save({MAX_LOCK_WAIT.name: 30_000})


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Fail when the tests have left a process behind; those on their way out have time to go."""
    yield
    # Python's own, which lives as long as its parent and cleans up after it.
    tracker = getattr(resource_tracker._resource_tracker, "_pid", None)
    children = [each for each in psutil.Process().children(recursive=True) if each.pid != tracker]
    _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    commands = []
    for process in left:
        with suppress(psutil.NoSuchProcess):
            commands.append(" ".join(process.cmdline()) or process.name())
            process.kill()
    assert commands == []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the PostgreSQL of this test process."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("template") / "wkmp.db"
    make_patient(path)
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgres_server: PostgresServer, tmp_path_factory: Any) -> str:
    """Make the PostgreSQL database that tests copy."""
    url = postgres_server.create_database(TEMPLATE)
    make_patient(url)
    return TEMPLATE


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Give the empty folder that is the library's root."""
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def sqlite_database(sqlite_template: Path, music: Path) -> Database:
    """Copy the SQLite template."""
    path = music / "wkmp.db"
    shutil.copyfile(sqlite_template, path)
    return Database(str(path), "sqlite", music)


@pytest.fixture(scope="session")
def spare_databases(postgres_server: PostgresServer, postgresql_template: str) -> SpareDatabases:
    """Keep copies of the PostgreSQL template, for one test after the other."""
    return SpareDatabases(postgres_server, postgresql_template)


@pytest.fixture
def postgresql_database(
    postgres_server: PostgresServer, spare_databases: SpareDatabases, music: Path
) -> Iterator[Database]:
    """Copy the PostgreSQL template."""
    name = spare_databases.take()
    yield Database(postgres_server.database_url(name), "postgresql", music)
    spare_databases.give_back(name)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Database:
    """Give a fresh database of each kind in turn."""
    fresh: Database = request.getfixturevalue(f"{request.param}_database")
    return fresh


@pytest.fixture
def library(database: Database) -> Iterator[Library]:
    """Open a fresh database of each kind in turn."""
    with database.open() as opened:
        yield opened
