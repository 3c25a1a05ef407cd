"""Finds rows that contradict one another or the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm import remedies
from wkmp_orm.core.errors import WkmpOrmError
from wkmp_orm.core.remedies import Remedy, the_same
from wkmp_orm.core.table_info import TOTAL_TOLERANCE
from wkmp_orm.doctor.findings import MOST_EVIDENCE, note, warning
from wkmp_orm.doctor.mending import Mending
from wkmp_orm.import_lock import who_imports
from wkmp_orm.models import (
    File,
    FileStatus,
    ImportFailure,
    ImportSession,
    Passage,
    PassageSong,
    Setting,
    SongArtist,
)
from wkmp_orm.models.file import UNKNOWN_HASHES, is_original
from wkmp_orm.models.import_failure import WARNING
from wkmp_orm.models.import_session import FINAL_STATES
from wkmp_orm.phase import Phase
from wkmp_orm.schema.rows import row_problems
from wkmp_orm.settings import SETTINGS, SettingsSnapshot
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.doctor.findings import Finding

AHEAD: Final = timedelta(days=1)
"""How far a row's time may be ahead of this machine's, as clocks and time zones differ."""
BEYOND: Final = TICKS_PER_SECOND
"""How far a passage may end after its file: decoders count the last frame differently."""

IMPORT_AGAIN: Final = Remedy(
    "import the folder again", "import the folder again:", ("wkmp-orm", "import")
)
DELETE_FAILURES: Final = the_same("delete these rows of import_failures")
SET_CLOCK: Final = the_same("set the clock; until then rows from the future count as the newest")


def row_findings(target: DatabaseTarget, connection: sa.Connection) -> Iterator[Finding]:
    """Find rows that contradict one another, in tables with our schema. Reads every row."""
    mend = remedies.mend_rows(target.name)
    for problem in row_problems(connection):
        what = f"{problem.rows:,} {problem.what}"
        if problem.is_mendable:
            yield warning(problem.table, what, mend, fix=Mending(target))
        else:
            yield warning(problem.table, f"{what}; {problem.remedy}")
    for check in _CHECKS:
        yield from check.findings(target, connection)
    yield from _sessions(target, connection)
    yield from _failures(connection)
    yield from _settings(connection)
    yield from _clock(connection)


@dataclass(frozen=True, slots=True)
class _Contradiction:
    """A query for the names of wrong rows; `again`: an import can process them again."""

    check: str
    query: sa.Select[Any]
    of_these: str
    remedy: Remedy
    again: bool = False

    def findings(self, target: DatabaseTarget, connection: sa.Connection) -> Iterator[Finding]:
        found = self.query.subquery()
        number = connection.scalar(sa.select(sa.func.count()).select_from(found)) or 0
        if not number:
            return
        shown = connection.execute(self.query.limit(MOST_EVIDENCE)).scalars()
        fix = Mending(target, self.query) if self.again else None
        what = f"{self.of_these}: {number:,}"
        yield warning(self.check, what, self.remedy, evidence=tuple(map(str, shown)), fix=fix)


_other: Final = aliased(File)
_SET_PENDING: Final = Remedy(
    "call the finding's fix, and the next import takes them again",
    "let the next import take them again:",
    ("wkmp-orm", "doctor", "--fix"),
)
_LENGTH: Final = Passage.end_time_ticks - Passage.start_time_ticks

_CHECKS: Final = (
    _Contradiction(
        "files",
        sa.select(File.path).where(
            File.status == FileStatus.INGEST_COMPLETE,
            File.hash.not_in(UNKNOWN_HASHES),
            ~sa.exists().where(Passage.file_id == File.guid),
        ),
        "files count as imported but have no passages",
        _SET_PENDING,
        again=True,
    ),
    _Contradiction(
        "files",
        sa.select(File.path).where(
            File.status == FileStatus.DUPLICATE_HASH,
            ~sa.exists().where(_other.hash == File.hash, is_original(_other)),
        ),
        "files count as duplicates of an original that does not exist",
        _SET_PENDING,
        again=True,
    ),
    _Contradiction(
        "passages",
        sa.select(File.path)
        .join(Passage, Passage.file_id == File.guid)
        .where(Passage.end_time_ticks > File.duration_ticks + BEYOND)
        .distinct(),
        "files end before their passages do",
        IMPORT_AGAIN,
    ),
    _Contradiction(
        "passage_songs",
        sa.select(PassageSong.passage_id)
        .join(Passage, Passage.guid == PassageSong.passage_id)
        .where(PassageSong.end_time_ticks > _LENGTH + BEYOND),
        "songs end after the passages that contain them",
        IMPORT_AGAIN,
    ),
    _Contradiction(
        "song_artists",
        sa.select(SongArtist.song_id)
        .group_by(SongArtist.song_id)
        .having(sa.func.sum(SongArtist.weight) > 1 + TOTAL_TOLERANCE),
        "songs have artists whose shares sum to more than 1",
        the_same("correct the weights in song_artists"),
    ),
)


def _sessions(target: DatabaseTarget, connection: sa.Connection) -> Iterator[Finding]:
    """Find sessions of imports that died, unless an import is running."""
    holder = who_imports(target, connection)
    if holder is not None:
        yield note("import", f"an import is running: {holder}")
        return
    query = sa.select(ImportSession.root_folder).where(ImportSession.state.not_in(FINAL_STATES))
    left = [str(each) for each in connection.execute(query).scalars()]
    if left:
        what = f"import sessions count as running, but no import runs: {len(left):,}"
        yield warning("import_sessions", what, IMPORT_AGAIN, evidence=tuple(left[:MOST_EVIDENCE]))
    query = sa.select(File.path).where(File.status == FileStatus.PROCESSING)
    interrupted = [*connection.execute(query.limit(MOST_EVIDENCE)).scalars()]
    if interrupted:
        what = "an import was interrupted in these files; the next one continues with them"
        yield note("files", what, IMPORT_AGAIN, evidence=tuple(interrupted))


def _failures(connection: sa.Connection) -> Iterator[Finding]:
    """Find failures that are older than the import of their file.

    It skips failures of a scan, because the file's row says nothing about them. The two tables
    store times in different formats, so the comparison is made here.
    """
    query = (
        sa.select(ImportFailure.path, ImportFailure.occurred_at, File.updated_at)
        .join(File, File.path == ImportFailure.path)
        .where(
            ImportFailure.phase.not_in([WARNING, Phase.SCANNING]),
            File.status.in_([FileStatus.INGEST_COMPLETE, FileStatus.DUPLICATE_HASH]),
        )
    )
    left = [path for path, failed, changed in connection.execute(query) if failed < changed]
    if left:
        what = f"failures are recorded for files that were imported later: {len(left):,}"
        shown = tuple(sorted(left)[:MOST_EVIDENCE])
        yield warning("import_failures", what, DELETE_FAILURES, evidence=shown)


def _settings(connection: sa.Connection) -> Iterator[Finding]:
    rows = connection.execute(sa.select(Setting.key, Setting.value))
    snapshot = SettingsSnapshot({key: value for key, value in rows})  # noqa: C416  dict() takes no Rows
    for name in SETTINGS:
        try:
            snapshot.get(name)
        except WkmpOrmError as refused:
            yield warning("settings", refused.what, *refused.remedies)


def _clock(connection: sa.Connection) -> Iterator[Finding]:
    now = datetime.now(UTC)
    newest = connection.scalar(sa.select(sa.func.max(File.updated_at)))
    if newest is not None and newest > now + AHEAD:
        what = (
            f"this machine's clock shows {now:%Y-%m-%d %H:%M} UTC, but the newest row is from"
            f" {newest:%Y-%m-%d %H:%M}: one of them is wrong"
        )
        yield warning("clock", what, SET_CLOCK)
