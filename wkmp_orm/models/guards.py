"""Two rules that our own SQLite connections keep, and that other programs may break.

Among equal files one is the original, and one import session runs. On PostgreSQL unique indexes say
so. On SQLite the Rust services, which know neither rule, write into the same file, and an index
would make their import fail. There each connection that writes for us has TEMP triggers, which
nobody else sees: they refuse under the writer lock what the index would refuse. What others have
doubled is healed by the next import.

AFTER, not BEFORE: a row that ON CONFLICT leaves out is not refused. A row that was an original, or
running, before it was changed may stay so.
"""

from __future__ import annotations

from typing import Final

from wkmp_orm.models.file import ORIGINAL_INDEX, is_original_sql
from wkmp_orm.models.import_session import RUNNING_INDEX, is_running_sql


def _trigger(name: str, event: str, table: str, condition: str, index: str) -> str:
    # Worded as SQLite words a violation of an index, so that the error names the rule.
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
"""What each connection of ours that writes to an SQLite file executes when it is opened."""
