"""Runs one write until its transaction is committed: look up, BEGIN, write, COMMIT.

Each attempt calls the `Written` object twice: before the transaction and inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import SQLAlchemyError

from wkmp_orm.core.engine.faults import Fault, fault_of
from wkmp_orm.core.engine.retry import retry

if TYPE_CHECKING:
    from wkmp_orm.core.engine.async_commits import CancelToken
    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.engine.writer import Writer


class CommitState(Protocol):
    """What is known of a write's COMMIT."""

    in_doubt: bool
    """Whether a COMMIT was sent and its answer has not come."""


class Written(Protocol):
    """The content of a write. A failed attempt must leave it unchanged."""

    def commit_was_applied(self) -> bool:
        """Ask the database whether the COMMIT in doubt was applied."""

    def look_up(self, cursor: DriverCursor) -> bool:
        """Read the stored rows and plan the write; return False if there is nothing to write."""

    def write(self, cursor: DriverCursor) -> None:
        """Send everything in the open transaction. Only COMMIT comes after it."""

    def is_stale(self, error: BaseException) -> bool:
        """Return whether the error may come from outdated reads, so that a retry may succeed."""


def write_whole(
    writer: Writer,
    what: Written,
    commit: CommitState,
    report: WriteReport,
    *,
    deadline: float,
    cancel_token: CancelToken | None = None,
) -> None:
    """Write in one transaction; repeat it by the rules of `retry` until `deadline`.

    Raises the error of the last attempt. Then nothing is written, unless the COMMIT is still in
    doubt because the database does not answer.
    """

    def attempt() -> None:
        try:
            if commit.in_doubt and what.commit_was_applied():
                return
            with writer.reading() as cursor:
                is_needed = what.look_up(cursor)
            if not is_needed:
                report.outcome = "nothing to do"
                return
            with writer.transaction(report, deadline=deadline, cancel_token=cancel_token) as cursor:
                what.write(cursor)
            commit.in_doubt = False
        except SQLAlchemyError as error:
            report.lock_errors += fault_of(error) is Fault.LOCKED
            raise

    dialect = writer.target.dialect
    try:
        retry(attempt, report.caller, deadline=deadline, dialect=dialect, also=what.is_stale)
    except SQLAlchemyError:
        if not commit.in_doubt or not what.commit_was_applied():
            raise
