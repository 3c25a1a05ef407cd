"""What an import answers when it has ended: what it found and did, what failed, what it cost.

Only values; must not know how they are shown.
"""

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
    """A file, or a folder, that could not be imported: its stored path, the phase, and why."""

    path: str
    phase: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class WarnedFile:
    """A file that was imported though something in it is wrong: its stored path, and what."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """One import. `state` is COMPLETED, or CANCELLED when it was stopped before its end.

    `kept_passages` are the guids of passages whose span is gone but which a user had edited: they
    were left alone. `warnings` are what is wrong with files that were imported all the same: their
    tags could not be read or believed, or their sound is damaged. Of them, of the `failures` and of
    the kept passages the first thousand are named; `counts` has how many there are, and the table
    `import_failures` has all failures and warnings.

    `notes` say what this import had to do without, and what to do about it: text for programs, and
    with `for_people()` for who is at a terminal. `phases` and `workers` say where the time went, by
    their names; `writes` is what this import's transactions cost. All of that is of this process;
    `together` is what all have done that imported into a PostgreSQL at the same time, and `joined`
    is who led the import that this process joined; it is empty if it began the import.
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
        """Whether it was stopped before its end; the next import goes on from there."""
        return self.state is SessionState.CANCELLED
