"""Reads the status of a library: counts of files and songs, sessions, failures and their reasons.

Nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.models import (
    File,
    FileStatus,
    ImportFailure,
    ImportSession,
    Passage,
    PassageStatus,
    SessionState,
    Song,
    SongStatus,
)
from wkmp_orm.models.counting import count_by_status
from wkmp_orm.models.import_failure import WARNING
from wkmp_orm.phases.import_session import INTERRUPTED
from wkmp_orm.phases.members import Importer, importers_of
from wkmp_orm.phases.session_errors import spelled_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """One import session; `errors` are the first few reasons, times are UTC.

    `importers` are the processes that take part in it; on SQLite none are stored.
    """

    session_id: str
    state: SessionState
    root_folder: str
    current_operation: str
    progress_current: int
    progress_total: int
    started_at: datetime
    ended_at: datetime | None
    errors: tuple[str, ...]
    importers: tuple[Importer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a path could not be imported at the last attempt, and when (UTC).

    `file_guid` is None if the path has no row, for example a folder that could not be read.
    """

    path: str
    phase: str
    reason: str
    occurred_at: datetime
    session_id: str
    file_guid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWarning:
    """A problem with a file that was imported nevertheless, and when it was found (UTC).

    Its tags are unreadable or implausible, or its sound is damaged or truncated.
    """

    path: str
    reason: str
    occurred_at: datetime
    session_id: str
    file_guid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryStatus:
    """The number of files, passages and songs in each status, zeros included.

    `missing` files no longer existed when their folder was last imported.
    """

    files: Mapping[FileStatus, int]
    passages: Mapping[PassageStatus, int]
    songs: Mapping[SongStatus, int]
    passages_without_song: int
    missing: int


_REPORTED: Final = (
    ImportSession.session_id,
    ImportSession.state,
    ImportSession.root_folder,
    ImportSession.current_operation,
    ImportSession.progress_current,
    ImportSession.progress_total,
    ImportSession.started_at,
    ImportSession.ended_at,
    ImportSession.errors,
)
_LAST_SESSIONS: Final = (
    sa.select(*_REPORTED)
    .order_by(ImportSession.started_at.desc(), ImportSession.session_id.desc())
    .limit(sa.bindparam("number", type_=sa.Integer()))
)
_TOLD: Final = (
    ImportFailure.path,
    ImportFailure.reason,
    ImportFailure.occurred_at,
    ImportFailure.session_id,
    ImportFailure.file_id.label("file_guid"),
)
_IN_ORDER: Final = (ImportFailure.path, ImportFailure.occurred_at)
_FAILURES: Final = (
    sa.select(*_TOLD, ImportFailure.phase)
    .where(ImportFailure.phase != WARNING)
    .order_by(*_IN_ORDER)
)
_WARNINGS: Final = sa.select(*_TOLD).where(ImportFailure.phase == WARNING).order_by(*_IN_ORDER)
_MISSING: Final = sa.select(sa.func.count()).where(File.missing_since.is_not(None))
_WITHOUT_SONG: Final = sa.select(sa.func.count()).where(Passage.song_id.is_(None))


def library_status(session: Session) -> LibraryStatus:
    """Count the rows of the library by status."""
    return LibraryStatus(
        files=count_by_status(session, File.status, FileStatus, usual=FileStatus.INGEST_COMPLETE),
        passages=count_by_status(
            session,
            Passage.status,
            PassageStatus,
            usual=PassageStatus.INGEST_COMPLETE,
            in_whole_index=True,
        ),
        songs=count_by_status(session, Song.status, SongStatus, usual=SongStatus.FLAVOR_READY),
        passages_without_song=session.scalar(_WITHOUT_SONG) or 0,
        missing=session.scalar(_MISSING) or 0,
    )


def last_sessions(session: Session, number: int = 5) -> list[SessionReport]:
    """Return the sessions that started last, the latest first."""
    rows = session.execute(_LAST_SESSIONS, {"number": number}).mappings().all()
    members = importers_of(session, [row["session_id"] for row in rows])
    return [
        SessionReport(
            **{**row, "errors": spelled_errors(row["errors"])},
            importers=tuple(each for each in members if each.session_id == row["session_id"]),
        )
        for row in rows
    ]


def notes_told_before(session: Session, session_id: str) -> set[str]:
    """Return the notes of those of the ten imports before this one that had work to do.

    An import that failed or was killed showed its notes to nobody, so it does not count.
    """
    earlier = (
        sa.select(ImportSession.parameters)
        .where(
            ImportSession.session_id != session_id,
            ImportSession.progress_total > 0,
            ImportSession.state.in_((SessionState.COMPLETED, SessionState.CANCELLED)),
            ImportSession.current_operation != INTERRUPTED,
        )
        .order_by(ImportSession.started_at.desc())
        .limit(10)
    )
    told: set[str] = set()
    for parameters in session.scalars(earlier):
        notes = parameters.get("notes")
        told.update(map(str, notes if isinstance(notes, list) else ()))
    return told


def failures(session: Session) -> list[Failure]:
    """Return the failures by path; a successful import deletes a path's failure."""
    return [Failure(**row) for row in session.execute(_FAILURES).mappings()]


def warnings(session: Session) -> list[FileWarning]:
    """Return, by path, the problems of files that were imported nevertheless."""
    return [FileWarning(**row) for row in session.execute(_WARNINGS).mappings()]
