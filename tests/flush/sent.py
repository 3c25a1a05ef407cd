"""The statements of a flush, whichever way its rows were sent: a COPY is an INSERT of its rows.

Knows how a COPY into a table beside the table looks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from wkmp_orm.core.flush.postgresql_senders import STAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.recorder import Recorded

_STAGE = re.compile(rf"{STAGE}\d+_")


def as_inserts(statements: Iterable[Recorded]) -> list[Recorded]:
    """Spell each COPY as the INSERT that it stands for, and leave out what serves it."""
    inserts: list[Recorded] = []
    staged: dict[str, int] = {}
    for one in statements:
        table = _STAGE.sub("", one.table)
        if one.verb == "COPY" and table != one.table:
            staged[table] = one.rows
        elif one.verb == "COPY":
            inserts.append(replace(one, verb="INSERT", statement=f"INSERT INTO {table}"))
        elif one.verb == "INSERT" and table in staged:
            inserts.append(replace(one, kind="executemany", rows=staged.pop(table)))
        elif table == one.table:
            inserts.append(one)
    return inserts
