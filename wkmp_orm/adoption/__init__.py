"""Converts a database of WKMP's other services into a library, with all of its rows.

    adopt("~/Music/wkmp.db")

`look` detects which program created a database. `readings` defines how each old value is converted,
and `healing` what single tables need in addition. `converting` runs all steps in order, in one
transaction. Rows and values that cannot stay are kept in another table (`set_aside`), and
`verifying` proves that no row is lost.
Only SQLite is supported, because the other services use nothing else.
"""

from __future__ import annotations

from wkmp_orm.adoption.adopting import adopt, refuse_unadopted, take_over_empty
from wkmp_orm.adoption.report import Adoption, SetAside, document, lines
from wkmp_orm.adoption.workshop import Step, TableReport

__all__ = [
    "Adoption",
    "SetAside",
    "Step",
    "TableReport",
    "adopt",
    "document",
    "lines",
    "refuse_unadopted",
    "take_over_empty",
]
