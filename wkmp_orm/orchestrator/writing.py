"""How an import writes a phase, and which failures are one file's and which are everybody's.

Knows units of work and errors; must not know what a phase writes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from wkmp_orm.core.engine.retry import retry_after
from wkmp_orm.errors import (
    DatabaseUnavailableError,
    LockTimeoutError,
    NoDecoderError,
    SchemaError,
    StorageError,
    WkmpOrmError,
)
from wkmp_orm.phases import in_unit_of_work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")

LOCK_TIMEOUTS: Final = 3
"""How often in a row a phase may wait in vain for the writer lock: 15 s with the default settings.
Somebody who holds it longer holds it for all files, and the import ends instead of failing them."""

SERVER_LOCK_TIMEOUTS: Final = 18
"""The same on PostgreSQL: 90 s. A machine that died in a transaction keeps its locks for a minute,
until the server ends its session."""

FATAL_ERRORS: Final = (
    DatabaseUnavailableError,
    LockTimeoutError,
    NoDecoderError,
    SchemaError,
    StorageError,
    MemoryError,
    KeyboardInterrupt,
)
"""Errors that the next file would meet as well: the import cannot go on."""

LONGEST_REASON: Final = 1_000


def write(library: Library, phase: str, fill: Callable[[UnitOfWork], T]) -> T:
    """Write a phase in one unit of work, and return what `fill` returned. Raises FlushErrors."""
    is_server = library.target.dialect == "postgresql"
    return retry_lock_timeouts(
        lambda: in_unit_of_work(library, phase, fill),
        attempts=SERVER_LOCK_TIMEOUTS if is_server else LOCK_TIMEOUTS,
    )


def retry_lock_timeouts(write_something: Callable[[], T], *, attempts: int = LOCK_TIMEOUTS) -> T:
    """Call a function that writes, again when the lock did not come, and return its answer."""
    return retry_after(
        LockTimeoutError, write_something, attempts=attempts, log_level=logging.WARNING
    )


def reason_of(error: BaseException, root: Path) -> str:
    """Return why a file failed, fit to be stored and shown: no paths of this machine, no NUL."""
    if isinstance(error, WkmpOrmError):
        text = error.for_people()
    elif isinstance(error, OSError):
        text = (error.strerror or type(error).__name__).lower()
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    return storable(text.replace(str(root), "..."))


def storable(reason: str) -> str:
    """Return a reason as every database takes it."""
    text = reason.replace("\0", " ")
    return text.encode("utf-8", "backslashreplace").decode()[:LONGEST_REASON]
