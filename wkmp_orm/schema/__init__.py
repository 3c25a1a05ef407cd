"""Creates, upgrades, checks and backs up the tables: alembic from Python.

Must not know what is stored in them, nor who opened the database.
"""

from __future__ import annotations

from wkmp_orm.schema.backup import back_up
from wkmp_orm.schema.differences import schema_differences
from wkmp_orm.schema.scripts import alembic_config, head_revision
from wkmp_orm.schema.state import current_revision
from wkmp_orm.schema.transaction import migration_transaction
from wkmp_orm.schema.upgrade import ensure_schema, upgrade_schema

__all__ = [
    "alembic_config",
    "back_up",
    "current_revision",
    "ensure_schema",
    "head_revision",
    "migration_transaction",
    "schema_differences",
    "upgrade_schema",
]
