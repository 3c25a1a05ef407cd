"""Retries a phase that decides by what it read, after another worker changed the rows first.

A phase reads before its transaction. If its statements find that the database has changed since,
the commit refuses the whole unit of work, and the phase reads and decides again.
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
"""Each refusal means that another worker succeeded, so five are enough for a dozen workers."""


class _LostWhileReadingError(Exception):
    """The connection was lost during a read, which is safe to repeat: nothing was sent."""

    def __init__(self, error: ConnectionLostError) -> None:
        super().__init__(error)
        self.error = error


def in_unit_of_work(library: Library, phase: str, fill: Callable[[UnitOfWork], T]) -> T:
    """Fill and commit a unit of work; start over if a condition or constraint refuses the commit.

    It also starts over if the connection is lost while `fill` reads. Returns what `fill` returned;
    handles in it have their guids by then. Raises the error of the fifth and last attempt.
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
    """Call `ask` with a reader's Session and return its result.

    If the connection is lost meanwhile, `ask` is called again, at most five times in all. Raises
    what `Library.reader` raises.
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
