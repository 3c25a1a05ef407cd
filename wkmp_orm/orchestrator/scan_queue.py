"""The first two phases: turns scanned files into rows, and queues the files that need work.

A file that may be a moved one waits for the end of the scan, when all moves can be found. All
others are processed at once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa

from wkmp_orm.errors import WkmpOrmError
from wkmp_orm.models import File, FileStatus, Passage, PassageSong, Song, SongStatus
from wkmp_orm.orchestrator.candidates import MoveCandidates
from wkmp_orm.orchestrator.file_in_progress import WaitingFile
from wkmp_orm.orchestrator.missing import Blindness, settle_missing
from wkmp_orm.orchestrator.moves import follow_moved_files
from wkmp_orm.orchestrator.scan import LeftOut, ScannedFile, ScanProblem
from wkmp_orm.orchestrator.summary import FailedFile
from wkmp_orm.orchestrator.writing import FATAL_ERRORS, reason_of, write
from wkmp_orm.paths import stored_path
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    FoundFile,
    Match,
    MatchedFile,
    loose_files,
    read_anew,
    record_failure,
    record_files,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from wkmp_orm.core.remedies import Note
    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.scan import Scanned
    from wkmp_orm.orchestrator.shared_files import SharedFiles
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.orchestrator.waiting import WaitingFiles
    from wkmp_orm.phases import LooseFile
    from wkmp_orm.work import UnitOfWork

logger = logging.getLogger("wkmp_orm.orchestrator")

T = TypeVar("T")

CHUNK: Final = 500
"""Files per unit of work: it holds the lock for 10 ms and looks up 500 paths at once."""

_LACKS_FLAVOR: Final = (
    sa.select(Passage.file_id)
    .join(PassageSong, PassageSong.passage_id == Passage.guid)
    .join(Song, Song.guid == PassageSong.song_id)
    .where(Song.status == SongStatus.PENDING)
    .distinct()
)


class ScanQueue:
    """Processes scanned files: writes rows, queues files, and keeps copies that may change."""

    def __init__(
        self,
        library: Library,
        session_id: str,
        statistics: Statistics,
        stop: threading.Event,
        waiting: WaitingFiles | SharedFiles,
        *,
        flavors: bool,
        threads: int,
        hash_of: Callable[[Path, threading.Event], str],
    ) -> None:
        """Fill the empty queue `waiting`. `flavors`: there is a source of the songs' flavor.

        `hash_of` returns the SHA-256 of a file, and is called in up to `threads` threads at a time.
        """
        self._library = library
        self._session_id = session_id
        self._statistics = statistics
        self._stop = stop
        self._flavors = flavors
        self._threads = threads
        self._hash_of = hash_of
        self._files = waiting
        self._waiting: list[ScannedFile] = []
        self._loose: list[LooseFile] = []
        self._candidates = MoveCandidates(library, stop)
        self._hashes: dict[str, str] = {}
        self.blindness = Blindness()

    def take_in(self, scanned: Iterable[Scanned]) -> None:
        """Write the rows of new and changed files, in chunks. Raises FlushErrors.

        Before that, rows of moved files get their new paths. If `stop` is set, the files that are
        not written yet are left out.
        """
        for chunk in _chunks(takewhile(lambda _: not self._stop.is_set(), scanned)):
            self._take_in_problems([each for each in chunk if isinstance(each, ScanProblem)])
            self._statistics.left_out(sum(isinstance(each, LeftOut) for each in chunk))
            files = [each for each in chunk if isinstance(each, ScannedFile)]
            self._take_in_files(files if self._candidates.are_impossible else self._staying(files))
        if self._waiting and not self._stop.is_set():
            self._take_in_waiting()

    def _staying(self, scanned: Sequence[ScannedFile]) -> list[ScannedFile]:
        """Return the files that are not moved ones; possible moves wait for the end of the scan."""
        by_path = {stored_path(each.path, self._library.root): each for each in scanned}
        loose = loose_files(self._library, [_found(each, path) for path, each in by_path.items()])
        moved = [each for each in loose if self._candidates.may_be(each)]
        self._loose += moved
        self._waiting += [by_path.pop(each.found.path) for each in moved]
        return list(by_path.values())

    def _take_in_waiting(self) -> None:
        """Give rows of moved files their new paths, then process the files that waited for that."""
        moves = follow_moved_files(
            self._library, self._loose, self._stop, threads=self._threads, hash_of=self._hash_of
        )
        self._statistics.moved(moves.moved)
        self._hashes = moves.hashes
        self._loose.clear()
        for chunk in _chunks(self._waiting):
            if self._stop.is_set():
                break
            self._take_in_files(chunk)
        self._waiting.clear()

    def settle_missing(self, folder: str | None, *, accept: bool) -> Note | None:
        """Mark the files that are gone below a stored path; copies may replace originals.

        Returns a note for the user if files could not be marked.
        """
        outcome = settle_missing(
            self._library,
            folder,
            self._stop,
            found=self._statistics.progress().counts.found,
            blindness=self.blindness,
            accept=accept,
        )
        self._statistics.went(outcome)
        for each in outcome.handed_over:
            if each.found is None or (file := self._files.take_copy_at(each.path)) is None:
                continue
            if each.row.is_unfinished:
                match = MatchedFile(each.found, each.row.guid, Match.UNFINISHED, each.row.status)
                self._statistics.taken_up(match)
                self._files.add([WaitingFile(file.place, match)])
        return outcome.note

    def take_promoted(self) -> bool:
        """Queue the copies that became originals meanwhile; return whether anything is queued."""
        for copies in self._files.copies():
            guids = [file.matched.guid for file in copies]
            query = sa.select(File.guid).where(
                File.guid.in_(guids), File.status == FileStatus.PENDING
            )
            pending = read_anew(self._library, partial(_guids, query))
            promoted = [file for file in copies if file.matched.guid in pending]
            for file in promoted:
                if self._files.take_copy(file):
                    self._statistics.promoted(file.matched.found.size_bytes)
                else:
                    self._statistics.taken_up(file.matched)
            self._files.add(promoted)
        return self._files.take_promoted() or bool(self._files)

    def _take_in_files(self, scanned: Sequence[ScannedFile]) -> None:
        taken = self._written(scanned)
        self._statistics.matched(match for _, match in taken)
        to_import: list[WaitingFile] = []
        emptied: list[WaitingFile] = []
        complete: list[WaitingFile] = []
        for each, match in taken:
            file = WaitingFile(each.path, match, sha256=self._hashes.get(match.found.path))
            if match.match is Match.UNFINISHED and match.status is FileStatus.INGEST_COMPLETE:
                emptied.append(file)
            elif match.match is not Match.SETTLED:
                to_import.append(file)
            elif match.status is FileStatus.DUPLICATE_HASH:
                self._files.add_copy(file, is_new=False)
            elif match.status is FileStatus.INGEST_COMPLETE:
                complete.append(file)
        self._files.add(emptied, first=True)
        self._files.add(to_import)
        if self._flavors and complete:
            self._take_up(complete)

    def _written(self, scanned: Sequence[ScannedFile]) -> list[tuple[ScannedFile, MatchedFile]]:
        """Write the rows of files; return those that the database accepts.

        If a chunk is refused, it is split in half until the refused file is alone, which then fails
        with the reason.
        """
        root = self._library.root

        def fill(work: UnitOfWork) -> list[MatchedFile]:
            return record_files(
                work, (_found(each, stored_path(each.path, root)) for each in scanned)
            )

        try:
            matched = write(self._library, Phase.SCANNING, fill) if scanned else []
        except FATAL_ERRORS:
            raise
        except WkmpOrmError as error:
            if len(scanned) == 1:
                self._take_in_problems([ScanProblem(scanned[0].path, reason_of(error, root))])
                return []
            half = len(scanned) // 2
            return [*self._written(scanned[:half]), *self._written(scanned[half:])]
        return list(zip(scanned, matched, strict=True))

    def _take_up(self, complete: Sequence[WaitingFile]) -> None:
        """Queue the complete files whose songs have no flavor, as there was no source before."""
        query = _LACKS_FLAVOR.where(Passage.file_id.in_([file.matched.guid for file in complete]))
        lacking = read_anew(self._library, partial(_guids, query))
        taken = [file for file in complete if file.matched.guid in lacking]
        for file in taken:
            self._statistics.taken_up(file.matched)
        self._files.add(replace(file, lacks_flavor=True) for file in taken)

    def _take_in_problems(self, problems: Sequence[ScanProblem]) -> None:
        root = self._library.root
        for problem in problems:
            self.blindness.note(problem, root)
        failures = [
            FailedFile(
                "." if problem.path == root else stored_path(problem.path, root),
                Phase.SCANNING,
                problem.reason,
            )
            for problem in problems
        ]
        self._store(failures)
        for failure in failures:
            self._statistics.unreadable(failure)

    def _store(self, failures: Sequence[FailedFile]) -> None:
        """Store the reasons of failures; one that the database refuses is only in the summary."""

        def fill(work: UnitOfWork) -> None:
            for failure in failures:
                record_failure(
                    work,
                    session_id=self._session_id,
                    path=failure.path,
                    phase=failure.phase,
                    reason=failure.reason,
                )

        try:
            if failures:
                write(self._library, Phase.SCANNING, fill)
        except FATAL_ERRORS:
            raise
        except WkmpOrmError as error:
            if len(failures) == 1:
                logger.warning("%s: why it failed cannot be stored: %s", failures[0].path, error)
                return
            half = len(failures) // 2
            self._store(failures[:half])
            self._store(failures[half:])


def _found(file: ScannedFile, path: str) -> FoundFile:
    return FoundFile(path, file.size_bytes, file.modification_time)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    # itertools.batched comes with Python 3.12.
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _guids(query: sa.Executable, session: Session) -> set[str]:
    return set(session.scalars(query))
