"""No statement of an import gets slower as the database grows: each finds its rows by an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.benchmarks.headline import _scan
from tests.benchmarks.phases_of_a_file import import_file
from tests.benchmarks.work import Work
from tests.support.interception import intercepting

if TYPE_CHECKING:
    import sqlalchemy as sa

    from tests.conftest import Database
    from tests.support.interception import DriverCall

SMALL = ("SCAN anon_",)
"""Subqueries of the keys that are given and of equal files."""


def test_no_phase_scans_a_table_that_grows(sqlite_database: Database) -> None:
    statements: dict[str, Any] = {}

    def remember(call: DriverCall) -> None:
        is_many = call.kind == "executemany"
        statements[call.statement] = call.parameters[0] if is_many else call.parameters

    with (
        sqlite_database.open() as library,
        intercepting(library._writer.engine, library._readers, before=remember),
    ):
        # The second and third file find songs and artists of the first, and update nothing else.
        recordings = Work().files(3)
        for guid, recording in zip(_scan(library, recordings), recordings, strict=True):
            import_file(library, guid, recording)
        scans = {
            statement: scanned
            for statement, parameters in list(statements.items())
            if (scanned := _scanned(library._readers, statement, parameters))
        }
    assert any(statement.startswith("INSERT INTO passages") for statement in statements)
    assert not scans


def _scanned(engine: sa.Engine, statement: str, parameters: Any) -> list[str]:
    if not statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
        return []
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row.detail for row in plan]
    return [step for step in steps if step.startswith("SCAN ") and not step.startswith(SMALL)]
