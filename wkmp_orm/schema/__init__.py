"""Our tables' schema: create, upgrade, check and back it up; keep it apart from a program's own.

`wkmp_orm.core.schema` does all that for any history of migrations, `ours` does it for ours, and
`include_name` and its siblings are for the alembic environment of a program with tables of its own.
"""

from __future__ import annotations

from wkmp_orm.core.schema.migrations import Migrations
from wkmp_orm.schema.autogenerate import include_name, include_object, render_item
from wkmp_orm.schema.ours import (
    back_up,
    current_revision,
    ensure_schema,
    migration_connection,
    migration_transaction,
    refuse_others,
    schema_differences,
    upgrade_schema,
)
from wkmp_orm.schema.restoring import restore
from wkmp_orm.schema.scripts import alembic_config, head_revision

__all__ = [
    "Migrations",
    "alembic_config",
    "back_up",
    "current_revision",
    "ensure_schema",
    "head_revision",
    "include_name",
    "include_object",
    "migration_connection",
    "migration_transaction",
    "refuse_others",
    "render_item",
    "restore",
    "schema_differences",
    "upgrade_schema",
]
