"""Creates, upgrades, checks and backs up the schema of our tables.

`wkmp_orm.core.schema` does this for any migration history, and `ours` calls it with our history.
`include_name`, `include_object` and `render_item` are for the alembic environment of a program that
has its own tables in the same database.
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
