"""How connections are to behave: the few numbers that the settings or the caller choose."""

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
    """Options of one library's engines. The library updates it once the settings can be read.

    Times are in milliseconds. `lock_retry_ms` is one wait for a lock inside the database
    (SQLite's busy_timeout); `max_lock_wait_ms` is the deadline over all waits and retries of one
    write (and PostgreSQL's lock_timeout, of which later statements have what is left).
    `keep_switch_interval` leaves `sys.setswitchinterval` to the program (`switch_interval`).
    `create` lets SQLite make a file that is not there; once a library is open its file has to be.
    `writer_statements` are what each connection of the writers executes when it is opened, on
    SQLite.
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
        """Raise ConfigurationError for what is no option, before anything is opened with it."""
        refuse_unknown("synchronous", self.synchronous, get_args(Synchronous))
        refuse_unknown("sqlite_driver", self.sqlite_driver, get_args(SqliteDriver))
        refuse_unknown("bulk", self.bulk, ("auto", *get_args(Bulk)))
        refuse_unknown("read_only", self.read_only, (True, False))
        refuse_unknown("keep_switch_interval", self.keep_switch_interval, (True, False))
        if type(self.max_lock_wait_ms) is not int or self.max_lock_wait_ms <= 0:
            msg = f"max_lock_wait_ms={self.max_lock_wait_ms!r} is no number of milliseconds above 0"
            raise ConfigurationError(msg)


def refuse_unknown(name: str, given: object, known: tuple[object, ...]) -> None:
    """Raise ConfigurationError if the value of an option is none of those that are known."""
    if not any(given is value or (given == value and isinstance(given, str)) for value in known):
        msg = f"{name}={given!r} is not one of {', '.join(map(repr, known))}"
        raise ConfigurationError(msg)
