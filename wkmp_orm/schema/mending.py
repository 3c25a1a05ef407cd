"""Repairs rows whose meaning is certain, in one transaction, after a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wkmp_orm import remedies
from wkmp_orm.core.engine.factory import create_writer_engine, disposing
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.ticket import turn_to_write
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.errors import SchemaOutdatedError
from wkmp_orm.schema.ours import back_up, current_revision, migration_transaction
from wkmp_orm.schema.rows import mend_rows, row_problems
from wkmp_orm.schema.scripts import head_revision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.schema.rows import RowProblem


class Mended(NamedTuple):
    """The repaired problems, and the copy of the SQLite file before it, if anything changed."""

    problems: tuple[RowProblem, ...]
    others: int
    """How many rows the caller's own statements changed."""
    backup: Path | None


def mend(target: DatabaseTarget, statements: Sequence[sa.Executable] = ()) -> Mended:
    """Repair the problems that `row_problems` marks as mendable, and execute `statements`.

    Raises SchemaOutdatedError, LockTimeoutError if other programs write for too long, and
    SchemaError; then nothing is changed. Any thread may call.
    """
    options = EngineOptions()
    with (
        disposing(create_writer_engine(target, options)) as engine,
        translate_opening_errors(target),
    ):
        if current_revision(engine) != head_revision():
            raise SchemaOutdatedError(
                f"the schema of {target} is not at the newest revision",
                remedies.upgrade_schema(target.name),
            )
        with (
            turn_to_write(target.path, phase="mending", patience_ms=options.max_lock_wait_ms),
            migration_transaction(target, engine) as connection,
        ):
            problems = [each for each in row_problems(connection) if each.is_mendable]
            backup = None
            if (problems or statements) and target.path is not None:
                backup = back_up(target, engine, before="mending")
            mend_rows(connection)
            others = sum(connection.execute(each).rowcount for each in statements)
    return Mended(tuple(problems), others, backup)
