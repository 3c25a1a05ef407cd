"""The advice that errors give, in two wordings: for programmers and for the command line.

A programmer calls methods; a user of the command line runs commands.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE: Final = __name__.partition(".")[0]

Spelled = Callable[[tuple[str, ...]], str]
"""Formats a command's arguments as they can be typed."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One piece of advice, as a clause that can end a sentence.

    `program` is the wording for programmers, `person` the one for the command line; None leaves it
    out. `command` is a command line to run, printed after `person`: it begins with `wkmp-orm` or
    `pip`, and the caller that prints it replaces these by their paths.
    """

    program: str | None
    person: str | None
    command: tuple[str, ...] = ()


def for_programs(what: str, remedies: Iterable[Remedy]) -> str:
    """Return what happened, and what a programmer can do."""
    return _sentences(what, [each.program for each in _said(remedies) if each.program is not None])


def for_people(what: str, remedies: Iterable[Remedy], spelled: Spelled = shlex.join) -> str:
    """Return what happened, and what a user of the command line can do."""
    return _sentences(
        what,
        [
            f"{each.person} {spelled(each.command)}" if each.command else each.person
            for each in _said(remedies)
            if each.person is not None
        ],
    )


def _said(remedies: Iterable[Remedy]) -> list[Remedy]:
    return [_SAID.get(each, each) for each in remedies]


def _sentences(what: str, clauses: list[str]) -> str:
    if not clauses:
        return what
    advice = ", or ".join(clauses)
    return f"{what}. {advice[0].upper()}{advice[1:]}"


_SAID: Final[dict[Remedy, Remedy]] = {}


def say(remedy: Remedy, instead: Remedy) -> None:
    """Let a program replace the words of a remedy, for example by the name of its own setting.

    Call it once, when the program is imported.
    """
    _SAID[remedy] = instead


def the_same(clause: str) -> Remedy:
    """Return a remedy with the same words for programmers and for the command line."""
    return Remedy(clause, clause)


# Units of work.

COMMIT_AGAIN: Final = Remedy("commit again", "run the same command again")
MEND_THE_ROW: Final = Remedy("mend or discard the row and commit again", None)
MAKE_ROOM: Final = Remedy(
    "make room or repair the disk, then commit again",
    "make room or repair the disk, then run the same command again",
)
END_THE_HOLDER: Final = the_same("find and end it")
WAIT_LONGER: Final = the_same("raise max_lock_wait_ms")
COMMIT_TO_FIND_OUT: Final = Remedy(
    "committing again will find out", "running the same command again will find out"
)
SEE_THE_CAUSE: Final = Remedy(
    "the cause of this error has the driver's words", "the driver's words are shown with --verbose"
)
USE_A_UNIT_OF_WORK: Final = Remedy("use a unit of work, or begin_monitored", None)

# Opening a database.

CHECK_PERMISSIONS: Final = the_same("check the permissions of the file and its folder")
ALLOW_MORE_FILES: Final = the_same(
    "close files, or allow the program to have more of them open (`ulimit -n`)"
)
OPEN_READ_ONLY: Final = Remedy("open it with read_only=True", None)
OPEN_WRITABLE: Final = Remedy("open it without read_only to write", None)
OTHER_PATH: Final = the_same("give another path")
RESTORE_BACKUP: Final = the_same("restore a backup")
REPAIR_DISK: Final = the_same("make room or repair the disk, then try again")
END_READERS: Final = Remedy("end readers sooner", "end other programs that read it")
MORE_READERS: Final = the_same("raise reader_pool_size")
END_THE_PROGRAM: Final = the_same("end it and try again")
CHECK_SERVER: Final = the_same(
    "check the URL, that the server runs, and that it lets this role connect so often"
)
SERVER_THEN_COMMIT: Final = Remedy(
    "check the server, then commit again", "check the server, then run the same command again"
)
SERVER_THEN_RETRY: Final = the_same("check the server, then try again")
LOCAL_DISK: Final = the_same(
    "put the database on a local disk, or repair the locks of the network drive"
)
LOOK_WHETHER: Final = the_same("look whether it has before you repeat it")
OTHER_DATABASE: Final = the_same("take another database")

# A PostgreSQL server.

USE_UTF8: Final = the_same(
    "make a database that can: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
)
UPGRADE_SERVER: Final = the_same("upgrade the server")
GRANT_RIGHTS: Final = the_same(
    "GRANT the role what it needs: SELECT, INSERT, UPDATE and DELETE on the tables to write,"
    " SELECT to read, CREATE on the schema to make or upgrade them"
)
ON_PRIMARY: Final = the_same(
    "connect to the primary server: this one is a standby, or its transactions are read-only"
)
LET_IT_TAKE_LONGER: Final = the_same("raise statement_timeout of the role")
GIVE_RESOURCES: Final = the_same("look into the server's log and give it what it lacks")
READ_AGAIN: Final = the_same(
    "read again; hot_standby_feedback = on lets readers of a standby take longer"
)
POOL_SESSIONS: Final = the_same(
    "connect to the server itself, or let the pooler keep a connection for each session"
    " (PgBouncer: pool_mode = session)"
)


def install(extra: str) -> Remedy:
    """Install an extra."""
    package = f"{_PACKAGE}[{extra}]"
    command = ("pip", "install", package)
    return Remedy(f"run {shlex.join(command)}", "run", command)


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
