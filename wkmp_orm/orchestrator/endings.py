"""Builds the values that a session's row gets at the end of an import: counts and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.types import utc_now
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import SessionState
from wkmp_orm.paths import file_path
from wkmp_orm.phases.session_errors import Severity, session_error

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm.orchestrator.counts import Counts
    from wkmp_orm.orchestrator.statistics import Statistics

MOST_ERRORS: Final = 20
"""Errors kept in the session's row; `import_failures` has all of them."""

_EARLY: Final = {
    SessionState.CANCELLED: "stopped before its end",
    SessionState.FAILED: "failed",
}


def ending(
    statistics: Statistics, counts: Counts, state: SessionState, reason: str | None
) -> dict[str, Any]:
    """Return the session's final values; `reason` is why the import ended early, if it did.

    `counts` are those of all importers that took part.
    """
    completed = state is SessionState.COMPLETED
    return {
        "operation": operation_told(counts) if completed else _EARLY[state],
        "errors": _errors(statistics, counts, reason),
        # If an importer died, it is not known whether it had counted its last files.
        "progress_current": counts.to_import if completed else counts.done,
        "progress_total": counts.to_import,
        "progress_percentage": (
            100.0 if completed else 100.0 * counts.done / max(counts.to_import, 1)
        ),
    }


def operation_told(counts: Counts) -> str:
    """Describe in one line what a complete import did."""
    return (
        f"{counts.imported} imported,"
        f" {counts.duplicates} duplicate{'' if counts.duplicates == 1 else 's'},"
        f" {counts.no_audio} without sound, {counts.failed + counts.unreadable} failed"
        f"{_told(counts, 'moved', 'missing', 'corrected', 'disputed')}"
    )


def _told(counts: Counts, *names: str) -> str:
    numbers = {name: getattr(counts, name) for name in names}
    return "".join(f", {number} {name}" for name, number in numbers.items() if number)


def _errors(statistics: Statistics, counts: Counts, reason: str | None) -> list[dict[str, Any]]:
    now = utc_now()
    errors = []
    if reason is not None:
        errors.append(session_error(reason, severity=Severity.CRITICAL, at=now))
    named = statistics.failures[:MOST_ERRORS]
    errors += [
        session_error(each.reason, path=each.path, code=each.phase, severity=Severity.SKIP, at=now)
        for each in named
    ]
    if (more := counts.failed + counts.unreadable - len(named)) > 0:
        errors.append(session_error(f"and {more} more", severity=Severity.SKIP, at=now))
    return errors


def is_gone(stored: str, root: Path) -> bool:
    """Return whether nothing lies at a stored path; False if the path cannot be examined."""
    try:
        file_path(stored, root).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ConfigurationError):
        return False
    return False
