"""The migration history of one owner's tables: its scripts, and the table with its revision.

Alembic runs the scripts without the program's `env.py`, which would open another connection and
wait for the lock that is held here. Alembic is imported only when a migration runs: that saves a
program whose database is up to date a quarter of its import time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import ConfigurationError, SchemaError, SchemaTooNewError
from wkmp_orm.core.schema.alone import one_at_a_time, silence_about_indexes
from wkmp_orm.core.schema.revisions import revisions_in_line

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.script import ScriptDirectory

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.remedies import Remedy

_LONGEST_NAME: Final = 63
"""PostgreSQL truncates longer names without an error."""


@dataclass(frozen=True)
class Migrations:
    """One migration history: a folder with `versions/` in it, and a version table.

    `tables` are the names of the tables that it creates, in lower case, and `owner` names their
    program in messages. A history that is run but never compared needs neither.
    """

    scripts: Path
    version_table: str
    tables: frozenset[str] = frozenset()
    owner: str = "this program"

    def refuse_unusable(self) -> None:
        """Raise ConfigurationError if the folder or the name of the table cannot be used."""
        table = self.version_table
        if not (table.isascii() and table.isidentifier() and len(table) <= _LONGEST_NAME):
            message = (
                f"version_table={table!r} is no name for a table: give letters, digits and"
                f" underscores, {_LONGEST_NAME} at the most"
            )
            raise ConfigurationError(message)
        if not (self.scripts / "versions").is_dir():
            message = (
                f"{self.scripts} has no folder `versions`: give the folder that `alembic init` made"
            )
            raise ConfigurationError(message)

    def revisions(self) -> tuple[str, ...]:
        """Return the revisions of all scripts, the newest first."""
        line = revisions_in_line(self.scripts / "versions")
        if line is not None:
            return line
        return tuple(each.revision for each in self._script_directory().walk_revisions())

    def remedies_if_outdated(self, _target: DatabaseTarget) -> tuple[Remedy, ...]:
        """Return the remedies for a database that is older than the scripts."""
        return ()

    def remedies_if_too_new(self) -> tuple[Remedy, ...]:
        """Return the remedies for a database that is newer than the scripts."""
        return ()

    def upgrade(self, connection: sa.Connection) -> None:
        """Upgrade to the newest revision, inside the caller's transaction."""
        self.run(connection, self.steps(connection, "head"))

    def steps(self, connection: sa.Connection, revision: str) -> list[Any]:
        """Return the steps from the recorded revision to `revision`, up or down.

        Raises SchemaError if there is no script for one of the two.
        """
        from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        script = self._script_directory()
        options = {"version_table": self.version_table}
        context = MigrationContext.configure(connection=connection, opts=options)
        recorded: Any = context.get_current_heads()  # as alembic's own commands pass it on
        known = {each.revision for each in script.walk_revisions()}
        unknown = sorted(set(recorded) - known)
        if unknown:
            message = (
                f"{self.version_table} is at revision {', '.join(unknown)}, which is not among the"
                f" scripts in {self.scripts}: a newer version of them made it"
            )
            raise SchemaTooNewError(message)
        try:
            if revision == "base" or revision in _behind(script, recorded):
                return script._downgrade_revs(revision, recorded)
            return script._upgrade_revs(revision, recorded)
        except CommandError as error:
            message = f"the migrations in {self.scripts} do not lead to {revision}: {error}"
            raise SchemaError(message) from error

    def run(self, connection: sa.Connection, steps: list[Any]) -> None:
        """Run the steps, inside the caller's transaction.

        On SQLite foreign keys must be off already. Any thread may call.
        """
        from alembic.config import Config  # noqa: PLC0415
        from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(self.scripts).replace("%", "%%"))
        with (
            one_at_a_time,
            silence_about_indexes(),
            EnvironmentContext(
                config, self._script_directory(), fn=lambda _revision, _context: steps
            ) as environment,
        ):
            environment.configure(
                connection=connection,
                version_table=self.version_table,
                # Alembic assumes False on SQLite because of the driver's own BEGIN, which is off.
                transactional_ddl=True,
            )
            environment.run_migrations()

    def _script_directory(self) -> ScriptDirectory:
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        return ScriptDirectory(str(self.scripts))


def folder_of(given: str | os.PathLike[str], argument: str) -> Path:
    """Return a folder's absolute path. Raises ConfigurationError if `given` is not a path."""
    try:
        return Path(given).expanduser().absolute()
    except TypeError:
        msg = f"{argument}={given!r} is not the path of a folder; give text or a path"
        raise ConfigurationError(msg) from None


def _behind(script: ScriptDirectory, recorded: Iterable[str]) -> set[str]:
    """Return the ancestors of the recorded revisions."""
    heads = tuple(recorded)
    if not heads:
        return set()
    taken = {each.revision for each in script.iterate_revisions(heads, "base")}
    return taken - set(heads)
