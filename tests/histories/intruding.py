"""Another program commits something at some point of our commit.

The intruder knows nothing of us and sends SQL. The neighbour is a program that uses units of work.
Neither waits: where we hold the lock that it needs, the intruder comes after us, and the neighbour
not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.histories.calls import Call
from tests.histories.comparison import Mismatch
from tests.histories.performer import typed
from tests.histories.shapes import shape
from tests.histories.world import world_of
from tests.support.faults import FaultInjector
from wkmp_orm.core import Database
from wkmp_orm.core.errors import LockTimeoutError, UnitOfWorkError, WkmpOrmError
from wkmp_orm.core.types import new_guid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.histories.performer import Performer
    from tests.support.faults import Call as DatabaseCall

PATIENCE_MS: Final = 100
"""How long a neighbour waits for a lock: where we hold it, we do not let it go meanwhile."""


@dataclass
class Intrusion:
    """What another program does, and whether it came before our commit, within it, or after it."""

    performer: Performer
    program: Intruder | Neighbour
    calls: Sequence[Call]
    came: bool = field(default=False, init=False)
    within: bool = field(default=False, init=False)
    """Whether our transaction had begun (PostgreSQL alone: SQLite has one writer at a time)."""

    def act(self, call: DatabaseCall | None = None) -> None:
        """Come, unless the lock is taken."""
        if not self.calls:
            return
        try:
            self.came = self.program.commit(self.performer, self.calls)
        except IntegrityError:  # it meets what we have just committed, and nothing of it happens
            self.calls = ()
        if not self.came and isinstance(self.program, Neighbour):
            self.calls = ()
        if call is not None and self.came:
            self.within = _has_begun(call)

    def come_after(self) -> None:
        """Come after the commit, if it has not come before and is no neighbour."""
        if isinstance(self.program, Neighbour):
            self.calls = ()
        self.act()


class Neighbour:
    """Another program that uses units of work, on the same database."""

    def __init__(self, library: Database) -> None:
        options = replace(library.options, max_lock_wait_ms=PATIENCE_MS)
        models = [info.model for info in library.catalog.values()]
        self._database = Database(library.target, options, models)

    def commit(self, performer: Performer, calls: Iterable[Call]) -> bool:
        """Commit all calls as one unit of work; False if a lock of ours is in the way."""
        other = performer.beside(self._database)
        other.begin()
        for call in calls:
            other.say(call)
        try:
            other.commit()
        except (LockTimeoutError, UnitOfWorkError):  # this thread may hold the lock itself
            return False
        except WkmpOrmError as error:
            kind = f"{type(error).__name__} of a neighbour without a fault"
            raise Mismatch("refused", kind, str(error)) from error
        other.learn_all()
        return True

    def close(self) -> None:
        """Close its connections."""
        self._database.close()


class Intruder:
    """A program that sends SQL, on the same database."""

    def __init__(self, library: Database) -> None:
        target = library.target
        options: dict[str, Any] = {"options": "-c lock_timeout=20ms"}
        if target.dialect == "sqlite":
            options = {"timeout": 0}
        self._engine = sa.create_engine(target.url, poolclass=sa.NullPool, connect_args=options)
        if target.dialect == "sqlite":
            sa.event.listen(self._engine, "connect", _keep_references)
        self.injector = FaultInjector(library._writer.engine, library._writer._lookup_engine)

    def commit(self, performer: Performer, calls: Iterable[Call]) -> bool:
        """Commit all calls as SQL; False if a lock of ours is in the way."""
        try:
            with self._engine.begin() as connection:
                for call in calls:
                    connection.execute(_statement(performer, call))
        except OperationalError:
            return False
        return True


def _has_begun(call: DatabaseCall) -> bool:
    """Say whether the transaction in which a call is made has written."""
    connection = call.connection
    status = getattr(getattr(connection, "info", None), "transaction_status", None)
    return status is not None and status.name == "INTRANS"


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
