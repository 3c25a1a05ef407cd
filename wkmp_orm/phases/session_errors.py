"""The content of `import_sessions.errors`: one object per error, in the Rust services' format.

Their reader expects a list of objects with these five fields and otherwise refuses the session's
whole row. Earlier versions of wkmp_orm stored plain strings, which can still be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

UNKNOWN_CODE = "IMPORT_ERROR"

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Severity(StrEnum):
    """What the error means: a file lacks some data, a file is not imported, or the import ended."""

    WARNING = "WARNING"
    SKIP = "SKIP"
    CRITICAL = "CRITICAL"


def session_error(
    message: str, *, path: str = "", code: str = UNKNOWN_CODE, severity: Severity, at: datetime
) -> dict[str, Any]:
    """Build one error. `path` is empty if it concerns no file; `at` must have a time zone.

    `code` is a phase's name or another word; it is stored in capitals.
    """
    return {
        "file_path": path,
        "error_code": code.upper().replace(" ", "_"),
        "error_message": message,
        "severity": severity.value,
        "occurred_at": at.isoformat("T", "microseconds"),
    }


def is_session_error(value: object) -> bool:
    """Return whether the Rust services can read this value as an error."""
    if not isinstance(value, Mapping) or value.get("severity") not in set(Severity):
        return False
    texts = [value.get(name) for name in ("file_path", "error_code", "error_message")]
    at = value.get("occurred_at")
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(at, str)
        and _RFC3339.fullmatch(at) is not None
    )


def spelled_errors(stored: Iterable[Any]) -> tuple[str, ...]:
    """Return stored errors, of any program, as lines of text."""
    return tuple(map(_spelled, stored))


def _spelled(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    message = str(error.get("error_message", ""))
    path = error.get("file_path")
    return f"{path}: {message}" if path else message
