"""Runs a phase that decides by what it has read, again when another worker was faster.

A phase reads before its transaction. Where its statements find that the database has moved on,
the unit of work is refused as a whole, and the phase reads and decides anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from wkmp_orm.core.engine.retry import retry_after
from wkmp_orm.errors import (
    ConditionNotMetError,
    ConnectionLostError,
    ConstraintViolationError,
    RowNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")

ATTEMPTS: Final = 5
"""Each loss means that another worker won, so a handful is enough for a dozen workers."""


class _LostWhileReadingError(Exception):
    """The connection was lost in the middle of a read, which may be repeated: nothing was sent."""

    def __init__(self, error: ConnectionLostError) -> None:
        super().__init__(error)
        self.error = error


def in_unit_of_work(library: Library, phase: str, fill: Callable[[UnitOfWork], T]) -> T:
    """Fill and commit a unit of work, reading anew when a condition or constraint refuses it.

    And when a connection is lost on which `fill` reads. Returns what `fill` returned, whose handles
    have their guids then. Raises what the last of five attempts raised.
    """

    def attempt() -> T:
        with library.unit_of_work(phase) as work:
            return _reading(lambda: fill(work))

    return _again(
        attempt,
        ConditionNotMetError,
        ConstraintViolationError,
        RowNotFoundError,
        _LostWhileReadingError,
    )


def read_anew(library: Library, ask: Callable[[Session], T]) -> T:
    """Call `ask` with a reader's Session and return its answer.

    It is called again, five times in all, when the connection is lost meanwhile. Raises what
    `Library.reader` raises.
    """

    def attempt() -> T:
        with library.reader() as session:
            return ask(session)

    return _again(lambda: _reading(attempt), _LostWhileReadingError)


def _reading(read: Callable[[], T]) -> T:
    try:
        return read()
    except ConnectionLostError as error:
        if error.was_open:
            raise _LostWhileReadingError(error) from error
        raise


def _again(attempt: Callable[[], T], *errors: type[Exception]) -> T:
    try:
        return retry_after(errors, attempt, attempts=ATTEMPTS)
    except _LostWhileReadingError as lost:
        raise lost.error from lost.error.__cause__
