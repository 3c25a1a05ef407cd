"""Reads stored rows for pending ones, and sets their guids in them.

Rows are found by natural keys in which references are replaced by guids.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.changes import PendingRow, guid_of
from wkmp_orm.core.flush.row_builder import KeySet, key_set
from wkmp_orm.core.flush.senders import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

    from wkmp_orm.core.flush.senders import Sender
    from wkmp_orm.core.table_info import TableInfo


def fetch(
    sender: Sender,
    info: TableInfo,
    by: str,
    keys: Iterable[Any],
    columns: tuple[str, ...],
) -> Sequence[Sequence[Any]]:
    """Read columns of the rows whose `by` is among the keys."""
    return sender.fetch([query_by(sender.cursor.dialect, info, by, keys, columns)])[0]


def query_by(
    dialect: sa.Dialect, info: TableInfo, by: str, keys: Iterable[Any], columns: tuple[str, ...]
) -> Query:
    """Build the query that reads columns of the rows whose `by` is among the keys."""
    select = statements.select_by(dialect.name, info, by, columns)
    given = statements.keys_parameter(dialect, info.table.c[by], keys)
    return Query(select, {statements.KEYS: given}, are_checked=True)


def natural_key(info: TableInfo, values: Mapping[str, Any]) -> Any:
    """Return a row's natural key with guids for references: a value, or a tuple of several."""
    if not info.refers_by_key:
        return info.natural(values)
    bound = tuple([guid_of(values[name]) for name in info.natural_key])
    return bound if len(bound) > 1 else bound[0]


def by_natural_key(info: TableInfo, rows: Iterable[PendingRow]) -> dict[Any, PendingRow]:
    """Index rows by their natural keys; of two rows with the same key the first is used."""
    found: dict[Any, PendingRow] = {}
    for row in rows:
        found.setdefault(natural_key(info, row.values), row)
    return found


def bind_by_natural_key(
    sender: Sender, info: TableInfo, wanted: Mapping[Any, PendingRow]
) -> list[PendingRow]:
    """Set the stored rows with these natural keys, and return the pending rows that were found.

    The columns that a merge may change are read too.
    """
    columns = columns_to_bind(key_set(info, wanted.values()))
    keys = first_keys(info, wanted)
    return bind(info, wanted, columns, fetch(sender, info, info.natural_key[0], keys, columns))


def first_keys(info: TableInfo, wanted: Mapping[Any, PendingRow]) -> Iterable[Any]:
    """Return the keys to query; for natural keys of several columns, the values of the first."""
    return wanted if len(info.natural_key) == 1 else dict.fromkeys(key[0] for key in wanted)


def bind(
    info: TableInfo,
    wanted: Mapping[Any, PendingRow],
    columns: tuple[str, ...],
    rows: Iterable[Sequence[Any]],
) -> list[PendingRow]:
    """Set those of the stored rows that are wanted, and return the pending rows that got one."""
    width = len(info.natural_key)
    guid = None if info.is_link else info.guid
    found = []
    for stored in rows:
        row = wanted.get(stored[0] if width == 1 else tuple(stored[:width]))
        if row is not None:
            row.known = known = dict(zip(columns, stored, strict=True))
            if guid is not None:
                row.stored_guid = known[guid]
            found.append(row)
    return found


def is_new(value: Any) -> bool:
    """Return whether a reference is to a row that is not stored yet, so nothing can refer to it."""
    return isinstance(value, PendingRow) and value.known is None


@lru_cache(maxsize=1024)
def columns_to_bind(keys: KeySet) -> tuple[str, ...]:
    """Return the columns to read for rows with this key set, the natural key first."""
    return tuple(dict.fromkeys((*keys.info.natural_key, *keys.info.key, *keys.merged)))
