"""Another program, which knows nothing of us, commits SQL of its own at some point of our commit.

It does not wait: where we hold the lock that it needs, it comes after us.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.histories.calls import Call
from tests.histories.performer import typed
from tests.histories.shapes import shape
from tests.histories.world import world_of
from tests.support.faults import FaultInjector
from wkmp_orm.core.types import new_guid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.histories.performer import Performer
    from tests.support.faults import Call as DatabaseCall
    from wkmp_orm.core import Database


@dataclass
class Intrusion:
    """What another program does, and whether it came before our commit, within it, or after it."""

    performer: Performer
    intruder: Intruder
    calls: Sequence[Call]
    came: bool = field(default=False, init=False)
    within: bool = field(default=False, init=False)
    """Whether our transaction had begun (PostgreSQL alone: SQLite has one writer at a time)."""

    def act(self, call: DatabaseCall | None = None) -> None:
        """Come, unless the lock is taken."""
        if not self.calls:
            return
        try:
            self.came = self.intruder.commit(self.performer, self.calls)
        except IntegrityError:  # it meets what we have just committed, and nothing of it happens
            self.calls = ()
        if call is not None and self.came:
            self.within = self.intruder.has_begun(call)


class Intruder:
    """The other program, on the same database."""

    def __init__(self, library: Database) -> None:
        target = library.target
        options: dict[str, Any] = {"options": "-c lock_timeout=20ms"}
        if target.dialect == "sqlite":
            options = {"timeout": 0}
        self._engine = sa.create_engine(target.url, poolclass=sa.NullPool, connect_args=options)
        if target.dialect == "sqlite":
            sa.event.listen(self._engine, "connect", _keep_references)
        self.injector = FaultInjector(library._writer.engine, library._writer._lookup_engine)

    def has_begun(self, call: DatabaseCall) -> bool:
        """Say whether the transaction in which a call is made has written."""
        connection = call.connection
        status = getattr(getattr(connection, "info", None), "transaction_status", None)
        return status is not None and status.name == "INTRANS"

    def commit(self, performer: Performer, calls: Iterable[Call]) -> bool:
        """Commit all calls as SQL; False if a lock of ours is in the way."""
        try:
            with self._engine.begin() as connection:
                for call in calls:
                    connection.execute(_statement(performer, call))
        except OperationalError:
            return False
        return True


def _keep_references(connection: Any, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _statement(performer: Performer, call: Call) -> Any:
    its, table = shape(call.table), world_of(call.table).metadata.tables[call.table]
    values = performer.spelled(call.values)
    if call.verb == "add":
        if its.is_link:
            return sa.insert(table).values(values)
        name = f"{call.table} {call.number}"
        performer.learn(name, typed(call.table, UUID(new_guid())))
        return sa.insert(table).values({its.key[0]: performer.guids[name]} | values)
    mine = table.c[its.key[0]] == performer.spelled({"": call.target})[""]
    if call.verb == "delete":
        return sa.delete(table).where(mine)
    return sa.update(table).where(mine).values(values)
