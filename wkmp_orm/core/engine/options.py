"""Options of connections that the settings or the caller choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wkmp_orm.core.errors import ConfigurationError

Synchronous = Literal["NORMAL", "FULL"]
SqliteDriver = Literal["sqlite3", "pysqlite3"]
Bulk = Literal["session", "driver"]
"""How rows are sent: through a SQLAlchemy Session and Core, or straight to the driver."""
BulkChoice = Literal["auto"] | Bulk


@dataclass(slots=True)
class EngineOptions:
    """Options of one database's engines. The library updates them once it can read the settings.

    Times are in milliseconds. `lock_retry_ms` limits one wait for a lock inside the database
    (SQLite's busy_timeout). `max_lock_wait_ms` limits all waits and retries of one write together;
    it is also PostgreSQL's lock_timeout, which later statements get less of.
    `keep_switch_interval` leaves `sys.setswitchinterval` to the program (`switch_interval`).
    `create` lets SQLite create a missing file; after the library is open the file must exist.
    `writer_statements` run on each new connection of the writers (SQLite only).
    """

    lock_retry_ms: int = 250
    max_lock_wait_ms: int = 5_000
    reader_pool_size: int = 8
    synchronous: Synchronous = "NORMAL"
    sqlite_driver: SqliteDriver = "sqlite3"
    bulk: BulkChoice = "auto"
    read_only: bool = False
    keep_switch_interval: bool = False
    create: bool = True
    writer_statements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigurationError for an invalid value, before anything is opened with it."""
        refuse_unknown("synchronous", self.synchronous, get_args(Synchronous))
        refuse_unknown("sqlite_driver", self.sqlite_driver, get_args(SqliteDriver))
        refuse_unknown("bulk", self.bulk, ("auto", *get_args(Bulk)))
        refuse_unknown("read_only", self.read_only, (True, False))
        refuse_unknown("keep_switch_interval", self.keep_switch_interval, (True, False))
        if type(self.max_lock_wait_ms) is not int or self.max_lock_wait_ms <= 0:
            msg = f"max_lock_wait_ms={self.max_lock_wait_ms!r} must be a number of ms above 0"
            raise ConfigurationError(msg)


def refuse_unknown(name: str, given: object, known: tuple[object, ...]) -> None:
    """Raise ConfigurationError if `given` is not one of an option's known values."""
    if not any(given is value or (given == value and isinstance(given, str)) for value in known):
        msg = f"{name}={given!r} is not one of {', '.join(map(repr, known))}"
        raise ConfigurationError(msg)
