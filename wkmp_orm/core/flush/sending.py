"""What one attempt has sent, and how many rows each statement has matched, once that is known.

Knows no table and no step. A sender that does not wait gets its answers together, when somebody has
to know one of them.
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
    """A statement has not matched as many rows as expected, and others were sent since."""


@dataclass(slots=True)
class _Waiting:
    """A statement that was sent, and what takes in how many rows it has matched."""

    answer: Answer
    take_in: Callable[[int], None]
    table: str
    """The table whose new rows have their keys then."""
    is_overtaken: bool
    """Whether something was sent since that may depend on it."""


@dataclass(slots=True)
class Sending:
    """The statements of one attempt. `counts` says what happened to which table's rows."""

    sender: Sender
    counts: dict[str, RowCounts]
    sent: Sent | None = field(default=None, init=False)
    """What the last statement was about; None for a statement of the caller's."""
    _waiting: list[_Waiting] = field(default_factory=list, init=False)
    """Statements that are not answered yet, in their order."""
    _is_late: bool = field(default=False, init=False)
    """Whether what is taken in comes too late to see why it is not as expected."""

    def count(self, info: TableInfo) -> RowCounts:
        """Return what is counted of a table's rows."""
        return self.counts.setdefault(info.name, RowCounts())

    def when_known(
        self,
        matched: Matched,
        take_in: Callable[[int], None],
        *,
        table: str = "",
        is_overtaken: bool = False,
    ) -> None:
        """Take in how many rows a statement has matched: now, or when it is known.

        `table` is the one whose new rows have their keys then. `is_overtaken`: only at once can be
        seen why they are not as many as expected.
        """
        if isinstance(matched, int):
            take_in(matched)
        else:
            self._waiting.append(_Waiting(matched, take_in, table, is_overtaken))

    @property
    def unknown_tables(self) -> set[str]:
        """The tables with new rows of which it is not known yet whose key they have."""
        return {each.table for each in self._waiting if each.table}

    def overtake(self) -> None:
        """Take note that what comes now may depend on everything before."""
        for each in self._waiting:
            each.is_overtaken = True

    def settle(self) -> None:
        """Wait for what was sent, and take in how many rows each statement has matched.

        Raises OvertakenError where that is not as expected, and it is too late to see why.
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
        """Raise OvertakenError if it is too late to see why a number is not as expected."""
        if self._is_late:
            msg = f"{info.name}: another number of rows was matched than expected"
            raise OvertakenError(msg)
