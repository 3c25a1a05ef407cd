"""Every error that the core raises on purpose, as one tree.

    WkmpOrmError
    ├── ConfigurationError            an argument, a path or a URL cannot be used
    ├── DatabaseUnavailableError      the database cannot be opened at all
    │   ├── ConnectionLostError       the server does not answer now, and may do so later
    │   ├── NotADatabaseError         the file is not an SQLite database, or it is damaged
    │   └── ReadOnlyDatabaseError     it can be read but not written
    ├── SchemaError                   the tables are not the ones this version needs
    │   ├── SchemaOutdatedError       older: upgrade it
    │   ├── SchemaTooNewError         made by a newer program
    │   └── SchemaUnmanagedError      the tables without a migration history
    ├── BackupError                   a backup could not be made, or cannot be restored
    ├── UnitOfWorkError               the unit of work was used against its rules
    │   ├── WrongOwnerError           from another thread, task or process
    │   ├── AlreadyFinishedError      after its commit, its discard or its database's close
    │   └── NotYetKnownError          `.guid` of a `put`, or `.matched`, before the commit
    ├── InvalidRowError               a row is invalid in itself; nothing was sent
    ├── FlushError                    the database refused; nothing was written
    │   ├── RowNotFoundError          `update` or `delete` of a missing row
    │   ├── ConditionNotMetError      the row exists, but the `where` does not hold
    │   ├── ConstraintViolationError  a named constraint refused a named row
    │   ├── LockTimeoutError          the writer lock was not free before the deadline
    │   ├── StorageError              disk full, input/output error, damaged file
    │   └── FlushFailedError          any other error of the database
    └── StoredValueError              a stored value cannot be read as its column's type

A message says what happened, to which row or because of which lock holder, and what to do.
It never contains SQL, and contains a bound value only if the caller passed it as an argument.

The advice depends on the reader: an error carries remedies, and each has words for programmers and
for users of the command line (`wkmp_orm.core.remedies`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.remedies import for_people, for_programs

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime

    from wkmp_orm.core.remedies import Remedy, Spelled


class WkmpOrmError(Exception):
    """The base class of every error that wkmp_orm raises on purpose. Each can be pickled.

    `what` says what happened. Each of `remedies` is a sufficient way out. `str` returns both, in
    words for programmers.
    """

    def __init__(self, what: str, *remedies: Remedy) -> None:
        super().__init__(for_programs(what, remedies))
        self.what = what
        self.remedies = remedies

    def for_people(self, spelled: Spelled = shlex.join) -> str:
        """Return the message for the command line; `spelled` formats a command. Any thread."""
        return for_people(self.what, self.remedies, spelled)

    def __reduce__(self) -> tuple[Any, ...]:
        # Handles are not pickled: they belong to a unit of work of this process.
        state = {n: None if n == "handle" else value for n, value in self.__dict__.items()}
        return _unpickled, (type(self), self.args, state)


def _unpickled(
    kind: type[WkmpOrmError], args: tuple[Any, ...], state: dict[str, Any]
) -> WkmpOrmError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(WkmpOrmError):
    """An argument, a path or a URL cannot be used as given."""


class DatabaseUnavailableError(WkmpOrmError):
    """The database cannot be opened at all."""


class ConnectionLostError(DatabaseUnavailableError):
    """The server does not answer now: it restarts or fails over, or the network is cut.

    Nothing was written, unless `in_doubt` is true: then the connection was lost during COMMIT, and
    committing the unit of work again finds out whether it took effect. `was_open` is true if an
    open connection was lost, so that the server may be running; otherwise connecting failed until
    the deadline.
    """

    def __init__(
        self, what: str, *remedies: Remedy, in_doubt: bool = False, was_open: bool = False
    ) -> None:
        super().__init__(what, *remedies)
        self.in_doubt = in_doubt
        self.was_open = was_open


class NotADatabaseError(DatabaseUnavailableError):
    """The file is not an SQLite database, or is damaged."""


class ReadOnlyDatabaseError(DatabaseUnavailableError):
    """The database can be read but not written."""


class SchemaError(WkmpOrmError):
    """The tables in the database are not the ones that this version needs."""


class SchemaOutdatedError(SchemaError):
    """The schema is older than this version: upgrade it."""


class SchemaTooNewError(SchemaError):
    """A newer version of the program created the schema."""


class SchemaUnmanagedError(SchemaError):
    """The database has tables of our names but no migration history."""


class BackupError(WkmpOrmError):
    """A backup failed, or its file is damaged or another program's. Nothing was changed."""


