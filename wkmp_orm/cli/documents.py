"""The results of an import and the content of a library as JSON, for programs.

The end of a name gives the unit of a duration; times are in ISO 8601; paths are spelled as they are
stored.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.cli.advice import spelled_for
from wkmp_orm.paths import path_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wkmp_orm.core.engine.monitor import Totals
    from wkmp_orm.core.remedies import Spelled
    from wkmp_orm.doctor import Examination
    from wkmp_orm.orchestrator import Effort, ImportSummary
    from wkmp_orm.orchestrator.pruning import Pruned
    from wkmp_orm.phases import Failure, FileWarning, LibraryStatus, MissingFile, SessionReport


VERSION: Final = 1
"""The version of all documents. It grows when a field is removed or changes its meaning."""


def summary_document(summary: ImportSummary) -> dict[str, Any]:
    """Return what an import did."""
    return {
        "version": VERSION,
        "state": summary.state.value,
        "session_id": summary.session_id,
        "database": summary.database,
        "root": path_text(summary.root),
        "folder": path_text(summary.folder),
        "seconds": round(summary.seconds, 3),
        "files": asdict(summary.counts),
        "findings": asdict(summary.findings),
        "phases": _efforts(summary.phases),
        "workers": _efforts(summary.workers),
        "notes": [note.for_people(spelled_for(summary.database)) for note in summary.notes],
        "failures": [asdict(failure) for failure in summary.failures],
        "warnings": [asdict(warning) for warning in summary.warnings],
        "kept_passages": list(summary.kept_passages),
        "writes": _writes(summary.writes),
        "joined": summary.joined,
        "together": None if summary.together is None else asdict(summary.together),
    }


def _efforts(efforts: Mapping[str, Effort]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "files": effort.files,
            "failed": effort.failed,
            "seconds": round(effort.seconds, 3),
            "waited_s": round(effort.waited_s, 3),
        }
        for name, effort in efforts.items()
    }


def _writes(writes: Totals) -> dict[str, Any]:
    return {
        "transactions": writes.transactions,
        "rolled_back": writes.rolled_back,
        "retries": writes.retries,
        "lock_errors": writes.lock_errors,
        "waited_ms": {
            "total": round(writes.total_wait_ms, 3),
            "longest": round(writes.longest_wait_ms, 3),
        },
        "held_ms": {
            "p50": round(writes.hold_p50_ms, 3),
            "p95": round(writes.hold_p95_ms, 3),
            "p99": round(writes.hold_p99_ms, 3),
            "longest": round(writes.longest_hold_ms, 3),
        },
        "rows": {table: asdict(rows) for table, rows in sorted(writes.rows.items())},
        "by_worker": dict(sorted(writes.share_by_worker.items())),
    }


def status_document(
    database: str,
    status: LibraryStatus,
    sessions: Sequence[SessionReport],
    failed: Sequence[Failure],
    warned: Sequence[FileWarning],
) -> dict[str, Any]:
    """Return what a library contains, its last imports, failures and damaged files."""
    return {
        "version": VERSION,
        "database": database,
        "files": {word.value: number for word, number in status.files.items()},
        "missing": status.missing,
        "passages": {word.value: number for word, number in status.passages.items()},
        "passages_without_song": status.passages_without_song,
        "songs": {word.value: number for word, number in status.songs.items()},
        "sessions": [
            _plain(asdict(each)) | {"importers": [_plain(asdict(one)) for one in each.importers]}
            for each in sessions
        ],
        "failures": [_plain(asdict(each)) for each in failed],
        "warnings": [_plain(asdict(each)) for each in warned],
    }


def missing_document(database: str, files: Sequence[MissingFile]) -> dict[str, Any]:
    """Return the missing files, since when they are missing, and their edited passages."""
    return {"database": database, "missing": [_plain(asdict(each)) for each in files]}


def pruned_document(pruned: Pruned) -> dict[str, Any]:
    """Return what was deleted, or would be, and what was kept and why."""
    return {
        "deleted": asdict(pruned.deleted),
        "files": [_plain(asdict(each)) for each in pruned.files],
        "kept_edited": [_plain(asdict(each)) for each in pruned.edited],
        "kept_there": [_plain(asdict(each)) for each in pruned.there],
        "backup": None if pruned.backup is None else path_text(pruned.backup),
    }


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def examination_document(examination: Examination, spelled: Spelled) -> dict[str, Any]:
    """Return the findings about a database, the worst first."""
    return {
        "version": VERSION,
        "database": examination.database,
        "quick": examination.quick,
        "severity": examination.severity,
        "findings": [
            {
                "check": each.check,
                "severity": each.severity,
                "what": each.for_people(spelled),
                "evidence": list(each.evidence),
                "fixable": each.fix is not None,
            }
            for each in examination.findings
        ],
    }
