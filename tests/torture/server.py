"""A PostgreSQL of the suite's own, which is shut down as a crash does and started again.

Knows how the tests start servers; must not know the package that is being tested.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy.engine import make_url

from tests.support.patience import PATIENCE_S
from tests.support.postgres import StartedPostgresServer
from wkmp_orm import Library
from wkmp_orm.settings import AI_DATABASE_MAX_LOCK_WAIT_MS

from .oracle import judge_rows
from .places import PATIENT_MS, write_some

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .journal import Journal

# As the tests' own, but where a file `again` lies beside the data, what has ended begins once more.
_KEEPER: Final = """
directory=$1; shift
exec 3<&0
while :; do
    rm -f "$directory/again"
    "$@" </dev/null 3<&- & server=$!
    { read -r _; kill -QUIT $server; } <&3 2>/dev/null & reader=$!
    wait $server
    kill $reader 2>/dev/null
    [ -e "$directory/again" ] || break
done
rm -rf "$directory"
"""


class CrashingServer(StartedPostgresServer):
    """A server that can be shut down with no chance to write anything.

    Its processes end, the machine does not: so it need not wait for the disk, but a commit must be
    in the log, which the system has, before it is reported.
    """

    keeper = _KEEPER

    def settings(self) -> Mapping[str, str]:
        return {**super().settings(), "synchronous_commit": "on", "full_page_writes": "on"}

    def crash(self) -> None:
        """Do as `pg_ctl restart -m immediate`, and return when the new server answers."""
        (self.directory / "again").touch()
        pid = self._pid()
        os.kill(pid, signal.SIGQUIT)
        ends = time.monotonic() + PATIENCE_S
        while self._pid() in (pid, 0) or not self._answers():
            if time.monotonic() > ends:
                message = "the server did not come back"
                raise TimeoutError(message)
            time.sleep(0.01)

    def _pid(self) -> int:
        try:
            return int((self.directory / "data" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return 0


class PostgresqlPlace:
    """A database on a server, which is made anew as often as wanted."""

    def __init__(self, server: CrashingServer, folder: Path) -> None:
        """Make the template."""
        self._server = server
        self.crash = server.crash
        self._number = 0
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with Library.open(server.create_database("template"), root=folder) as library:
            library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS.name: PATIENT_MS})
        self.renew()
        write_some(self.url)

    def renew(self) -> None:
        """Make a new database, and drop the old one."""
        if self._number:
            self._server.drop_database(f"torture{self._number}")
        self._number += 1
        self.url = self._server.create_database(f"torture{self._number}", template="template")

    def judged(self, journal: Journal) -> list[str]:
        """Tell what is wrong, when the server has ended the sessions of those that were killed."""
        with closing(connect(self.url)) as connection:
            wait_until_alone(connection)
            return judge_rows(connection, journal)


def connect(url: str) -> psycopg.Connection[Any]:
    """Connect as any other program would."""
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(conninfo, autocommit=True)


def wait_until_alone(connection: psycopg.Connection[Any]) -> None:
    """Wait until nobody else is at the database: a COMMIT on its way may still take effect."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    ends = time.monotonic() + PATIENCE_S
    while connection.execute(others).fetchone() != (0,):
        if time.monotonic() > ends:
            message = "sessions of processes that are gone do not end"
            raise TimeoutError(message)
        time.sleep(0.001)
