"""What our models say of their columns, by table and column name."""

from __future__ import annotations

from typing import Final

from wkmp_orm.models.tables import TABLES

POLICIES: Final = {name: info.policies for name, info in TABLES.items()}
UNKNOWN_TEXTS: Final = {
    (name, column): texts
    for name, info in TABLES.items()
    for column, texts in info.unknown_texts.items()
}
