"""The result of an import: what it found and did, what failed, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wkmp_orm.models import SessionState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wkmp_orm.core.engine.monitor import Totals
    from wkmp_orm.core.remedies import Note
    from wkmp_orm.orchestrator.counts import Counts, Effort, Findings
    from wkmp_orm.phases.members import SharedProgress


@dataclass(frozen=True, slots=True, order=True)
class FailedFile:
    """A file or folder that could not be imported: its stored path, the phase and the reason."""

    path: str
    phase: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class WarnedFile:
    """A file that was imported with a warning: its stored path and the reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The result of one import. `state` is COMPLETED, or CANCELLED if it was stopped early.

    `kept_passages` are the guids of passages whose span is gone but which a user had edited: they
    stay. `warnings` tell what is wrong with files that were imported all the same: their tags could
    not be read or are implausible, or their sound is damaged. Warnings, `failures` and kept
    passages list at most a thousand each; `counts` has their numbers, and the table
    `import_failures` has all failures and warnings.

    `notes` name what this import lacked and how to provide it: text for programs, and with
    `for_people()` text for the terminal. `phases` and `workers` map names to the time spent;
    `writes` is the cost of this import's transactions. All of that is about this process.
    `together` is what all importers have done that shared a PostgreSQL, and `joined` names the
    leader of the import that this process joined; it is empty if this process began the import.
    """

    session_id: str
    state: SessionState
    database: str
    root: Path
    folder: Path
    counts: Counts
    findings: Findings
    phases: Mapping[str, Effort]
    workers: Mapping[str, Effort]
    notes: tuple[Note, ...]
    failures: tuple[FailedFile, ...]
    warnings: tuple[WarnedFile, ...]
    kept_passages: tuple[str, ...]
    seconds: float
    writes: Totals
    together: SharedProgress | None = None
    joined: str = ""

    @property
    def was_cancelled(self) -> bool:
        """Whether it was stopped early; the next import continues from there."""
        return self.state is SessionState.CANCELLED