class UnitOfWorkError(WkmpOrmError):
    """The unit of work was used against its rules."""


class WrongOwnerError(UnitOfWorkError):
    """The object belongs to another thread, task or process."""


class AlreadyFinishedError(UnitOfWorkError):
    """The unit of work was committed or discarded, or its database was closed."""


class NotYetKnownError(UnitOfWorkError):
    """Only the commit will tell this: the stored guid of a `put`, whether a condition matched."""


class InvalidRowError(WkmpOrmError, ValueError):
    """A row is invalid in itself. It was not accumulated, and nothing was sent.

    `table` and `field` name the place; `field` is None if the row as a whole is invalid.
    """

    def __init__(self, table: str, field: str | None, reason: str, *remedies: Remedy) -> None:
        place = f"{table}.{field}" if field else table
        super().__init__(f"{place}: {reason}", *remedies)
        self.table = table
        self.field = field


class FlushError(WkmpOrmError):
    """The database refused a flush. The whole transaction was rolled back.

    The accumulated rows are still in the unit of work: correct them and commit again.
    """


class RowError(FlushError):
    """Base class of the flush errors that name one row: its table, its key and its handle.

    `key` is the guid, or the tuple of guids of a link row; `handle` is the handle that `add`, `put`
    or `link` returned (None for an `update` or `delete` by guid).
    """

    def __init__(
        self, what: str, *remedies: Remedy, table: str, key: Hashable, handle: Any = None
    ) -> None:
        super().__init__(what, *remedies)
        self.table = table
        self.key = key
        self.handle = handle

    @property
    def guid(self) -> Hashable:
        """The row's guid; for a link row the pair of guids."""
        return self.key


class RowNotFoundError(RowError):
    """An `update` or `delete` names a row that is not in the database."""


class ConditionNotMetError(RowError):
    """The row exists, but the `where` of its `update` or `delete` does not hold."""


class ConstraintViolationError(RowError):
    """A named constraint refused a named row."""

    def __init__(
        self,
        what: str,
        *remedies: Remedy,
        table: str,
        key: Hashable,
        constraint: str | None,
        handle: Any = None,
    ) -> None:
        super().__init__(what, *remedies, table=table, key=key, handle=handle)
        self.constraint = constraint


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds the writer ticket: process id, host name, phase, and since when (UTC)."""

    pid: int
    host: str
    phase: str
    since: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, {self.phase}, since {self.since:%H:%M:%S} UTC"


class LockTimeoutError(FlushError):
    """The writer lock was not free before the deadline. Nothing was written.

    `waited_ms` is the whole wait; `holder` is None if the lock belongs to a program that does not
    use the ticket.
    """

    def __init__(
        self, what: str, *remedies: Remedy, waited_ms: float, holder: LockHolder | None = None
    ) -> None:
        super().__init__(what, *remedies)
        self.waited_ms = waited_ms
        self.holder = holder


class StorageError(FlushError):
    """The disk is full, could not be read or written, or the file is damaged."""


class FlushFailedError(FlushError):
    """The database refused for a reason without a class of its own; `code` is the error's code."""

    def __init__(self, what: str, *remedies: Remedy, code: str | None = None) -> None:
        super().__init__(what, *remedies)
        self.code = code


class StoredValueError(WkmpOrmError, ValueError):
    """A stored value cannot be read as its column's type. It is left unchanged."""
