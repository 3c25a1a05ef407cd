"""The files that wait for any of the importers that share a PostgreSQL: the queue is a table of it.

Knows claims; must not know what is done with a file.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import WkmpOrmError
from wkmp_orm.models import ClaimKind, FileStatus
from wkmp_orm.orchestrator.file_in_progress import WaitingFile
from wkmp_orm.orchestrator.waiting import NOTHING, WaitingFiles
from wkmp_orm.orchestrator.writing import write
from wkmp_orm.paths import file_path
from wkmp_orm.phases import FoundFile, Match, MatchedFile, claims
from wkmp_orm.phases.claims import MOST_OWNERS, WaitingClaim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.membership import Membership
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.orchestrator.waiting import Queue
    from wkmp_orm.phases.claims import ClaimedFile
    from wkmp_orm.work import UnitOfWork

logger = logging.getLogger("wkmp_orm.orchestrator")

LOOKS_EVERY_S: Final = 0.5
"""How often an importer without a file looks whether there is anything to do."""
CLAIMS: Final = "claims"
"""What these writes are called in reports."""
FIRST: Final = -(2**62)
"""The first place of files that go first."""

_THROUGH: Final = (FileStatus.INGEST_COMPLETE, FileStatus.NO_AUDIO)
_KINDS: Final = {
    Match.NEW: ClaimKind.NEW,
    Match.CHANGED: ClaimKind.CHANGED,
    Match.UNFINISHED: ClaimKind.UNFINISHED,
    Match.SETTLED: ClaimKind.UNFINISHED,  # a copy that was elected an original meanwhile
}


class SharedFiles:
    """The queue as one importer sees it: what it takes is its own until it is through or leaves.

    A context manager that gives back at its end what was not begun. Any thread may call. Raises
    the FlushErrors that everybody meets.
    """

    def __init__(
        self,
        library: Library,
        membership: Membership,
        statistics: Statistics,
        stop: threading.Event,
        *,
        workers: int,
        flavors: bool,
    ) -> None:
        """Look at the queue of a session. `flavors`: somebody can be asked for them here."""
        self._library = library
        self._membership = membership
        self._statistics = statistics
        self._stop = stop
        self._workers = workers
        self._flavors = flavors
        self._lock = threading.Lock()
        self._notes = threading.Lock()
        """Beside the other, which is held while files are waited for."""
        self._known_copies: WaitingFiles | None = None
        self._mine: deque[WaitingFile] = deque()
        self._alone: str | None = None
        """The file that others have ended over, if one is on its way here."""
        self._done: list[str] = []
        self._copies: list[str] = []
        self._held = 0
        """How many files are this importer's, those that are on their way included."""
        self._claims = 0
        self._places = 0
        self._is_full = False

    def __len__(self) -> int:
        """Return how many are left: exactly only when there are none."""
        return len(self._mine) + self._is_full

    def add(self, files: Iterable[WaitingFile], *, first: bool = False) -> None:
        """Let files wait for whoever takes them, behind those that do already, or in front."""
        rows = []
        for file in files:
            self._places += 1
            place = self._places + (FIRST if first else 0)
            rows.append(WaitingClaim(file.matched.guid, place, _kind(file), file.sha256))
        if rows:
            self._is_full = True
            self._write(lambda work: claims.let_wait(work, rows))

    def take(self, *, from_end: bool = False) -> WaitingFile | None:
        """Return a file that is this importer's own now; None: nothing is left to be waited for.

        Waits while others are at work: what they have comes back if they end. None as well when
        the import is stopped or has ended, and when its lead falls to this importer.
        """
        with self._lock:
            while not self._stop.is_set() and not self._membership.is_over:
                if from_end and self._claim(from_end=True):
                    return self._mine.pop()
                if self._mine or (self._is_full and self._claim()):
                    return self._mine.popleft()
                if self._is_nothing_left():
                    return None
        return None

    def first_ones(self) -> Queue:
        """Return those that go first: none, as they are in front of the others in one queue.

        Where others overtake them, a copy whose hash was emptied is taken for the original for a
        while. It gives that place up to a file that is complete.
        """
        return NOTHING

    def add_copy(self, file: WaitingFile, *, is_new: bool) -> None:
        """Keep a file that is equal to another one, which the scan has found."""
        self._scanned_copies().add_copy(file, is_new=is_new)

    def copies(self) -> Iterator[list[WaitingFile]]:
        """Give the copies that the scan has found."""
        return self._scanned_copies().copies()

    def take_copy(self, file: WaitingFile) -> bool:
        """Forget a copy, and say whether this import has found out that it was one: it has not."""
        return self._scanned_copies().take_copy(file)

    def take_copy_at(self, path: str) -> WaitingFile | None:
        """Forget the copy at a stored path, and return it; None: there is none."""
        return self._scanned_copies().take_copy_at(path)

    def take_promoted(self) -> bool:
        """Let copies that this import has found wait, if they became originals meanwhile."""
        self._write(self._settle)
        found = False
        while promoted := claims.promoted_copies(self._library, self._membership.me):
            found = True
            self._write(partial(claims.let_copies_wait, copies=promoted))
            for copy in promoted:
                self._statistics.promoted(copy.size_bytes, is_mine=copy.is_mine)
        self._is_full = self._is_full or found
        return found

    def fence(self, file: WaitingFile) -> Callable[[UnitOfWork], None]:
        """Return what lets a unit of work about a file be refused when it is another's by now."""
        me, guid = self._membership.me, file.matched.guid
        return lambda work: claims.refuse_unless_mine(work, me, guid)

    def is_mine(self, file: WaitingFile) -> bool:
        """Say whether a file is this importer's own still."""
        return claims.is_mine(self._library, self._membership.me, file.matched.guid)

    def through(self, file: WaitingFile, *, is_copy: bool) -> None:
        """Take note that this importer is through with a file, one way or another."""
        guid = file.matched.guid
        with self._notes:
            (self._copies if is_copy else self._done).append(guid)
            self._held -= 1
            if self._alone == guid:
                self._alone = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what was not begun."""

        def fill(work: UnitOfWork) -> None:
            self._settle(work)
            claims.give_back(work, self._membership.me)

        try:
            if self._held or self._done or self._copies:
                self._write(fill)
        except WkmpOrmError as error:
            logger.warning("files could not be given back: others wait for the lease: %s", error)
        if self._known_copies is not None:
            self._known_copies.close()

    def _scanned_copies(self) -> WaitingFiles:
        if self._known_copies is None:
            self._known_copies = WaitingFiles()
        return self._known_copies

    def _claim(self, *, from_end: bool = False) -> bool:
        """Claim as many files as there are workers, and settle what is through."""
        self._claims += 1
        number, most = self._claims, 1 if from_end else self._workers

        def fill(work: UnitOfWork) -> None:
            self._settle(work)
            claims.claim(
                work,
                self._membership.me,
                number=number,
                most=most,
                flavors=self._flavors,
                from_end=from_end,
                alone=self._alone is None and not from_end,
            )

        self._write(fill)
        taken = claims.claimed_files(self._library, self._membership.me, number)
        self._is_full = len(taken) >= most
        before = len(self._mine)
        with self._notes:
            self._held += len(taken)
        for row in taken:
            if row.owners > 1 and row.status in _THROUGH and row.kind is not ClaimKind.UNFLAVORED:
                with self._notes:
                    self._done.append(row.guid)  # its last owner did not come to say so
                    self._held -= 1
                continue
            if row.owners > claims.ALONE_AFTER:
                self._alone = row.guid
            file = self._waiting_file(row)
            if not self._membership.leads:
                self._statistics.taken_over(file.matched)
            self._mine.append(file)
        return len(self._mine) > before

    def _waiting_file(self, row: ClaimedFile) -> WaitingFile:
        match = Match.UNFINISHED
        if row.kind in (ClaimKind.NEW, ClaimKind.CHANGED) and row.owners == 1:
            match = Match(row.kind.value)
        found = FoundFile(row.path, row.size_bytes, row.modification_time)
        return WaitingFile(
            file_path(row.path, self._library.root),
            MatchedFile(found, row.guid, match, row.status),
            lacks_flavor=row.kind is ClaimKind.UNFLAVORED,
            sha256=row.sha256,
            ended_importers=row.owners > MOST_OWNERS,
        )

    def _is_nothing_left(self) -> bool:
        """Look whether anything is to be waited for, and wait a little if so."""
        outlook = claims.outlook(self._library, self._membership.session_id, flavors=self._flavors)
        if outlook.is_free and self._claim():
            return False
        if outlook.can_take_over:
            self._write(claims.take_back)
            return False
        if self._done or self._copies:
            self._write(self._settle)
            return False
        if self._membership.leads:
            if not outlook.is_left:
                return True
        elif not outlook.is_left and not outlook.is_led and self._membership.try_to_lead():
            return True
        self._stop.wait(LOOKS_EVERY_S)
        return False

    def _settle(self, work: UnitOfWork) -> None:
        """Take off the list what is through. A unit that is filled anew must find it again."""
        with self._notes:
            done, copies = list(self._done), list(self._copies)
        claims.settle(work, self._membership.me, done, copies)

        def forget(_: object) -> None:
            with self._notes:
                del self._done[: len(done)], self._copies[: len(copies)]

        work.after_commit(forget)

    def _write(self, fill: Callable[[UnitOfWork], object]) -> None:
        if self._done or self._copies:
            self._membership.tell()  # before: who leads adds up when nothing is left
        write(self._library, CLAIMS, fill)


def _kind(file: WaitingFile) -> ClaimKind:
    return ClaimKind.UNFLAVORED if file.lacks_flavor else _KINDS[file.matched.match]
