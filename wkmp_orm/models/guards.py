"""TEMP triggers by which our SQLite connections keep two rules that other programs may break.

Only one of several equal files is the original, and only one import session runs. On PostgreSQL
unique indexes enforce both rules. On SQLite the Rust services write to the same file without these
rules, and a unique index would make their import fail. So each of our writing connections has TEMP
triggers, which affect no other connection: under the writer lock they refuse what the index would
refuse. The next import repairs duplicates that other programs wrote.

The triggers are AFTER, not BEFORE, so that they ignore a row that ON CONFLICT skips. A row that was
already an original, or running, may be updated.
"""

from __future__ import annotations

from typing import Final

from wkmp_orm.models.file import ORIGINAL_INDEX, is_original_sql
from wkmp_orm.models.import_session import RUNNING_INDEX, is_running_sql


def _trigger(name: str, event: str, table: str, condition: str, index: str) -> str:
    # The message has the form of SQLite's own for an index, so that our error names the rule.
    return (
        f"CREATE TEMP TRIGGER {name} AFTER {event} ON main.{table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: index ''{index}'''); END"
    )


_OTHER_ORIGINAL: Final = (
    "SELECT 1 FROM main.files AS other"  # noqa: S608  words of ours
    f" WHERE other.hash = NEW.hash AND {is_original_sql('other.')} AND other.guid <> NEW.guid"
)
_IS_SECOND: Final = f"{is_original_sql('NEW.')} AND EXISTS ({_OTHER_ORIGINAL})"
_WAS_ORIGINAL: Final = f"(OLD.hash = NEW.hash AND {is_original_sql('OLD.')})"
_OTHER_SESSION: Final = (
    "SELECT 1 FROM main.import_sessions AS other"  # noqa: S608  words of ours
    f" WHERE {is_running_sql('other.')} AND other.session_id <> NEW.session_id"
)
_RUNS_BESIDE: Final = f"{is_running_sql('NEW.')} AND EXISTS ({_OTHER_SESSION})"

WRITERS_TRIGGERS: Final = (
    _trigger("one_original_added", "INSERT", "files", _IS_SECOND, ORIGINAL_INDEX),
    _trigger(
        "one_original_changed",
        "UPDATE OF hash, status",
        "files",
        f"NOT {_WAS_ORIGINAL} AND {_IS_SECOND}",
        ORIGINAL_INDEX,
    ),
    _trigger("one_session_added", "INSERT", "import_sessions", _RUNS_BESIDE, RUNNING_INDEX),
    _trigger(
        "one_session_changed",
        "UPDATE OF state",
        "import_sessions",
        f"NOT {is_running_sql('OLD.')} AND {_RUNS_BESIDE}",
        RUNNING_INDEX,
    ),
)
"""The statements that each of our writing SQLite connections executes when it is opened."""
