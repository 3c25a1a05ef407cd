"""The report of an adoption: as lines for people, as JSON, and as a file beside the database."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.adoption.set_aside import SET_ASIDE
from wkmp_orm.core.engine.own_files import make_like, open_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.adoption.workshop import TableReport

MOST_KEPT: Final = 1_000
"""The most entries of `adoption_set_aside` in memory: there may be one for each passage."""

_IS_THERE: Final = f"SELECT 1 FROM sqlite_master WHERE name = '{SET_ASIDE}'"


@dataclass(frozen=True, slots=True)
class SetAside:
    """One row or value that was set aside; `row` is JSON."""

    kind: str
    table: str
    row: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Adoption:
    """The result of an adoption, or the expected result after a dry run."""

    database: str
    is_needed: bool
    """False for a database that is a library of ours already, or a new one: nothing was done."""
    dry_run: bool
    adopted_at: datetime
    root: Path | None = None
    """The folder that stored paths are relative to."""
    tables: Mapping[str, TableReport] = field(default_factory=dict)
    references: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """The number of other services' rows, by table and column, whose guid or path was changed."""
    set_aside: list[SetAside] = field(default_factory=list)
    """The first of them; the report has all, and so has the table."""
    set_aside_in_all: int = 0
    backup: Path | None = None
    report: Path | None = None


def read_set_aside(connection: sa.Connection) -> list[SetAside]:
    """Return the first rows and values that an adoption set aside."""
    return [SetAside(*row) for row in _all_aside(connection.exec_driver_sql, f"LIMIT {MOST_KEPT}")]


def count_set_aside(connection: sa.Connection) -> int:
    """Return the number of rows and values that an adoption set aside."""
    if not connection.exec_driver_sql(_IS_THERE).all():
        return 0
    query = f"SELECT count(*) FROM {SET_ASIDE}"
    number: int = connection.exec_driver_sql(query).scalar_one()
    return number


def _all_aside(execute: Callable[[str], Any], limit: str = "") -> Iterator[Sequence[str]]:
    if not execute(_IS_THERE).fetchall():
        return
    yield from execute(
        f"SELECT kind, source_table, source_row, reason FROM {SET_ASIDE} ORDER BY id {limit}"
    )


def document(adoption: Adoption) -> dict[str, Any]:
    """Return a report as a JSON document."""
    return {
        "database": adoption.database,
        "needed": adoption.is_needed,
        "dry_run": adoption.dry_run,
        "adopted_at": adoption.adopted_at.isoformat(),
        "root": None if adoption.root is None else str(adoption.root),
        "backup": None if adoption.backup is None else str(adoption.backup),
        "report": None if adoption.report is None else str(adoption.report),
        "tables": {
            name: {
                "rows_before": each.before,
                "rows_after": each.after,
                "made": each.made,
                "merged": each.merged,
                "set_aside": each.set_aside,
                "respelled": dict(each.respelled),
                "filled": dict(each.filled),
                "replaced": dict(each.replaced),
                "kept_columns": list(each.unknown_columns),
                "new_columns": list(each.new_columns),
            }
            for name, each in adoption.tables.items()
        },
        "references_of_other_services": [
            {"table": table, "column": column, "rows": rows}
            for (table, column), rows in sorted(adoption.references.items())
        ],
        "set_aside_in_all": adoption.set_aside_in_all,
        "set_aside": [
            {"kind": each.kind, "table": each.table, "row": _row(each.row), "reason": each.reason}
            for each in adoption.set_aside
        ],
    }


def _row(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # a number that JSON has no word for
        return text


def lines(adoption: Adoption, *, most: int) -> Iterator[str]:
    """Return a report as lines of text, with at most `most` entries of what was set aside."""
    yield from _without_set_aside(adoption)
    if not adoption.set_aside:
        return
    for aside in adoption.set_aside[:most]:
        yield from _about_aside(aside.table, aside.row, aside.reason)
    if adoption.set_aside_in_all > most:
        yield f"  and {adoption.set_aside_in_all - most:,} more"


def _without_set_aside(adoption: Adoption) -> Iterator[str]:
    if adoption.root is not None:
        yield f"Paths are relative to {adoption.root}"
    for name, each in adoption.tables.items():
        if not (each.before or each.after or each.unknown_columns):
            continue
        yield ""
        yield from _about_table(name, each)
    if adoption.references:
        yield ""
        yield "Rows of other services that follow a changed guid or path"
        for (table, column), rows in sorted(adoption.references.items()):
            yield f"  {rows:,} in {table}.{column}"
    if adoption.set_aside_in_all:
        yield ""
        yield f"Set aside, in the table {SET_ASIDE}: {adoption.set_aside_in_all:,}"


def _about_aside(table: str, row: str, reason: str) -> Iterator[str]:
    yield f"  {table}: {reason}"
    yield f"    {row}"


def _number_of(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _about_table(name: str, each: TableReport) -> Iterator[str]:
    yield f"{name}  {_number_of(each.before, 'row')} -> {each.after:,}"
    for number, what in (
        (each.made, "made of what was said in another place"),
        (each.merged, "merged into others that are the same thing"),
        (each.set_aside, "set aside"),
    ):
        if number:
            yield f"  {_number_of(number, 'row')} {what}"
    for counted, what in (
        (each.replaced, "replaced; what stood there is set aside"),
        (each.filled, "filled in"),
        (each.respelled, "spelled anew"),
    ):
        for column, number in sorted(counted.items()):
            if number:
                yield f"  {column}: {_number_of(number, 'value')} {what}"
    if each.unknown_columns:
        yield f"  columns of other services, kept: {', '.join(each.unknown_columns)}"
    if each.new_columns:
        yield f"  columns that are new: {', '.join(each.new_columns)}"


def write_report(adoption: Adoption, driver_connection: Any, database: Path) -> Path:
    """Write the complete report beside the database, under a free name; return its path.

    Only this user can read it until it is complete; then it gets the database's mode and group.
    """
    descriptor, path = _new_file(database)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"Adoption of {adoption.database}, {adoption.adopted_at:%Y-%m-%d %H:%M} UTC\n")
        file.write(f"As it was before: {adoption.backup}\n")
        file.writelines(f"{line}\n" for line in _without_set_aside(adoption))
        for _, table, row, reason in _all_aside(driver_connection.execute):
            file.writelines(f"{line}\n" for line in _about_aside(table, row, reason))
        file.flush()
        make_like(file.fileno(), database.stat())
    return path


def _new_file(database: Path) -> tuple[int, Path]:
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        path = database.with_name(f"{database.name}-adoption{suffix}.txt")
        if not os.path.lexists(path):
            with suppress(FileExistsError):  # made meanwhile
                return open_own(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), path
    raise AssertionError  # count never ends
