"""A database on which the representative phase is performed again and again, and fails.

Knows the library's engines, to make their calls fail; must not know how a flush recovers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.flush.representative import accumulate, prepare
from tests.flush.stored import age, content, count_of_flushes, dump, restore
from tests.support.faults import FaultInjector
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from tests.support.faults import Call
    from wkmp_orm import Library
    from wkmp_orm.core.rows.handles import Handle
    from wkmp_orm.work import UnitOfWork


class Stage:
    """A database that is set back for every performance of the representative phase.

    A performance that begins `connected` is shorter, and no call of it is a connect.
    """

    def __init__(self, library: Library, audience: Library, *, connected: bool = False) -> None:
        self.library = library
        self.audience = audience
        self.connected = connected
        self.there = prepare(library)
        age(library)
        self.before = dump(audience)
        self.absent = content(self.before)
        self.injector = FaultInjector(library._writer.engine)
        self.set_back()
        work, _ = self.accumulated()
        with self.injector.counting() as self.calls:
            work.commit()
        self.whole = content(dump(audience))

    def set_back(self) -> None:
        """Have the rows as they were, and the library connected or not."""
        restore(self.audience, self.before)
        engine = self.library._writer.engine
        if self.connected:
            engine.connect().close()
        else:
            engine.dispose()

    def accumulated(self) -> tuple[UnitOfWork, list[Handle[Any]]]:
        work = self.library.unit_of_work("representative")
        return work, accumulate(work, self.there)

    def assert_whole(self, handles: list[Handle[Any]], where: Call) -> None:
        stored = dump(self.audience)
        assert content(stored) == self.whole, where
        on_ledger = 1 if self.library.target.dialect == "postgresql" else 0
        assert count_of_flushes(self.audience) == on_ledger, where
        for handle in handles:
            info = TABLES[handle.table]
            row = next(r for r in stored[info.name] if r[info.guid] == handle.guid)
            for name in set(info.natural_key) - info.foreign_keys.keys():
                assert row[name] == handle.values[name], where

    def assert_absent(self, where: Call) -> None:
        assert dump(self.audience) == self.before, where
        assert count_of_flushes(self.audience) == 0, where
