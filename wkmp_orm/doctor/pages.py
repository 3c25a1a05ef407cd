"""Asks SQLite about a file: pages, indexes, references between rows, log mode and version."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.backup.sound import named
from wkmp_orm.core.remedies import RESTORE_BACKUP, install, the_same
from wkmp_orm.doctor.findings import MOST_EVIDENCE, error, note, warning
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.doctor.findings import Finding

RACE_MENDED: Final = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""Versions without the WAL-reset race, each for its own line and later ones of that line:
https://www.sqlite.org/wal.html#walreset."""

_OF_AN_INDEX: Final = (
    "missing from index",
    "# of entries in index",
    "non-unique entry in index",
)

REINDEX: Final = the_same("rebuild them: close all programs, then run REINDEX in sqlite3")
DELETE_THEM: Final = the_same("delete these rows, or restore the rows that they refer to")
OPEN_TO_WRITE: Final = the_same("open the database once for writing, for example with an import")
DROP_TRIGGER: Final = the_same("see what it does, and drop it: DROP TRIGGER NAME in sqlite3")
NEWER_SQLITE: Final = install("pysqlite3")


def page_findings(connection: sa.Connection, *, quick: bool) -> Iterator[Finding]:
    """Check all pages and, unless `quick`, all indexes and references."""
    yield from _version(connection)
    yield from _mode(connection)
    yield from _integrity(connection, quick=quick)
    if not quick:
        yield from _references(connection)
    yield from _triggers(connection)


def _version(connection: sa.Connection) -> Iterator[Finding]:
    version = tuple(map(int, _one(connection, "SELECT sqlite_version()").split(".")))
    if not _has_race(version):
        return
    what = (
        f"SQLite {'.'.join(map(str, version))} has a race that can damage a file when one program"
        " writes while another copies the log back. Programs with this package take turns, others"
        " may not; SQLite 3.51.3 has no such race"
    )
    yield note("SQLite's version", what, NEWER_SQLITE)


def _has_race(version: tuple[int, ...]) -> bool:
    if version >= RACE_MENDED[-1]:
        return False
    return not any(version[:2] == mended[:2] and version >= mended for mended in RACE_MENDED)


def _mode(connection: sa.Connection) -> Iterator[Finding]:
    mode = _one(connection, "PRAGMA journal_mode")
    if mode != "wal":
        what = f"the database has the journal mode {mode} instead of WAL"
        yield warning("log mode", f"{what}: readers and writers wait for each other", OPEN_TO_WRITE)


def _integrity(connection: sa.Connection, *, quick: bool) -> Iterator[Finding]:
    check = "quick_check" if quick else "integrity_check"
    # More than are listed: faults of indexes are numerous and could hide those of pages.
    rows = connection.exec_driver_sql(f"PRAGMA {check}({20 * MOST_EVIDENCE})").scalars()
    faults = [str(line) for each in rows for line in str(each).splitlines() if each != "ok"]
    of_indexes = [each for each in faults if any(words in each for words in _OF_AN_INDEX)]
    of_pages = [each for each in faults if each not in of_indexes]
    if of_pages:
        what = "pages of the file are damaged"
        yield error("pages", what, RESTORE_BACKUP, evidence=tuple(of_pages[:MOST_EVIDENCE]))
    if of_indexes:
        what = "indexes do not match the rows"
        yield error("indexes", what, REINDEX, evidence=tuple(of_indexes[:MOST_EVIDENCE]))


def _references(connection: sa.Connection) -> Iterator[Finding]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
    broken = [named(each) for each in islice(rows, MOST_EVIDENCE)]
    if broken:
        what = "rows refer to rows that do not exist"
        yield error("references", what, DELETE_THEM, evidence=tuple(broken))


def _triggers(connection: sa.Connection) -> Iterator[Finding]:
    """Find triggers on our tables; wkmp_orm makes only temporary ones."""
    query = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    ours = {name.lower() for name in Base.metadata.tables}
    found = [
        f"{name} on {table}"
        for name, table in connection.exec_driver_sql(query)
        if table.lower() in ours
    ]
    if found:
        what = "triggers of another program change what is written to our tables"
        yield warning("triggers", what, DROP_TRIGGER, evidence=tuple(found[:MOST_EVIDENCE]))


def _one(connection: sa.Connection, query: str) -> str:
    return str(connection.exec_driver_sql(query).scalar())
