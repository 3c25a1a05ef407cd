"""What an examination found: how bad it is, what shows it, and what can be done about it."""

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

    ERROR: rows are lost, wrong or at risk, or the library cannot be used. WARNING: something is not
    as it should be, and gets worse or in the way. NOTE: it is as it should be, and good to know.
    """

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


Fix = Callable[[], str]
"""Mends what was found, and returns what it did. Raises WkmpOrmError or OSError if it cannot."""

MOST_EVIDENCE: Final = 5
"""How many rows or faults show a finding; a damaged file may have thousands."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `check` is the short name of what was looked at, which stays the same from version to version.
    `evidence` are the first few places that show it. `fix` mends it where that is safe: nothing
    that anybody may want is lost.
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
        """Return it with what to do at a terminal; `spelled` writes a command."""
        return for_people(self.what, self.remedies, spelled)


def error(check: str, what: str, *remedies: Remedy, evidence: tuple[str, ...] = ()) -> Finding:
    """Make a finding of rows that are lost, wrong or at risk."""
    return Finding(check, Severity.ERROR, what, evidence, remedies)


def warning(
    check: str, what: str, *remedies: Remedy, evidence: tuple[str, ...] = (), fix: Fix | None = None
) -> Finding:
    """Make a finding of what is not as it should be."""
    return Finding(check, Severity.WARNING, what, evidence, remedies, fix)


def note(check: str, what: str, *remedies: Remedy, evidence: tuple[str, ...] = ()) -> Finding:
    """Make a finding of what is good to know."""
    return Finding(check, Severity.NOTE, what, evidence, remedies)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a database, the worst first.

    `database` names it without secrets. `quick`: not every page and every row was read.
    """

    database: str
    quick: bool
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity | None:
        """The worst there is; None if nothing was found."""
        order = [*Severity]
        return max((each.severity for each in self.findings), key=order.index, default=None)

    @property
    def is_sound(self) -> bool:
        """Whether there is nothing but notes."""
        return self.severity in (None, Severity.NOTE)
