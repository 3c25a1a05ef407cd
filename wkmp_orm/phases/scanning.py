"""Scanning and filename matching: stores which files exist, and decides what to do with each.

A new file gets a row. A changed one (by size or modification time) becomes PENDING again and keeps
its guid. An unchanged one is not written at all, unless it was missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, FileStatus
from wkmp_orm.models.file import UNKNOWN_HASHES, is_original
from wkmp_orm.phases.attempts import read_anew
from wkmp_orm.phases.hash_deduplication import list_equal_files, name_originals
from wkmp_orm.phases.missing import unmark_missing
from wkmp_orm.phases.relocation import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

SETTLED: Final = frozenset(
    {FileStatus.INGEST_COMPLETE, FileStatus.DUPLICATE_HASH, FileStatus.NO_AUDIO}
)
PATHS_AT_ONCE: Final = 500
"""Below the limit of 999 parameters in older versions of SQLite."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file found by the scan: its stored path, size in bytes and modification time (UTC)."""

    path: str
    size_bytes: int
    modification_time: datetime


class Match(Enum):
    """The result of filename matching for a found file."""

    NEW = "new"
    CHANGED = "changed"
    UNFINISHED = "unfinished"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class MatchedFile:
    """A found file, its row's guid and its match: all files but SETTLED ones must be processed.

    `was_missing` means that an earlier import did not find the file.
    """

    found: FoundFile
    guid: str
    match: Match
    status: FileStatus
    was_missing: bool = False


@dataclass(frozen=True, slots=True)
class LooseFile:
    """A found file that is not settled, with the row that has its path, or None.

    The row may belong to another file that was at this path before.
    """

    found: FoundFile
    row: StoredFile | None

    @property
    def is_changed(self) -> bool:
        """Whether the file's size or time differs from its row's."""
        return self.row is not None and _differs(self.row, self.found)


_original: Final = aliased(File)
_is_its_original: Final = (_original.hash == File.hash, is_original(_original))
# Columns, not the entity: an unreadable list of equal files must not stop a scan.
_KNOWN: Final = sa.select(
    File.path,
    File.guid,
    File.file_size_bytes.label("size_bytes"),
    File.modification_time,
    File.status,
    File.hash,
    File.created_at,
    File.missing_since,
    File.duration_ticks,
    sa.exists().where(*_is_its_original).label("has_original"),
    sa.exists()
    .where(
        *_is_its_original,
        sa.cast(File.matching_hashes, sa.Text()).contains(sa.cast(_original.guid, sa.Text())),
    )
    .label("names_original"),
)

_duplicate: Final = File.status == FileStatus.DUPLICATE_HASH
_size: Final = sa.bindparam("size", type_=File.file_size_bytes.type)
_modified: Final = sa.bindparam("modified", type_=File.modification_time.type)
# An original keeps its hash, and so its place among equal files: most changed files were only
# tagged again or touched. A duplicate must not be PENDING with the hash of its original.
_START_ANEW: Final = (
    sa.update(File)
    .where(
        File.guid == sa.bindparam("of_guid"),
        File.status == sa.bindparam("status_before"),
        File.file_size_bytes.is_distinct_from(_size)
        | File.modification_time.is_distinct_from(_modified),
    )
    .values(
        status=FileStatus.PENDING,
        hash=sa.case((_duplicate, "PENDING"), else_=File.hash),
        matching_hashes=sa.case((_duplicate, sa.null()), else_=File.matching_hashes),
        file_size_bytes=_size,
        modification_time=_modified,
        updated_at=sa.bindparam("now", type_=File.updated_at.type),
    )
)


def loose_files(library: Library, found: Sequence[FoundFile]) -> list[LooseFile]:
    """Return the found files that are new, changed or unfinished. Writes nothing."""
    known = read_anew(library, lambda session: _known(session, [file.path for file in found]))
    return [
        LooseFile(file, None if row is None else _stored(row))
        for file in found
        if (row := known.get(file.path)) is None or _match(row, file) is not Match.SETTLED
    ]


def record_files(work: UnitOfWork, found: Iterable[FoundFile]) -> list[MatchedFile]:
    """Match found files with their rows by path, and write the new and the changed ones.

    Files that were missing no longer are. Duplicates whose list names a former original get the
    present one. Call this through `in_unit_of_work`: if another worker wrote any of the files
    first, the commit is refused (ConstraintViolationError, ConditionNotMetError), and the next
    attempt finds that worker's rows.
    """
    found = list(found)
    with work.reader() as session:
        known = _known(session, [file.path for file in found])
    matched: list[MatchedFile] = []
    changed: list[tuple[Any, FoundFile]] = []
    for file in found:
        row = known.get(file.path)
        if row is None:
            handle = work.files.add(
                path=file.path,
                file_size_bytes=file.size_bytes,
                modification_time=file.modification_time,
            )
            matched.append(MatchedFile(file, handle.guid, Match.NEW, FileStatus.PENDING))
            continue
        match, status = _match(row, file), row.status
        if match is Match.CHANGED:
            changed.append((row, file))
            status = FileStatus.PENDING
        was_missing = row.missing_since is not None
        matched.append(MatchedFile(file, row.guid, match, status, was_missing))
    _start_anew(work, changed)
    if back := [file.guid for file in matched if file.was_missing]:
        unmark_missing(work, back)
    name_originals(
        work,
        (
            (known[file.found.path].hash, file.guid)
            for file in matched
            if file.match is Match.SETTLED
            and file.status is FileStatus.DUPLICATE_HASH
            and not known[file.found.path].names_original
        ),
    )
    return matched


def _known(session: Session, paths: Sequence[str]) -> dict[str, Any]:
    return {
        row.path: row
        for start in range(0, len(paths), PATHS_AT_ONCE)
        for row in session.execute(
            _KNOWN.where(File.path.in_(paths[start : start + PATHS_AT_ONCE]))
        )
    }


def _stored(row: Any) -> StoredFile:
    return StoredFile(**{name: getattr(row, name) for name in StoredFile.__slots__})


def _match(row: Any, file: FoundFile) -> Match:
    if _differs(row, file):
        return Match.CHANGED
    return Match.SETTLED if _is_settled(row) else Match.UNFINISHED


def _differs(row: Any, file: FoundFile) -> bool:
    return (row.size_bytes, row.modification_time) != (file.size_bytes, file.modification_time)


def _is_settled(row: Any) -> bool:
    """Return whether a file needs no processing; a duplicate whose original is gone needs it.

    The scan of the Rust services empties the hash and duration of complete files.
    """
    if row.status is FileStatus.DUPLICATE_HASH:
        return bool(row.has_original)
    if row.hash in UNKNOWN_HASHES:
        return False
    if row.status is FileStatus.INGEST_COMPLETE:
        return row.duration_ticks is not None
    return row.status in SETTLED


def _start_anew(work: UnitOfWork, changed: Sequence[tuple[Any, FoundFile]]) -> None:
    """Reset changed files to PENDING, and remove them from the lists of their equals."""
    if not changed:
        return
    work.execute(
        _START_ANEW,
        [
            {
                "of_guid": row.guid,
                "status_before": row.status,
                "size": file.size_bytes,
                "modified": file.modification_time,
                "now": utc_now(),
            }
            for row, file in changed
        ],
        expected=len(changed),
    )
    left = {row.hash for row, _ in changed if row.status is FileStatus.DUPLICATE_HASH}
    list_equal_files(work, dict.fromkeys(left))
