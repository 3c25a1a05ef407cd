"""Adoption: a database that WKMP's other services made becomes a library, with all of its rows.

    adopt("~/Music/wkmp.db")

`look` tells whose a database is, `readings` how an old value becomes one of ours, `healing` what
single tables need beside; `converting` has the order of all steps, in one transaction. What cannot
stay is kept in a table of its own (`set_aside`), and `verifying` proves that no row is lost.
Knows SQLite alone, which is all that the other services use.
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
