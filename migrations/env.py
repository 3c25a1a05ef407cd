"""The alembic environment: selects the database, the transaction and the tables of each command."""

from __future__ import annotations

import os
from logging.config import fileConfig
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError

from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import WkmpOrmError
from wkmp_orm.models import Base
from wkmp_orm.schema.autogenerate import plain_type
from wkmp_orm.schema.ours import OUR_TABLES, migration_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alembic.autogenerate.api import AutogenContext

OURS: Final = Base.metadata.tables

_REAL: Final = ("REAL", 'sa.Double().with_variant(sa.REAL(), "sqlite")')
_TICKS: Final = ("TICKS", 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")')


def include_name(
    name: str | None,
    kind: str,
    parents: Mapping[Any, str | None],
) -> bool:
    """Exclude other services' tables, and their additions to ours, from every comparison."""
    if kind == "schema":
        return True
    if kind == "table":
        return name in OUR_TABLES
    table = OURS[parents["table_name"] or ""]
    known: list[sa.Column[Any] | sa.Constraint | sa.Index] = [*table.columns]
    if kind != "column":
        known = [*table.constraints, *table.indexes]
    return name in {item.name for item in known}


def include_object(item: object, _name: str | None, kind: str, *_: object) -> bool:
    """Exclude other programs' models, and indexes for the other database, from comparisons."""
    if isinstance(item, sa.Table):
        return item.name in OUR_TABLES
    if kind != "index" or not isinstance(item, sa.Index):
        return True
    return item.info.get("dialect") in (None, context.get_context().dialect.name)


def render_item(kind: str, item: object, autogenerate: AutogenContext) -> str | Literal[False]:
    """Render our column types in plain SQLAlchemy, each as a constant of the new revision."""
    if kind != "type":
        return False
    constant = plain_type(item)
    if constant is None and isinstance(item, sa.Double):
        constant = _REAL
    elif constant is None and isinstance(item, sa.BigInteger):
        constant = _TICKS
    if constant is None:
        return False
    name, spelled = constant
    if name == "TEXT":
        return spelled
    autogenerate.imports.add(f"{name} = {spelled}")
    return name


def target() -> DatabaseTarget:
    """Return the database of the command."""
    database = (
        context.get_x_argument(as_dictionary=True).get("database")
        or os.environ.get("WKMP_DATABASE")
        or context.config.get_main_option("sqlalchemy.url")
    )
    if not isinstance(database, str):
        message = (
            "which database? Say `alembic -x database=PATH_OR_URL ...`, or set WKMP_DATABASE, or"
            " give sqlalchemy.url in alembic.ini"
        )
        raise CommandError(message)
    return DatabaseTarget.parse(database)


def configure(**options: Any) -> None:
    """Configure alembic in the same way for a connection and for `--sql`."""
    context.configure(
        **options,
        target_metadata=Base.metadata,
        include_name=include_name,
        include_object=include_object,
        render_item=render_item,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        # Compare CHECKs too, by their names, which all of ours have. If only a condition changes, a
        # test that compares the stored text finds that.
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        # Alembic assumes False on SQLite because of the driver's own BEGIN, which is off.
        transactional_ddl=True,
    )


def run(connection: sa.Connection) -> None:
    """Run the command inside the transaction that `connection` is in."""
    if connection.dialect.name == "sqlite" and connection.scalar(sa.text("PRAGMA foreign_keys")):
        # Rebuilding a table drops it, which would silently delete every row that refers to it ON
        # DELETE CASCADE. Inside a transaction, foreign keys can no longer be switched off.
        message = "PRAGMA foreign_keys is ON: switch it off before the transaction begins"
        raise CommandError(message)
    configure(connection=connection)
    context.run_migrations()


def run_by_command() -> None:
    """Run a command without a given connection, usually one of the `alembic` program."""
    if context.config.cmd_opts is not None and context.config.config_file_name is not None:
        # In the `alembic` program's own process we may configure logging.
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    database = target()
    if context.is_offline_mode():
        configure(url=database.url, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    with migration_connection(database) as connection:
        run(connection)


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    try:
        run_by_command()
    except WkmpOrmError as error:
        raise CommandError(str(error)) from error
