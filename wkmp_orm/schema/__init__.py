"""Creates, upgrades, checks and backs up the tables: alembic from Python.

Must not know what is stored in them, nor who opened the database. A program's own tables beside
ours have a history of their own: `migrate` runs it, and `include_name` keeps the two apart.
"""

from __future__ import annotations

from wkmp_orm.schema.autogenerate import include_name, include_object, render_item
from wkmp_orm.schema.backup import back_up
from wkmp_orm.schema.differences import schema_differences
from wkmp_orm.schema.history import Migrations
from wkmp_orm.schema.scripts import alembic_config, head_revision
from wkmp_orm.schema.state import current_revision
from wkmp_orm.schema.transaction import migration_connection, migration_transaction
from wkmp_orm.schema.upgrade import ensure_schema, migrate, upgrade_schema

__all__ = [
    "Migrations",
    "alembic_config",
    "back_up",
    "current_revision",
    "ensure_schema",
    "head_revision",
    "include_name",
    "include_object",
    "migrate",
    "migration_connection",
    "migration_transaction",
    "render_item",
    "schema_differences",
    "upgrade_schema",
]
