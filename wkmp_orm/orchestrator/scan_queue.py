"""The first two phases: what the scan finds becomes rows, and rows become work to do.

What is settled is settled at once. What is not waits for the end of the scan: only then is it known
which files have moved. Knows the scan and the rows of files; must not know what is done with a file
afterwards.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa

from wkmp_orm.errors import WkmpOrmError
from wkmp_orm.models import File, FileStatus, Passage, PassageSong, Song, SongStatus
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
    is_empty,
    loose_files,
    record_failure,
    record_files,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from wkmp_orm.core.remedies import Note
    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.scan import Scanned
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.phases import LooseFile
    from wkmp_orm.work import UnitOfWork

logger = logging.getLogger("wkmp_orm.orchestrator")

T = TypeVar("T")

CHUNK: Final = 500
"""Files per unit of work: 10 ms of holding the lock, and one look-up of 500 paths."""

_LACKS_FLAVOR: Final = (
    sa.select(Passage.file_id)
    .join(PassageSong, PassageSong.passage_id == Passage.guid)
    .join(Song, Song.guid == PassageSong.song_id)
    .where(Song.status == SongStatus.PENDING)
    .distinct()
)


class ScanQueue:
    """What a scan brings in: `to_import`, and the `duplicates` of which an original may change."""

    def __init__(
        self,
        library: Library,
        session_id: str,
        statistics: Statistics,
        stop: threading.Event,
        *,
        flavors: bool,
        threads: int,
        hash_of: Callable[[Path, threading.Event], str],
    ) -> None:
        """Start empty. `flavors`: there is somebody to ask for the flavor of songs.

        `hash_of` returns the SHA-256 of a file, in so many `threads` at a time.
        """
        self._library = library
        self._session_id = session_id
        self._statistics = statistics
        self._stop = stop
        self._flavors = flavors
        self._threads = threads
        self._hash_of = hash_of
        self._waiting: list[ScannedFile] = []
        self._loose: list[LooseFile] = []
        self._hashes: dict[str, str] = {}
        self.blindness = Blindness()
        self.to_import: list[WaitingFile] = []
        self.duplicates: list[WaitingFile] = []

    def take_in(self, scanned: Iterable[Scanned]) -> None:
        """Write the rows of new and changed files, in chunks. Raises the FlushErrors.

        Rows of files that lie elsewhere now follow them first. Stopped, it leaves out what is not
        written yet.
        """
        nothing_can_have_moved = is_empty(self._library)
        for chunk in _chunks(takewhile(lambda _: not self._stop.is_set(), scanned)):
            self._take_in_problems([each for each in chunk if isinstance(each, ScanProblem)])
            self._statistics.left_out(sum(isinstance(each, LeftOut) for each in chunk))
            files = [each for each in chunk if isinstance(each, ScannedFile)]
            self._take_in_files(files if nothing_can_have_moved else self._settled_of(files))
        if self._waiting and not self._stop.is_set():
            self._take_in_waiting()

    def _settled_of(self, scanned: Sequence[ScannedFile]) -> list[ScannedFile]:
        """Return the files that are settled; the others wait for the end of the scan."""
        by_path = {stored_path(each.path, self._library.root): each for each in scanned}
        loose = loose_files(self._library, [_found(each, path) for path, each in by_path.items()])
        self._loose += loose
        self._waiting += [by_path.pop(each.found.path) for each in loose]
        return list(by_path.values())

    def _take_in_waiting(self) -> None:
        """Let rows follow their files, and take in what waited for that."""
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
        """Mark what is gone below a stored path, and let copies take the place of originals.

        Returns what a person should know of what was not marked.
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
        places = {file.matched.found.path: file for file in self.duplicates}
        for each in outcome.handed_over:
            file = places.get(each.path)
            if file is None or each.found is None:
                continue
            self.duplicates.remove(file)
            if each.row.is_unfinished:
                match = MatchedFile(each.found, each.row.guid, Match.UNFINISHED, each.row.status)
                self._statistics.taken_up(match)
                self.to_import.append(WaitingFile(file.place, match))
        return outcome.note

    def promoted(self, candidates: Sequence[WaitingFile]) -> list[WaitingFile]:
        """Return those of the files, duplicates before, that were elected originals meanwhile."""
        pending: set[str] = set()
        with self._library.reader() as session:
            for chunk in _chunks(candidates):
                guids = [file.matched.guid for file in chunk]
                query = sa.select(File.guid).where(
                    File.guid.in_(guids), File.status == FileStatus.PENDING
                )
                pending.update(session.scalars(query))
        return [file for file in candidates if file.matched.guid in pending]

    def _take_in_files(self, scanned: Sequence[ScannedFile]) -> None:
        taken = self._written(scanned)
        self._statistics.matched(match for _, match in taken)
        complete: list[WaitingFile] = []
        for each, match in taken:
            file = WaitingFile(each.path, match, sha256=self._hashes.get(match.found.path))
            if match.match is not Match.SETTLED:
                self.to_import.append(file)
            elif match.status is FileStatus.DUPLICATE_HASH:
                self.duplicates.append(file)
            elif match.status is FileStatus.INGEST_COMPLETE:
                complete.append(file)
        if self._flavors and complete:
            self._take_up(complete)

    def _written(self, scanned: Sequence[ScannedFile]) -> list[tuple[ScannedFile, MatchedFile]]:
        """Write the rows of files, and leave out those that the database does not take.

        A chunk that is refused is halved, until what is refused is one file: it fails, with why.
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
        """Find the complete files whose songs have no flavor: an earlier import had no source."""
        query = _LACKS_FLAVOR.where(Passage.file_id.in_([file.matched.guid for file in complete]))
        with self._library.reader() as session:
            lacking = set(session.scalars(query))
        for file in complete:
            if file.matched.guid in lacking:
                self._statistics.taken_up(file.matched)
                self.to_import.append(replace(file, lacks_flavor=True))

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
        """Store why places failed; what the database does not take is in the summary alone."""

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
