"""Runs a phase that decides by what it has read, again when another worker was faster.

A phase reads before its transaction. Where its statements find that the database has moved on,
the unit of work is refused as a whole, and the phase reads and decides anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from wkmp_orm.core.engine.retry import retry_after
from wkmp_orm.errors import ConditionNotMetError, ConstraintViolationError, RowNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")

ATTEMPTS: Final = 5
"""Each loss means that another worker won, so a handful is enough for a dozen workers."""


def in_unit_of_work(library: Library, phase: str, fill: Callable[[UnitOfWork], T]) -> T:
    """Fill and commit a unit of work, reading anew when a condition or constraint refuses it.

    Returns what `fill` returned, whose handles have their guids then. Raises what the last of
    five attempts raised.
    """

    def attempt() -> T:
        with library.unit_of_work(phase) as work:
            return fill(work)

    refusals = (ConditionNotMetError, ConstraintViolationError, RowNotFoundError)
    return retry_after(refusals, attempt, attempts=ATTEMPTS)
