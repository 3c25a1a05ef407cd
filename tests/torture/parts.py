"""The parts of the suite: what each is called, what it claims, and how often it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .clock import clock_jumps
from .commit_cuts import commit_cuts
from .failing import failing_calls, few_descriptors, full_disk
from .kills_backup import kills_in_backup, kills_in_restore
from .kills_import import kills_in_import
from .kills_postgresql import crashes_postgresql, kills_postgresql
from .kills_sqlite import kills_sqlite, kills_sqlite_processes
from .kills_upgrade import kills_in_creation, kills_in_upgrade
from .power import power_cuts
from .soak import soak

if TYPE_CHECKING:
    from collections.abc import Callable

    from .run import Run


@dataclass(frozen=True)
class Part:
    """One part: what is done in it, the share of all trials that it has, and what does it."""

    name: str
    done: str
    share: float
    run: Callable[[Run], None]


PARTS: Final = [
    Part("kills-sqlite", "SIGKILL of one process, 1 to 4 threads", 0.5, kills_sqlite),
    Part(
        "kills-sqlite-processes",
        "SIGKILL of one of three processes, the others go on",
        0.3,
        kills_sqlite_processes,
    ),
    Part("kills-postgresql", "SIGKILL of clients of PostgreSQL", 0.1, kills_postgresql),
    Part(
        "crashes-postgresql",
        "immediate shutdown of the server, two processes go on",
        0.004,
        crashes_postgresql,
    ),
    Part("kills-backup", "SIGKILL while backups are made", 0.04, kills_in_backup),
    Part("kills-restore", "SIGKILL while a backup is brought back", 0.04, kills_in_restore),
    Part("kills-upgrade", "SIGKILL while the schema is upgraded", 0.01, kills_in_upgrade),
    Part("kills-creation", "SIGKILL while a library is made", 0.01, kills_in_creation),
    Part("kills-import", "SIGKILL of imports of sound files", 0.01, kills_in_import),
    Part("power-cuts", "what was not synced is lost or torn", 0.2, power_cuts),
    Part("failing-calls", "the n-th system call of a kind fails", 0.15, failing_calls),
    Part("full-disk", "the disk is full, and then it is not", 0.04, full_disk),
    Part("few-descriptors", "no more files can be opened for a while", 0.03, few_descriptors),
    Part("commit-cuts", "COMMIT or its answer is lost, or COMMIT comes late", 0.04, commit_cuts),
    Part("clock-jumps", "the clocks of two processes jump by up to 25 years", 0.05, clock_jumps),
    Part("soak", "everybody writes; log and memory stay bounded", 0.0001, soak),
]
