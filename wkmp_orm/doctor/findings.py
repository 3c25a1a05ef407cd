"""What an examination found: severity, evidence and remedies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.remedies import for_people, for_programs

if TYPE_CHECKING:
    from wkmp_orm.core.remedies import Remedy, Spelled


class Severity(StrEnum):
    """How bad a finding is.

    ERROR: rows are lost, wrong or at risk, or the library cannot be used. WARNING: something is
    wrong and will get worse or cause trouble. NOTE: nothing is wrong; the fact is worth knowing.
    """

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


Fix = Callable[[], str]
"""Fixes the fault and returns what it did. Raises WkmpOrmError or OSError if it cannot."""

MOST_EVIDENCE: Final = 5
"""The number of rows or faults that a finding lists; a damaged file may have thousands."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `check` is the short name of the check, which stays the same from version to version.
    `evidence` lists the first few places. `fix` repairs the fault if that is safe: it deletes
    nothing that anyone could want.
    """

    check: str
    severity: Severity
    what: str
    evidence: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    fix: Fix | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return for_programs(self.what, self.remedies)

    def for_people(self, spelled: Spelled) -> str:
        """Return the message for a person at a terminal; `spelled` formats a command."""
        return for_people(self.what, self.remedies, spelled)


def error(check: str, what: str, *remedies: Remedy, evidence: tuple[str, ...] = ()) -> Finding:
    """Make a finding about rows that are lost, wrong or at risk."""
    return Finding(check, Severity.ERROR, what, evidence, remedies)


def warning(
    check: str, what: str, *remedies: Remedy, evidence: tuple[str, ...] = (), fix: Fix | None = None
) -> Finding:
    """Make a finding about something that is wrong."""
    return Finding(check, Severity.WARNING, what, evidence, remedies, fix)


def note(check: str, what: str, *remedies: Remedy, evidence: tuple[str, ...] = ()) -> Finding:
    """Make a finding about a fact that is worth knowing."""
    return Finding(check, Severity.NOTE, what, evidence, remedies)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a database, the worst first.

    `database` is its name without secrets. `quick`: indexes, references and rows were not checked.
    """

    database: str
    quick: bool
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity | None:
        """The worst severity; None if nothing was found."""
        order = [*Severity]
        return max((each.severity for each in self.findings), key=order.index, default=None)

    @property
    def is_sound(self) -> bool:
        """Whether there are no warnings and no errors."""
        return self.severity in (None, Severity.NOTE)
