"""A unit of work over any SQLAlchemy models, flushed in one retried transaction.

    class Work(UnitOfWork):
        books: Table[Book]

    class Shop(Database):
        unit = Work

    with Shop.open("shop.db") as shop:
        with shop.unit_of_work("stocktaking") as work:
            work.books.put(isbn="...", title="Emma")

`rows` checks each row and keeps it until the commit. `flush` then looks up the stored rows, plans
the changes and writes them. `engine` runs the transaction and retries it as a whole; on SQLite it
waits in a fair queue first. Nothing in this package depends on a program's own tables.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wkmp_orm.core.database import Database
    from wkmp_orm.core.policy import (
        Policy,
        Total,
        fill,
        insert_only,
        natural_key,
        overwrite,
        updated_at,
        user_owned,
    )
    from wkmp_orm.core.rows.handles import Handle, LinkHandle, Outcome
    from wkmp_orm.core.rows.link_table import LinkTable
    from wkmp_orm.core.rows.table import Table
    from wkmp_orm.core.rules import Rule
    from wkmp_orm.core.types import Guid, Json, UtcDateTime, new_guid, utc_now
    from wkmp_orm.core.unit_of_work import UnitOfWork

_HOMES: Final = {
    "database": ("Database",),
    "policy": (
        "Policy",
        "Total",
        "fill",
        "insert_only",
        "natural_key",
        "overwrite",
        "updated_at",
        "user_owned",
    ),
    "rows.handles": ("Handle", "LinkHandle", "Outcome"),
    "rows.link_table": ("LinkTable",),
    "rows.table": ("Table",),
    "rules": ("Rule",),
    "types": ("Guid", "Json", "UtcDateTime", "new_guid", "utc_now"),
    "unit_of_work": ("UnitOfWork",),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Database",
    "Guid",
    "Handle",
    "Json",
    "LinkHandle",
    "LinkTable",
    "Outcome",
    "Policy",
    "Rule",
    "Table",
    "Total",
    "UnitOfWork",
    "UtcDateTime",
    "fill",
    "insert_only",
    "natural_key",
    "new_guid",
    "overwrite",
    "updated_at",
    "user_owned",
    "utc_now",
]


def __getattr__(name: str) -> Any:
    # Import on demand: a process that decodes sound needs only the errors, and SQLAlchemy would
    # cost it 0.6 s of CPU and 40 MB.
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
