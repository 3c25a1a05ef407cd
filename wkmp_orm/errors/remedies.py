"""What can be done about an error, in the words of who reads it: the one place for these words.

Whoever programs with the package calls methods; whoever sits at a terminal runs commands. Knows
both vocabularies; must not know which errors there are, nor what a terminal is.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

Spelled = Callable[[tuple[str, ...]], str]
"""Writes a command as it can be typed."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do, as a clause that a sentence can end with.

    `program` is for who programs, `person` for who is at a terminal; None: it is not theirs to do.
    `command` is what a person runs, behind the clause: it begins with `wkmp-orm` or `pip`, and
    whoever shows it knows where these are.
    """

    program: str | None
    person: str | None
    command: tuple[str, ...] = ()


def for_programs(what: str, remedies: Iterable[Remedy]) -> str:
    """Return what happened, and what to do for who programs."""
    return _sentences(what, [each.program for each in remedies if each.program is not None])


def for_people(what: str, remedies: Iterable[Remedy], spelled: Spelled = shlex.join) -> str:
    """Return what happened, and what to do for who is at a terminal."""
    return _sentences(
        what,
        [
            f"{each.person} {spelled(each.command)}" if each.command else each.person
            for each in remedies
            if each.person is not None
        ],
    )


def _sentences(what: str, clauses: list[str]) -> str:
    if not clauses:
        return what
    advice = ", or ".join(clauses)
    return f"{what}. {advice[0].upper()}{advice[1:]}"


def _the_same(clause: str) -> Remedy:
    return Remedy(clause, clause)


# Units of work.

COMMIT_AGAIN: Final = Remedy("commit again", "run the same command again")
MEND_THE_ROW: Final = Remedy("mend or discard the row and commit again", None)
MAKE_ROOM: Final = Remedy(
    "make room or repair the disk, then commit again",
    "make room or repair the disk, then run the same command again",
)
END_THE_HOLDER: Final = _the_same("find and end it")
WAIT_LONGER: Final = Remedy(
    "raise ai_database_max_lock_wait_ms",
    "let it wait longer:",
    ("wkmp-orm", "settings", "set", "ai_database_max_lock_wait_ms", "20000"),
)
COMMIT_TO_FIND_OUT: Final = Remedy(
    "committing again will find out", "running the same command again will find out"
)
SEE_THE_CAUSE: Final = Remedy(
    "the cause of this error has the driver's words", "the driver's words are shown with --verbose"
)
USE_A_UNIT_OF_WORK: Final = Remedy("use a unit of work, or begin_monitored", None)

# Opening a database.

CHECK_PERMISSIONS: Final = _the_same("check the permissions of the file and its folder")
OPEN_READ_ONLY: Final = Remedy("open it with read_only=True", None)
OPEN_WRITABLE: Final = Remedy("open it without read_only to write", None)
OTHER_PATH: Final = _the_same("give another path")
RESTORE_BACKUP: Final = _the_same("restore a backup")
REPAIR_DISK: Final = _the_same("make room or repair the disk, then try again")
END_READERS: Final = Remedy("end readers sooner", "end other programs that read it")
MORE_READERS: Final = Remedy(
    "raise ai_database_connection_pool_size",
    "let more of them read:",
    ("wkmp-orm", "settings", "set", "ai_database_connection_pool_size", "32"),
)
END_THE_PROGRAM: Final = _the_same("end it and try again")
CHECK_SERVER: Final = _the_same("check the URL and that the server runs")
SERVER_THEN_COMMIT: Final = Remedy(
    "check the server, then commit again", "check the server, then run the same command again"
)
SERVER_THEN_RETRY: Final = _the_same("check the server, then try again")
LOCAL_DISK: Final = _the_same(
    "put the database on a local disk, or repair the locks of the network drive"
)
LOOK_WHETHER: Final = _the_same("look whether it has before you repeat it")
GIVE_ROOT: Final = Remedy(
    "give one to Library.open(root=...)",
    "give one:",
    ("wkmp-orm", "import", "--root", "FOLDER"),
)
LEAVE_OUT_ROOT: Final = Remedy("open it without root", "leave out --root")
NAME_A_FOLDER: Final = Remedy(
    "name a folder, and give the URL to Library.open as the database",
    "name a folder, and give the URL with --database",
)
CORRECT_ROOT: Final = _the_same(
    "correct the setting library_root if the whole folder was moved, and only then"
)
OTHER_DATABASE: Final = _the_same("take another database")
UPGRADE_WKMP_ORM: Final = Remedy(
    "upgrade wkmp_orm", "upgrade wkmp_orm:", ("pip", "install", "--upgrade", "wkmp_orm")
)


def create_schema(database: str) -> Remedy:
    """Let somebody who may write make the schema."""
    return Remedy(
        "open it without read_only once",
        "create it:",
        ("wkmp-orm", "db", "upgrade", "--database", database),
    )


def upgrade_schema(database: str) -> Remedy:
    """Bring the schema to the newest revision."""
    command = ("wkmp-orm", "db", "upgrade", "--database", database)
    return Remedy(
        f"run {shlex.join(command)}, or open it with upgrade=True", "upgrade it:", command
    )


# What is installed, and settings.


def install(extra: str) -> Remedy:
    """Install an extra."""
    package = f"wkmp_orm[{extra}]"
    command = ("pip", "install", package)
    return Remedy(f"run {shlex.join(command)}", "run", command)


def set_setting(name: str, value: str) -> Remedy:
    """Store a setting; `value` may be a word in capitals that stands for one."""
    command = ("wkmp-orm", "settings", "set", name, value)
    return Remedy(f"run {shlex.join(command)}", "run", command)


LIST_SETTINGS: Final = Remedy(
    "wkmp_orm.settings.SETTINGS has them all", "see them all:", ("wkmp-orm", "settings", "list")
)


class Note(str):
    """Something that a person may want to know, though nothing failed. It reads as for programs."""

    __slots__ = ("remedies", "what")
    what: str
    remedies: tuple[Remedy, ...]

    def __new__(cls, what: str, *remedies: Remedy) -> Self:
        """Say what is so, and what to do about it."""
        note = super().__new__(cls, for_programs(what, remedies))
        note.what, note.remedies = what, remedies
        return note

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.what, *self.remedies

    def for_people(self, spelled: Spelled = shlex.join) -> str:
        """Return it with what to do at a terminal; `spelled` writes a command."""
        return for_people(self.what, self.remedies, spelled)
