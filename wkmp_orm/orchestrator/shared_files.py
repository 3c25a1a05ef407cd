"""The queue of an import that several processes share: a table in their PostgreSQL."""

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

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.membership import Membership
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.orchestrator.waiting import Queue
    from wkmp_orm.phases.claims import ClaimedFile
    from wkmp_orm.work import UnitOfWork

logger = logging.getLogger("wkmp_orm.orchestrator")

LOOKS_EVERY_S: Final = 0.5
"""How often an importer without a file checks for work."""
CLAIMS: Final = "claims"
"""The phase under which reports show these writes."""
FIRST: Final = -(2**62)
"""The start of the positions of files that go first."""

_THROUGH: Final = (FileStatus.INGEST_COMPLETE, FileStatus.NO_AUDIO)
_KINDS: Final = {
    Match.NEW: ClaimKind.NEW,
    Match.CHANGED: ClaimKind.CHANGED,
    Match.UNFINISHED: ClaimKind.UNFINISHED,
    Match.SETTLED: ClaimKind.UNFINISHED,  # a copy that became an original meanwhile
}


class SharedFiles:
    """One importer's view of the shared queue: the files that it takes are its own until finished.

    As a context manager it returns unstarted files to the queue at the end. Any thread may call it.
    Raises the FlushErrors that affect every file.
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
        """Open a session's queue. `flavors`: this importer has a source of the songs' flavor."""
        self._library = library
        self._membership = membership
        self._statistics = statistics
        self._stop = stop
        self._workers = workers
        self._flavors = flavors
        self._lock = threading.Lock()
        self._notes = threading.Lock()
        """A separate lock, because `_lock` is held while waiting for files."""
        self._known_copies: WaitingFiles | None = None
        self._mine: deque[WaitingFile] = deque()
        self._alone: str | None = None
        """The file in progress here that other importers have ended over, if any."""
        self._done: list[str] = []
        self._copies: list[str] = []
        self._held = 0
        """How many files belong to this importer, including those in progress."""
        self._claims = 0
        self._places = 0
        self._is_full = False

    def __len__(self) -> int:
        """Return how many are left; the number is exact only if it is 0."""
        return len(self._mine) + self._is_full

    def add(self, files: Iterable[WaitingFile], *, first: bool = False) -> None:
        """Queue files for any importer, at the end, or with `first` at the front."""
        rows = []
        for file in files:
            self._places += 1
            place = self._places + (FIRST if first else 0)
            rows.append(WaitingClaim(file.matched.guid, place, _kind(file), file.sha256))
        if rows:
            self._is_full = True
            self._write(lambda work: claims.let_wait(work, rows))

    def take(self, *, from_end: bool = False) -> WaitingFile | None:
        """Take a file, which then belongs to this importer; None if there is none to wait for.

        It waits while others have files, because these come back if their importers end. It also
        returns None if the import is stopped or has ended, or if this importer becomes the leader.
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
        """Return an empty queue: the files that go first are at the front of the common queue.

        If another importer finishes a copy before them, the copy counts as the original for a
        while, until a complete file takes its place.
        """
        return NOTHING

    def add_copy(self, file: WaitingFile, *, is_new: bool) -> None:
        """Store a file that the scan has found to be a copy."""
        self._scanned_copies().add_copy(file, is_new=is_new)

    def copies(self) -> Iterator[list[WaitingFile]]:
        """Yield the copies that the scan has found."""
        return self._scanned_copies().copies()

    def take_copy(self, file: WaitingFile) -> bool:
        """Remove a copy; return False, because this import did not find that it is one."""
        return self._scanned_copies().take_copy(file)

    def take_copy_at(self, path: str) -> WaitingFile | None:
        """Remove and return the copy at a stored path; None if there is none."""
        return self._scanned_copies().take_copy_at(path)

    def take_promoted(self) -> bool:
        """Queue the copies that became originals meanwhile; return whether there were any."""
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
        """Return a function that makes a unit of work fail if another importer has the file."""
        me, guid = self._membership.me, file.matched.guid
        return lambda work: claims.refuse_unless_mine(work, me, guid)

    def is_mine(self, file: WaitingFile) -> bool:
        """Return whether a file still belongs to this importer."""
        return claims.is_mine(self._library, self._membership.me, file.matched.guid)

    def through(self, file: WaitingFile, *, is_copy: bool) -> None:
        """Record that this importer has finished a file, whatever the outcome."""
        guid = file.matched.guid
        with self._notes:
            (self._copies if is_copy else self._done).append(guid)
            self._held -= 1
            if self._alone == guid:
                self._alone = None

    def close(self) -> None:
        """Return the files that were not started to the queue."""

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
        """Claim as many files as there are workers, and settle the finished ones."""
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
                    self._done.append(row.guid)  # its last owner ended before it could settle it
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
        """Return whether there is nothing to wait for; otherwise claim files or wait briefly."""
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
        """Settle the finished files. They stay listed until the commit, for a retry."""
        with self._notes:
            done, copies = list(self._done), list(self._copies)
        claims.settle(work, self._membership.me, done, copies)

        def forget(_: object) -> None:
            with self._notes:
                del self._done[: len(done)], self._copies[: len(copies)]

        work.after_commit(forget)

    def _write(self, fill: Callable[[UnitOfWork], object]) -> None:
        if self._done or self._copies:
            self._membership.tell()  # first: the leader adds up when nothing is left
        write(self._library, CLAIMS, fill)


def _kind(file: WaitingFile) -> ClaimKind:
    return ClaimKind.UNFLAVORED if file.lacks_flavor else _KINDS[file.matched.match]
