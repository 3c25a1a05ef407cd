"""Writes the phases of an import, and separates errors of one file from those of every file."""

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
"""How often in a row a phase may time out waiting for the writer lock: 15 s in all by default. A
holder that keeps it longer blocks all files, so the import ends instead of failing each of them."""

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
"""Errors that would also affect the next file: the import cannot continue."""

LONGEST_REASON: Final = 1_000


def write(library: Library, phase: str, fill: Callable[[UnitOfWork], T]) -> T:
    """Write a phase in one unit of work, and return the result of `fill`. Raises FlushErrors."""
    is_server = library.target.dialect == "postgresql"
    return retry_lock_timeouts(
        lambda: in_unit_of_work(library, phase, fill),
        attempts=SERVER_LOCK_TIMEOUTS if is_server else LOCK_TIMEOUTS,
    )


def retry_lock_timeouts(write_something: Callable[[], T], *, attempts: int = LOCK_TIMEOUTS) -> T:
    """Call a function that writes, repeat it after lock timeouts, and return its result."""
    return retry_after(
        LockTimeoutError, write_something, attempts=attempts, log_level=logging.WARNING
    )


def reason_of(error: BaseException, root: Path) -> str:
    """Return why a file failed, as text to store and show, without local paths and NUL."""
    if isinstance(error, WkmpOrmError):
        text = error.for_people()
    elif isinstance(error, OSError):
        text = (error.strerror or type(error).__name__).lower()
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    return storable(text.replace(str(root), "..."))


def storable(reason: str) -> str:
    """Return a reason as text that every database accepts."""
    text = reason.replace("\0", " ")
    return text.encode("utf-8", "backslashreplace").decode()[:LONGEST_REASON]
