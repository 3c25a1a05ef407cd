"""Collects the statements sent by one attempt, and how many rows each matched, once it is known.

It is independent of tables and steps. A sender that does not wait receives its answers together,
when one of them is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.monitor import RowCounts

if TYPE_CHECKING:
    from wkmp_orm.core.engine.pipeline import Answer
    from wkmp_orm.core.flush.refused_row import Sent
    from wkmp_orm.core.flush.senders import Matched, Sender
    from wkmp_orm.core.table_info import TableInfo


class OvertakenError(Exception):
    """A statement matched another number of rows than expected, after others were sent."""


@dataclass(slots=True)
class _Waiting:
    """A statement that was sent, and the callback for the number of rows it matched."""

    answer: Answer
    take_in: Callable[[int], None]
    table: str
    """The table whose new rows have their keys after the callback."""
    is_overtaken: bool
    """Whether something that may depend on it was sent afterwards."""


@dataclass(slots=True)
class Sending:
    """The statements of one attempt. `counts` has the number of rows per table and outcome."""

    sender: Sender
    counts: dict[str, RowCounts]
    sent: Sent | None = field(default=None, init=False)
    """The rows of the last statement; None for a caller's own statement."""
    _waiting: list[_Waiting] = field(default_factory=list, init=False)
    """Statements without an answer yet, in their order."""
    _is_late: bool = field(default=False, init=False)
    """Whether it is too late to find out why a number is not as expected."""

    def count(self, info: TableInfo) -> RowCounts:
        """Return the counts of a table."""
        return self.counts.setdefault(info.name, RowCounts())

    def when_known(
        self,
        matched: Matched,
        take_in: Callable[[int], None],
        *,
        table: str = "",
        is_overtaken: bool = False,
    ) -> None:
        """Call `take_in` with the number of rows that a statement matched, now or once it is known.

        `table` is the table whose new rows have their keys afterwards. `is_overtaken` means that
        only an immediate answer allows finding out why the number is not as expected.
        """
        if isinstance(matched, int):
            take_in(matched)
        else:
            self._waiting.append(_Waiting(matched, take_in, table, is_overtaken))

    @property
    def unknown_tables(self) -> set[str]:
        """The tables with new rows whose keys are not known yet."""
        return {each.table for each in self._waiting if each.table}

    def overtake(self) -> None:
        """Record that later statements may depend on all earlier ones."""
        for each in self._waiting:
            each.is_overtaken = True

    def settle(self) -> None:
        """Wait for everything sent, and process how many rows each statement matched.

        Raises OvertakenError if a number is not as expected and it is too late to find out why.
        """
        while self._waiting:
            self.sender.wait()
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                self._is_late = each.is_overtaken
                each.take_in(each.answer.matched)
                self._is_late = False
        self.sender.wait()

    def refuse_late(self, info: TableInfo) -> None:
        """Raise OvertakenError if it is too late to find out why a number is not as expected."""
        if self._is_late:
            msg = f"{info.name}: another number of rows was matched than expected"
            raise OvertakenError(msg)
