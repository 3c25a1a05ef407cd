"""Asks a PostgreSQL server about its settings, indexes, locks and clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.remedies import END_THE_HOLDER, the_same
from wkmp_orm.doctor.findings import MOST_EVIDENCE, error, note, warning
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.doctor.findings import Finding

APART: Final = timedelta(minutes=1)
"""How far two clocks may differ before the times of rows mislead."""
LONG_S: Final = 60
"""How long a transaction may be idle before it hinders others; ours last milliseconds."""

_SETTINGS: Final = (
    ("fsync", "off", True, "a power cut damages the whole cluster"),
    ("full_page_writes", "off", True, "a power cut leaves torn pages"),
    ("synchronous_commit", "off", False, "a crash of the server loses the last commits"),
    ("zero_damaged_pages", "on", True, "damaged pages are read as empty, and their rows are lost"),
    ("ignore_checksum_failure", "on", True, "damaged pages are read as if they were whole"),
    ("session_replication_role", "replica", True, "references between rows are not checked"),
    ("row_security", "off", False, "queries fail if rows are hidden from a role"),
)
_LIMITS: Final = ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")

_OURS: Final = (
    "SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    " AND relname = ANY(:tables)"
)
_INVALID_INDEXES: Final = (
    "SELECT indexrelid::regclass::text FROM pg_index"
    f" WHERE NOT (indisvalid AND indisready) AND indrelid IN ({_OURS}) ORDER BY 1"
)
_UNCHECKED: Final = (
    "SELECT conrelid::regclass::text || ': ' || conname FROM pg_constraint"
    f" WHERE NOT convalidated AND conrelid IN ({_OURS}) ORDER BY 1"
)
_TRIGGERS: Final = (
    "SELECT tgname || ' on ' || tgrelid::regclass::text FROM pg_trigger"
    f" WHERE NOT tgisinternal AND tgrelid IN ({_OURS}) UNION ALL"
    " SELECT rulename || ' on ' || ev_class::regclass::text FROM pg_rewrite"
    f" WHERE ev_class IN ({_OURS}) ORDER BY 1"
)
_SWITCHED_OFF: Final = (
    "SELECT tgrelid::regclass::text || ': ' || tgname FROM pg_trigger"
    f" WHERE tgisinternal AND tgenabled IN ('D', 'R') AND tgrelid IN ({_OURS}) ORDER BY 1"
)
_HIDDEN: Final = (
    f"SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity AND oid IN ({_OURS})"
)
_UNLOGGED: Final = (
    f"SELECT oid::regclass::text FROM pg_class WHERE relpersistence = 'u' AND oid IN ({_OURS})"
)
# Another version of the C library may sort texts in another order than the indexes.
_COLLATION: Final = (
    "SELECT datcollate || ': ' || datcollversion || ', now '"
    " || pg_database_collation_actual_version(oid) FROM pg_database"
    " WHERE datname = current_database()"
    " AND datcollversion <> pg_database_collation_actual_version(oid)"
)
_IDLE: Final = (
    "SELECT 'process ' || pid || ' of ' || coalesce(usename, '?') || ' ('"
    " || coalesce(nullif(application_name, ''), 'no name') || ')' FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND state LIKE 'idle in transaction%' AND state_change < now() - make_interval(secs => :long)"
    " ORDER BY state_change"
)
_WAITING: Final = (
    "SELECT 'process ' || pid || ' waits for process '"
    " || array_to_string(pg_blocking_pids(pid), ', ') FROM pg_stat_activity"
    " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
    " AND query_start < now() - make_interval(secs => :long) ORDER BY query_start"
)
_CHECKSUMS: Final = (
    "SELECT 'so far ' || checksum_failures FROM pg_stat_database"
    " WHERE datname = current_database() AND checksum_failures > 0"
)

REINDEX: Final = the_same("rebuild them: REINDEX INDEX CONCURRENTLY NAME")
VALIDATE: Final = the_same("check them: ALTER TABLE ... VALIDATE CONSTRAINT")
DROP_TRIGGERS: Final = the_same("see what they do, and drop them")
SWITCH_ON: Final = the_same("switch them on: ALTER TABLE ... ENABLE TRIGGER ALL")
REFRESH: Final = the_same("REINDEX DATABASE, then ALTER DATABASE ... REFRESH COLLATION VERSION")
CHANGE: Final = the_same("change it in postgresql.conf or with ALTER ROLE")
SET_CLOCK: Final = the_same("set the clock of this machine or of the server")
NO_ROW_SECURITY: Final = the_same("ALTER TABLE ... DISABLE ROW LEVEL SECURITY")
SET_LOGGED: Final = the_same("ALTER TABLE ... SET LOGGED")
CHECK_DISK: Final = the_same("check the server's log and its disk, and restore a backup")


def server_findings(connection: sa.Connection, *, quick: bool) -> Iterator[Finding]:  # noqa: ARG001  the server checks its own pages
    """Examine the server as far as this role may see it."""
    yield from _settings(connection)
    yield from _clock(connection)
    if connection.scalar(sa.text("SELECT pg_is_in_recovery()")):
        what = "the server is a standby: it can be read but not written"
        yield note("server", what)
    for check, query, what, remedy, is_error in (
        ("pages", _CHECKSUMS, "pages failed their checksums", CHECK_DISK, True),
        ("indexes", _INVALID_INDEXES, "indexes are invalid", REINDEX, True),
        (
            "collation",
            _COLLATION,
            "indexes on texts have the order of an older collation library",
            REFRESH,
            True,
        ),
        ("constraints", _UNCHECKED, "constraints were never checked", VALIDATE, False),
        ("references", _SWITCHED_OFF, "constraints between rows are switched off", SWITCH_ON, True),
        (
            "triggers",
            _TRIGGERS,
            "triggers or rules change what is written",
            DROP_TRIGGERS,
            False,
        ),
        ("tables", _HIDDEN, "policies may hide rows of tables", NO_ROW_SECURITY, False),
        ("tables", _UNLOGGED, "tables are emptied when the server crashes", SET_LOGGED, True),
        ("locks", _IDLE, "transactions are open and idle", END_THE_HOLDER, False),
        ("locks", _WAITING, "sessions wait for the locks of others", END_THE_HOLDER, False),
    ):
        found = _names(connection, query)
        if found:
            make = error if is_error else warning
            yield make(check, what, remedy, evidence=tuple(found[:MOST_EVIDENCE]))


def _names(connection: sa.Connection, query: str) -> list[str]:
    known: dict[str, Any] = {"tables": [*Base.metadata.tables], "long": LONG_S}
    statement = sa.text(query)
    given = {name: value for name, value in known.items() if f":{name}" in query}
    return [str(each) for each in connection.execute(statement, given).scalars()]


def _settings(connection: sa.Connection) -> Iterator[Finding]:
    query = "SELECT name, setting FROM pg_settings"
    rows = connection.exec_driver_sql(query)
    stored = {name: str(value) for name, value in rows}
    for name, bad, is_error, what in _SETTINGS:
        if stored.get(name) == bad:
            make = error if is_error else warning
            yield make("settings of the server", f"{name} is {bad}: {what}", CHANGE)
    for name in _LIMITS:
        if stored.get(name, "0") != "0":
            what = f"{name} is {stored[name]} ms: the server cancels anything that takes longer"
            yield note("settings of the server", what)
    if stored.get("server_encoding") != "UTF8":
        what = (
            f"the server stores texts as {stored.get('server_encoding')}, which cannot hold all of"
        )
        remedy = the_same("create a new database with ENCODING 'UTF8'")
        yield error("settings of the server", f"{what} ours", remedy)


def _clock(connection: sa.Connection) -> Iterator[Finding]:
    before = datetime.now(UTC)
    there = connection.scalar(sa.text("SELECT clock_timestamp()"))
    after = datetime.now(UTC)
    if there is not None and not before - APART < there < after + APART:
        what = (
            f"the server's clock shows {there:%Y-%m-%d %H:%M:%S}, this machine's {after:%H:%M:%S}"
        )
        yield warning("clock", what, SET_CLOCK)
